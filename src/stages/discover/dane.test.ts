import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { peers } from "../../../test/support/peers.ts";
import { TRANSPORT_DATA } from "../../../test/support/transport-data.ts";
import { startLoopbackDns } from "../../cli/loopback/dns-server.ts";
import { NO_STS } from "../../../test/support/no-sts.ts";
import type { LoopbackDns, Zone, ZoneEntry } from "../../cli/loopback/dns-server.ts";
import type { MxHost, Route } from "../../core/capabilities.ts";
import type { Log } from "../../core/log.ts";
import { createResolver } from "../../parts/dns/dns.ts";
import type { TrustAd } from "../../parts/dns/trust.ts";
import { NO_RULES } from "../../../test/support/rules.ts";
import { createDiscover } from "./discover.ts";
import { DISCOVER_DEFAULTS } from "./options.ts";
import type { DiscoverOptions } from "./options.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
let server: LoopbackDns | null = null;

afterEach(async () => {
  await server?.close();
  server = null;
});

type Setting = { readonly trustAd?: TrustAd; readonly options?: Partial<DiscoverOptions> };

async function discovered(zone: Zone, domain = "d.test", { trustAd = "loopback", options }: Setting = {}) {
  server ??= await startLoopbackDns(zone);
  const servers = { servers: [server.address], timeoutMs: 200, retries: 0, inFlightMax: 32, trustAd };
  const resolver = createResolver(servers, { randomBytes, log: silent });
  const deps = { resolver, chance: () => 0, log: silent, sts: NO_STS, ...NO_RULES };
  const discover = createDiscover({ ...DISCOVER_DEFAULTS, ...options }, deps);
  const { route } = await discover({ address: `p@${domain}`, localPart: "p", domain, isUtf8: false });
  const { queries } = server;
  return { route, hosts: route.kind === "hosts" ? route.hosts : [], queries };
}

const DIGEST = `3 1 1 ${"2f".repeat(32)}`;
const RECORD = { usage: 3, selector: 1, matching: 1, data: new Uint8Array(32).fill(0x2f) };
const TLSA: ZoneEntry = { TLSA: [DIGEST], authenticated: true };
const A: ZoneEntry = { A: ["192.0.2.1"], authenticated: true };
const MX: ZoneEntry = { MX: [[10, "mx.d.test"]], authenticated: true };
const insecure = ({ authenticated: _authenticated, ...entry }: ZoneEntry): ZoneEntry => entry;

function usable(baseName = "mx.d.test", ...names: readonly string[]): MxHost["dane"] {
  return { kind: "usable", records: [RECORD], baseName, names: [baseName, ...names] };
}

const all: Zone = { "d.test": MX, "mx.d.test": A, "_25._tcp.mx.d.test": TLSA };
const fails = (behaviour: "servfail" | "drop" | "bogus"): Zone => ({
  ...all,
  "_25._tcp.mx.d.test": { ...TLSA, behaviour },
});
const failed = (detail: string): MxHost["dane"] => ({ kind: "unavailable", code: "PST-DSC-008", detail });
const BOGUS: MxHost["dane"] = {
  kind: "unavailable",
  code: "PST-DSC-009",
  detail: "DNSSEC validation failed (extended error 6)",
};
/** The rows of the decision table that end in the same state of DNS. */
const PROVEN: readonly [Zone, Partial<Route>, MxHost["dane"]] = [
  all,
  { security: "secure" },
  usable("mx.d.test", "d.test"),
];
const UNPROVEN_MX: typeof PROVEN = [{ ...all, "d.test": insecure(MX) }, { security: "insecure" }, usable()];

/** By id of the decision table: a world, what is said of the route, what of the first host. */
const DECISIONS: Readonly<Record<string, readonly [Zone, Partial<Route>, MxHost["dane"] | null]>> = {
  "all-secure-match": PROVEN,
  "all-secure-mismatch": PROVEN,
  "all-secure-handshake-fails": PROVEN,
  "only-unusable": [
    { ...all, "_25._tcp.mx.d.test": { ...TLSA, TLSA: ["0 0 1 22", "3 1 1 22"] } },
    {},
    { kind: "unusable" },
  ],
  "tlsa-insecure": [{ ...all, "_25._tcp.mx.d.test": insecure(TLSA) }, {}, { kind: "none" }],
  "tlsa-secure-nxdomain": [{ ...all, "_25._tcp.mx.d.test": { ...A, behaviour: "nxdomain" } }, {}, { kind: "none" }],
  "tlsa-servfail": [fails("servfail"), {}, failed("SERVFAIL")],
  "tlsa-timeout": [fails("drop"), {}, failed("timeout")],
  "addr-a-secure-aaaa-servfail": [{ ...all, "mx.d.test": { ...A, behaviour: { AAAA: "servfail" } } }, {}, PROVEN[2]],
  "addr-aaaa-servfail-a-insecure": [
    { ...all, "d.test": insecure(MX), "mx.d.test": { ...insecure(A), behaviour: { AAAA: "servfail" } } },
    { security: "insecure" },
    { kind: "none" },
  ],
  "mx-insecure-host-secure-tlsa": UNPROVEN_MX,
  "mx-insecure-host-secure-tlsa-mismatch": UNPROVEN_MX,
  "mx-bogus": [{ "d.test": { ...MX, behaviour: "bogus" } }, { kind: "bogus", code: "PST-DSC-002" }, null],
  "mx-nxdomain": [{}, { kind: "no-such-domain" }, null],
  "implicit-mx-secure": [{ "d.test": A, "_25._tcp.d.test": TLSA }, { security: "secure" }, usable("d.test")],
  "implicit-mx-insecure": [
    { "d.test": { ...A, authenticated: ["A", "AAAA"] }, "_25._tcp.d.test": TLSA },
    { via: "implicit-mx", security: "insecure" },
    usable("d.test"),
  ],
  "one-mx-nxdomain-unsigned": [
    {
      ...all,
      "d.test": {
        MX: [
          [1, "gone.test"],
          [2, "mx.d.test"],
        ],
      },
    },
    { hosts: [expect.objectContaining({ name: "gone.test" }), expect.objectContaining({ dane: usable() })] },
    { kind: "none" },
  ],
  "mx-cname-secure-chain-tlsa-at-target": [
    { ...all, "mx.d.test": { CNAME: "end.test", authenticated: true }, "end.test": A, "_25._tcp.end.test": TLSA },
    {},
    usable("end.test", "mx.d.test", "d.test"),
  ],
  "mx-cname-secure-target-insecure": [
    {
      ...all,
      "mx.d.test": { CNAME: "end.test", authenticated: true },
      "end.test": insecure(A),
      "_25._tcp.end.test": TLSA,
    },
    {},
    usable("mx.d.test", "d.test"),
  ],
  "mx-cname-alias-insecure": [
    { ...all, "mx.d.test": { CNAME: "end.test" }, "end.test": A, "_25._tcp.end.test": TLSA },
    {},
    { kind: "none" },
  ],
  "domain-cname-insecure": [
    { ...all, "d.test": { CNAME: "real.test" }, "real.test": MX },
    { security: "insecure" },
    usable(),
  ],
  "tlsa-cname-secure": [
    { ...all, "_25._tcp.mx.d.test": { CNAME: "_dane.d.test", authenticated: true }, "_dane.d.test": TLSA },
    {},
    PROVEN[2],
  ],
};
/** Decided by whom AD is believed, or by two questions: tests of their own below. */
const APART = ["resolver-not-loopback", "resolver-not-validating", "two-domains-one-mx-different-security"];

describe("the decision table", () => {
  test.each(Object.entries(DECISIONS))("%s", async (_id, [zone, expected, dane]) => {
    const { route, hosts } = await discovered(zone);
    expect(route).toMatchObject(expected);
    expect(hosts[0]?.dane ?? null).toEqual(dane);
  });

  const data = peers("transport-data");
  test.skipIf(data.areMissing)(`has no row that is not here${data.note}`, () => {
    const text = readFileSync(join(TRANSPORT_DATA, "dane-decision.json"), "utf8");
    const { cases } = JSON.parse(text) as { readonly cases: readonly { readonly id: string }[] };
    expect(cases.map(({ id }) => id).toSorted()).toEqual([...Object.keys(DECISIONS), ...APART].toSorted());
  });
});

describe("TLSA", () => {
  const asked = (queries: LoopbackDns["queries"]): readonly string[] =>
    queries.filter(({ type }) => type === "TLSA" || type === "CNAME").map(({ type, name }) => `${type} ${name}`);

  test("is not asked for where the address is insecure, whatever there is", async () => {
    const { hosts, queries } = await discovered({ ...all, "mx.d.test": insecure(A) });
    expect([hosts[0]?.dane, asked(queries)]).toEqual([{ kind: "none" }, []]);
  });

  test("is asked for once, and no alias, where the address is secure", async () => {
    expect(asked((await discovered(all)).queries)).toEqual(["TLSA _25._tcp.mx.d.test"]);
  });

  test.each<TrustAd>(["never", "loopback"])(
    "of a resolver that does not vouch is not asked for: %s",
    async (trustAd) => {
      const zone =
        trustAd === "never" ? all : Object.fromEntries(Object.entries(all).map(([k, v]) => [k, insecure(v)]));
      const { route, hosts, queries } = await discovered(zone, "d.test", { trustAd });
      expect([route, hosts[0]?.dane, asked(queries)]).toMatchObject([{ security: "insecure" }, { kind: "none" }, []]);
    },
  );

  test("that failed validation is unavailable, with a code of its own", async () => {
    expect((await discovered(fails("bogus"))).hosts[0]?.dane).toEqual(BOGUS);
  });

  test("of an alias is looked for at the end of the chain, then at the name in the MX record", async () => {
    const zone = { ...all, "mx.d.test": { CNAME: "end.test", authenticated: true }, "end.test": A };
    const { hosts, queries } = await discovered(zone);
    expect(hosts[0]?.dane).toEqual(usable("mx.d.test", "end.test", "d.test"));
    expect(asked(queries)).toEqual(["TLSA _25._tcp.end.test", "TLSA _25._tcp.mx.d.test"]);
  });

  test("that fails at the end of the chain is unavailable, and the first name is not asked instead", async () => {
    const end = { "end.test": A, "_25._tcp.end.test": { behaviour: "servfail" } } as const;
    const { hosts } = await discovered({ ...all, "mx.d.test": { CNAME: "end.test", authenticated: true }, ...end });
    expect(hosts[0]?.dane).toEqual(failed("SERVFAIL"));
  });

  test.each([
    ["drop", failed("timeout")],
    ["bogus", BOGUS],
  ] as const)("is unavailable where nobody can say whether the alias is signed: %s", async (behaviour, expected) => {
    const alias = { CNAME: "end.test", authenticated: true, behaviour: { CNAME: behaviour } } as const;
    const { hosts } = await discovered({ ...all, "mx.d.test": alias, "end.test": insecure(A) });
    expect(hosts[0]?.dane).toEqual(expected);
  });

  test("records of which some are usable bind with those alone", async () => {
    const records = ["1 1 1 22", new Uint8Array([3]), DIGEST, "3 1 1 22"];
    const { hosts } = await discovered({ ...all, "_25._tcp.mx.d.test": { ...TLSA, TLSA: records } });
    expect(hosts[0]?.dane).toEqual(usable("mx.d.test", "d.test"));
  });

  test("records nobody can read are unusable, not absent", async () => {
    const records = [new Uint8Array(0), new Uint8Array([3, 1])];
    const { hosts } = await discovered({ ...all, "_25._tcp.mx.d.test": { ...TLSA, TLSA: records } });
    expect(hosts[0]?.dane).toEqual({ kind: "unusable" });
  });

  test("a certificate may name the domain and what it is an alias of, where the MX look-up is secure", async () => {
    const { hosts } = await discovered({ ...all, "a.test": { CNAME: "d.test", authenticated: true } }, "a.test");
    expect(hosts[0]?.dane).toEqual(usable("mx.d.test", "a.test", "d.test"));
  });

  test("is looked up at the port that is dialled, of a smarthost at its own", async () => {
    const zone = { ...all, "_2525._tcp.mx.d.test": TLSA, "_25._tcp.mx.d.test": {} };
    expect((await discovered(zone, "d.test", { options: { port: 2525 } })).hosts[0]?.dane).toMatchObject({
      kind: "usable",
    });
    const smarthosts = [{ domains: null, host: "MX.d.test", port: 2525 }];
    const { route, hosts } = await discovered(zone, "other.test", { options: { smarthosts } });
    expect([route, hosts[0]?.dane]).toMatchObject([{ via: "smarthost", security: "insecure" }, usable()]);
  });

  test.each(["[192.0.2.1]", "by-address.test"])("is not asked for about an address: %s", async (domain) => {
    const smarthosts = [{ domains: ["by-address.test"], host: "192.0.2.1", port: 25 }];
    const { hosts, queries } = await discovered(all, domain, { options: { smarthosts } });
    expect([hosts[0]?.dane, queries]).toEqual([{ kind: "none" }, []]);
  });

  test("two domains with one server have each their own verdict about it", async () => {
    const zone = { ...all, "e.test": insecure(MX) };
    const [d, e] = [await discovered(zone), await discovered(zone, "e.test")];
    expect([d.route, e.route]).toMatchObject([{ security: "secure" }, { security: "insecure" }]);
    expect([d.hosts[0]?.dane, e.hosts[0]?.dane]).toEqual([usable("mx.d.test", "d.test"), usable()]);
  });

  test("of many servers is looked up for all, a few servers at once", async () => {
    const names = Array.from({ length: 12 }, (_, n) => `h${n}.test`);
    const zone: Zone = {
      "d.test": { MX: names.map((name, n) => [n, name] as const), authenticated: true },
      ...Object.fromEntries(names.flatMap((name) => [[name, A] as const, [`_25._tcp.${name}`, TLSA] as const])),
    };
    expect((await discovered(zone)).hosts.map(({ dane }) => dane)).toEqual(names.map((name) => usable(name, "d.test")));
  });
});
