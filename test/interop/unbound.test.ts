/** Our resolver before a real validator: what is signed, what is not, and what was changed on the way. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Log } from "../../src/core/log.ts";
import { createResolver } from "../../src/parts/dns/dns.ts";
import type { DnsResolver } from "../../src/parts/dns/dns.ts";
import { peers } from "../support/peers.ts";
import { signedZones, Unbound } from "../support/peers-unbound.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const unbound = peers("unbound", "transport-data");

describe.skipIf(unbound.areMissing)(`unbound${unbound.note}`, () => {
  let server: Unbound;
  let resolver: DnsResolver;
  beforeAll(async () => {
    server = await Unbound.start(signedZones());
    const options = { servers: [server.address], timeoutMs: 3_000, retries: 0, trustAd: "loopback" } as const;
    resolver = createResolver({ ...options, inFlightMax: 32 }, { randomBytes, log: silent });
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
    expect(await resolver.checkValidation()).toBe("unavailable");
  });
});
