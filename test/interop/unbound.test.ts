/** Our resolver and discovery before a real validator: what is signed, what is not, and what was changed on the way. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NO_STS } from "../support/no-sts.ts";
import type { Log } from "../../src/core/log.ts";
import { createResolver } from "../../src/parts/dns/dns.ts";
import type { DnsResolver } from "../../src/parts/dns/dns.ts";
import type { Capabilities } from "../../src/core/capabilities.ts";
import { createDiscover } from "../../src/stages/discover/discover.ts";
import { DISCOVER_DEFAULTS } from "../../src/stages/discover/options.ts";
import { peers } from "../support/peers.ts";
import { NO_RULES } from "../support/rules.ts";
import { signedZones, Unbound } from "../support/peers-unbound.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const unbound = peers("unbound", "transport-data");

function resolverOf({ address }: Unbound): DnsResolver {
  const options = { servers: [address], timeoutMs: 3_000, retries: 0, trustAd: "loopback", inFlightMax: 32 } as const;
  return createResolver(options, { randomBytes, log: silent });
}

async function routeOf(domain: string, resolver: DnsResolver, port = 2525): Promise<Capabilities["route"]> {
  const discover = createDiscover(
    { ...DISCOVER_DEFAULTS, port },
    { resolver, chance: () => 0, log: silent, sts: NO_STS, ...NO_RULES },
  );
  return (await discover({ address: `p@${domain}`, localPart: "p", domain, isUtf8: false })).route;
}

describe.skipIf(unbound.areMissing)(`unbound${unbound.note}`, () => {
  let server: Unbound;
  let resolver: DnsResolver;
  beforeAll(async () => {
    server = await Unbound.start(signedZones());
    resolver = resolverOf(server);
  }, 30_000);
  afterAll(() => server.stop());

  test("answers and denials of a signed zone are secure", async () => {
    expect(await resolver.mx("secure.test")).toMatchObject({ kind: "found", security: "secure" });
    expect(await resolver.addresses("mx1.secure.test")).toMatchObject({ value: ["127.0.0.1"], security: "secure" });
    expect(await resolver.mx("mx1.secure.test")).toEqual({ kind: "absent", reason: "nodata", security: "secure" });
    expect(await resolver.mx("gone.secure.test")).toEqual({ kind: "absent", reason: "nxdomain", security: "secure" });
  });

  test("answers and denials of an unsigned zone are insecure", async () => {
    expect(await resolver.mx("insecure.test")).toMatchObject({ kind: "found", security: "insecure" });
    expect(await resolver.mx("gone.insecure.test")).toMatchObject({ reason: "nxdomain", security: "insecure" });
  });

  test("an answer that was changed on the way is bogus", async () => {
    expect(await resolver.addresses("mx.bogus.test")).toMatchObject({ kind: "bogus" });
  });

  test("a signed zone of the operator proves that it validates, and nobody else is asked", async () => {
    expect(await resolver.checkValidation("secure.test")).toBe("validating");
    expect(await resolver.checkValidation("insecure.test")).toBe("not-validating");
    expect(await resolver.checkValidation(".")).toBe("unavailable");
  });

  test("DANE of a signed zone binds with the records of the port that is dialled, the wrong ones too", async () => {
    const matching = "6af4b39445784c6e71dc1f62df54e3f7c189a0513d70950ac8e67809eb96bf0b";
    const [right, wrong] = [Buffer.from(matching, "hex"), Buffer.alloc(32)].map((data) => ({
      usage: 3,
      selector: 1,
      matching: 1,
      data: Uint8Array.from(data),
    }));
    expect(await routeOf("secure.test", resolver)).toMatchObject({
      security: "secure",
      hosts: [
        {
          name: "mx1.secure.test",
          dane: {
            kind: "usable",
            baseName: "mx1.secure.test",
            names: ["mx1.secure.test", "secure.test"],
            records: [right],
          },
        },
        { name: "mx2.secure.test", dane: { kind: "usable", records: [wrong] } },
      ],
    });
    const onPort25 = await routeOf("secure.test", resolver, 25);
    expect(onPort25).toMatchObject({ hosts: [{ dane: { kind: "usable" } }, { dane: { kind: "unusable" } }] });
    expect(await routeOf("secure.test", resolver, 26)).toMatchObject({ hosts: [{ dane: { kind: "none" } }, {}] });
  });

  test("DANE of a signed server behind an unsigned MX does not vouch for the domain", async () => {
    const dane = { kind: "usable", names: ["mx1.secure.test"] };
    expect(await routeOf("insecure.test", resolver)).toMatchObject({ security: "insecure", hosts: [{ dane }] });
  });

  test("DANE of an unsigned server is none, though records are there", async () => {
    expect(await routeOf("toinsec.secure.test", resolver, 25)).toMatchObject({
      security: "secure",
      hosts: [{ name: "mx.insecure.test", addresses: { security: "insecure" }, dane: { kind: "none" } }],
    });
  });

  test("DANE of a server without records is none, and the implicit MX is secure", async () => {
    const hosts = [{ addresses: { security: "secure" }, dane: { kind: "none" } }];
    expect(await routeOf("nomx.secure.test", resolver)).toMatchObject({
      via: "implicit-mx",
      security: "secure",
      hosts,
    });
  });

  test("DANE of an alias is that of the server at its end", async () => {
    const dane = { kind: "usable", baseName: "mx1.secure.test", names: ["mx1.secure.test", "alias.secure.test"] };
    expect(await routeOf("alias.secure.test", resolver)).toMatchObject({
      hosts: [{ name: "alias.secure.test", dane }],
    });
  });

  test("an address that was changed on the way makes the server unusable, and TLSA is not asked for", async () => {
    const hosts = [{ addresses: { kind: "bogus" }, dane: { kind: "none" } }];
    expect(await routeOf("bogus.test", resolver)).toMatchObject({ security: "secure", hosts });
  });

  test("TLSA records that were changed or taken away on the way are unavailable, never none", async () => {
    const { zones, anchors } = signedZones();
    const changed = zones["secure.test"]?.replace(/^(_2525\._tcp\.mx1.*TLSA.*)0b$/m, "$10c");
    const missing = changed?.replace(/^_2525\._tcp\.mx2.*\n/gm, "");
    expect(missing).not.toBe(zones["secure.test"]);
    const forger = await Unbound.start({ zones: { "secure.test": missing ?? "" }, anchors });
    try {
      const hosts = Array.from({ length: 2 }, () => ({ dane: { kind: "unavailable", code: "PST-DSC-009" } }));
      expect(await routeOf("secure.test", resolverOf(forger))).toMatchObject({ security: "secure", hosts });
    } finally {
      await forger.stop();
    }
  });
});
