import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { startLoopbackDns } from "../../cli/loopback/dns-server.ts";
import type { LoopbackDns, Zone } from "../../cli/loopback/dns-server.ts";
import type { Log } from "../../core/log.ts";
import { createResolver } from "./dns.ts";
import type { DnsResolver, ResolverOptions } from "./dns.ts";
import { readTlsa } from "./tlsa.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(zone: Zone): Promise<LoopbackDns> {
  const server = await startLoopbackDns(zone);
  closers.push(() => server.close());
  return server;
}

function resolverFor(servers: readonly string[], options: Partial<ResolverOptions> = {}, log = silent): DnsResolver {
  const defaults = { timeoutMs: 250, retries: 0, trustAd: "loopback", inFlightMax: 32 } as const;
  return createResolver({ ...defaults, ...options, servers }, { randomBytes, log });
}

async function resolving(zone: Zone, options: Partial<ResolverOptions> = {}): Promise<DnsResolver> {
  return resolverFor([(await serve(zone)).address], options);
}

describe("MX", () => {
  test("records are delivered in lower case with their preference", async () => {
    const resolver = await resolving({ "example.test": { MX: [[10, "MX1.Example.Test"]] } });
    expect(await resolver.mx("example.test")).toEqual({
      kind: "found",
      value: [{ preference: 10, exchange: "mx1.example.test" }],
      security: "insecure",
    });
  });

  test("the null MX is delivered with an empty exchange", async () => {
    const resolver = await resolving({ "example.test": { MX: [[0, "."]] } });
    expect(await resolver.mx("example.test")).toMatchObject({ value: [{ preference: 0, exchange: "" }] });
  });

  test("an exchange that is no host name is dropped, and alone it leaves a found but empty answer", async () => {
    const resolver = await resolving({
      "some.test": {
        MX: [
          [10, "under_score.test"],
          [20, "192.0.2.1"],
          [30, "good.test"],
        ],
      },
      "none.test": { MX: [[10, "bad host.test"]] },
    });
    expect(await resolver.mx("some.test")).toMatchObject({ value: [{ preference: 30, exchange: "good.test" }] });
    expect(await resolver.mx("none.test")).toEqual({ kind: "found", value: [], security: "insecure" });
  });

  test("a domain that is no name is unavailable and nothing is asked", async () => {
    const server = await serve({});
    expect(await resolverFor([server.address]).mx("not a name.test")).toMatchObject({ kind: "unavailable" });
    expect(server.queries).toEqual([]);
  });
});

describe("unknown is not absent", () => {
  const zone: Zone = {
    "parent.test": { TXT: ["here"] },
    "servfail.test": { behaviour: "servfail" },
    "bogus.test": { behaviour: "bogus" },
    "refused.test": { behaviour: "refused" },
    "drop.test": { behaviour: "drop" },
    "garbage.test": { behaviour: "garbage" },
    "wrong-id.test": { behaviour: "wrong-id", MX: [[1, "evil.test"]] },
    "wrong-question.test": { behaviour: "wrong-question", MX: [[1, "evil.test"]] },
    "loop.test": { CNAME: "loop.test" },
    "dangling.test": { CNAME: "nowhere.test" },
    "alias.test": { CNAME: "parent.test" },
  };
  test.each([
    ["parent.test", { kind: "absent", reason: "nodata" }],
    ["missing.test", { kind: "absent", reason: "nxdomain" }],
    ["test", { kind: "absent", reason: "nodata" }],
    ["alias.test", { kind: "absent", reason: "nodata" }],
    ["dangling.test", { kind: "absent", reason: "nxdomain" }],
    ["servfail.test", { kind: "unavailable", detail: "SERVFAIL" }],
    ["bogus.test", { kind: "bogus" }],
    ["refused.test", { kind: "unavailable", detail: "REFUSED" }],
    ["drop.test", { kind: "unavailable", detail: "timeout" }],
    ["garbage.test", { kind: "unavailable", detail: "malformed" }],
    ["wrong-id.test", { kind: "unavailable", detail: "timeout" }],
    ["wrong-question.test", { kind: "unavailable", detail: "timeout" }],
    ["loop.test", { kind: "unavailable" }],
  ])("the MX of %s is %o", async (domain, expected) => {
    const resolver = await resolving(zone);
    expect(await resolver.mx(domain)).toMatchObject(expected);
  });

  test("a server that is not there is unavailable", async () => {
    const server = await serve({});
    await server.close();
    closers.pop();
    const answer = await resolverFor([server.address]).mx("example.test");
    expect(answer).toMatchObject({ kind: "unavailable", detail: expect.stringMatching(/^(network error|timeout)/) });
  });
});

describe("servers", () => {
  const good: Zone = { "example.test": { MX: [[10, "mx.example.test"]] } };

  test.each(["servfail", "refused", "drop", "garbage"] as const)(
    "the next server is asked where one answers with %s",
    async (behaviour) => {
      const [bad, other] = [await serve({ "example.test": { behaviour } }), await serve(good)];
      expect(await resolverFor([bad.address, other.address]).mx("example.test")).toMatchObject({ kind: "found" });
      expect(bad.queries).toHaveLength(1);
    },
  );

  test.each(["bogus", "nxdomain"] as const)("the verdict %s is final", async (behaviour) => {
    const [first, other] = [await serve({ "example.test": { behaviour } }), await serve(good)];
    expect(await resolverFor([first.address, other.address]).mx("example.test")).not.toMatchObject({ kind: "found" });
    expect(other.queries).toEqual([]);
  });

  test("a silent server is asked again in each round, one that refused is not", async () => {
    const quiet = await serve({ "example.test": { behaviour: "drop" } });
    const refusing = await serve({ "example.test": { behaviour: "refused" } });
    await resolverFor([quiet.address, refusing.address], { retries: 2, timeoutMs: 20 }).mx("example.test");
    expect([quiet.queries.length, refusing.queries.length]).toEqual([3, 1]);
  });

  test("beside a validating server no other is asked, and the log says so", async () => {
    const validating = await serve({ "example.test": { behaviour: "drop" } });
    const warnings: unknown[] = [];
    const log: Log = { ...silent, warn: (event, fields) => warnings.push([event, fields?.["server"]]) };
    const resolver = resolverFor([validating.address, "192.0.2.53:53"], { retries: 0, timeoutMs: 20 }, log);
    expect(await resolver.mx("example.test")).toMatchObject({ kind: "unavailable", detail: "timeout" });
    expect(warnings).toEqual([["dns_server_not_asked", "192.0.2.53:53"]]);
  });

  test("no server at all is refused at once", () => {
    expect(() => resolverFor([])).toThrow("no DNS server is configured");
  });
});

describe("DNSSEC", () => {
  const zone: Zone = {
    "signed.test": { MX: [[10, "mx.signed.test"]], authenticated: true },
    "out.signed.test": { CNAME: "plain.test", authenticated: true },
    "plain.test": { MX: [[10, "mx.plain.test"]] },
    "one.test": { A: ["192.0.2.1"], AAAA: [], authenticated: true },
  };
  test.each([
    ["loopback", "signed.test", "secure"],
    ["always", "signed.test", "secure"],
    ["never", "signed.test", "insecure"],
    ["loopback", "plain.test", "insecure"],
    ["loopback", "out.signed.test", "insecure"],
  ] as const)("under the rule %s the answer for %s is %s", async (trustAd, domain, security) => {
    const resolver = await resolving(zone, { trustAd });
    expect(await resolver.mx(domain)).toMatchObject({ kind: "found", security });
  });

  test("the check of validation tells a validating resolver from one that is not", async () => {
    const signed = { "signed.test": { authenticated: true }, "plain.test": {}, "down.test": { behaviour: "servfail" } };
    const resolver = await resolving(signed as Zone);
    expect(await resolver.checkValidation("signed.test")).toBe("validating");
    expect(await resolver.checkValidation("plain.test")).toBe("not-validating");
    expect(await resolver.checkValidation("down.test")).toBe("unavailable");
    expect(await resolver.checkValidation(".")).toBe("not-validating");
  });

  test("one server that does not validate is enough to say no, one that is away is not", async () => {
    const name = "signed.test";
    const good = await serve({ [name]: { authenticated: true } });
    const [plain, down] = [await serve({ [name]: {} }), await serve({ [name]: { behaviour: "refused" } })];
    const check = (...servers: readonly LoopbackDns[]): Promise<string> =>
      resolverFor(servers.map(({ address }) => address)).checkValidation(name);
    expect(await check(good, plain)).toBe("not-validating");
    expect(await check(down, good)).toBe("validating");
    expect(await check(down, plain)).toBe("not-validating");
    expect(await check(down)).toBe("unavailable");
  });

  test("a server that is not believed is not asked whether it validates", async () => {
    const server = await serve({ "signed.test": { authenticated: true } });
    const resolver = resolverFor([server.address], { trustAd: "never" });
    expect(await resolver.checkValidation("signed.test")).toBe("not-validating");
    expect([resolver.isAdTrusted, server.queries]).toEqual([false, []]);
  });
});

describe("addresses", () => {
  const both = { A: ["192.0.2.1"], AAAA: ["2001:db8::1"] };
  test.each<[string, Zone[string], object]>([
    ["both families", both, { kind: "found", value: ["2001:db8::1", "192.0.2.1"], security: "insecure" }],
    ["one family", { A: ["192.0.2.1"], authenticated: true }, { value: ["192.0.2.1"], security: "secure" }],
    ["a failing AAAA", { ...both, behaviour: { AAAA: "servfail" } }, { kind: "found", value: ["192.0.2.1"] }],
    ["a bogus A", { ...both, behaviour: { A: "bogus" } }, { kind: "found", value: ["2001:db8::1"] }],
    ["no A and a failing AAAA", { behaviour: { AAAA: "servfail" } }, { kind: "unavailable" }],
    ["no AAAA and a bogus A", { behaviour: { A: "bogus" } }, { kind: "bogus" }],
    ["neither family", { TXT: ["x"] }, { kind: "absent", reason: "nodata" }],
  ])("%s", async (_name, entry, expected) => {
    const resolver = await resolving({ "mx.test": entry });
    expect(await resolver.addresses("mx.test")).toMatchObject(expected);
  });

  test("an unknown host is absent", async () => {
    expect(await (await resolving({})).addresses("mx.test")).toMatchObject({ kind: "absent", reason: "nxdomain" });
  });

  test("aliases are followed within the answer", async () => {
    const resolver = await resolving({
      "a.test": { CNAME: "b.test" },
      "b.test": { CNAME: "c.test" },
      "c.test": { A: ["192.0.2.9"] },
    });
    const expected = { kind: "found", value: ["192.0.2.9"], security: "insecure" };
    expect(await resolver.addresses("a.test")).toEqual({ ...expected, expandedName: "c.test" });
    expect(await resolver.addresses("c.test")).toEqual(expected);
  });
});

describe("TXT", () => {
  test("the strings of one record are joined without blanks and service names are allowed", async () => {
    const resolver = await resolving({ "_mta-sts.example.test": { TXT: [["v=STSv1; ", "id=1;"], "other"] } });
    expect(await resolver.txt("_mta-sts.example.test")).toMatchObject({ value: ["v=STSv1; id=1;", "other"] });
  });
});

describe("TLSA", () => {
  const digest = "ab".repeat(32);
  const record = { usage: 3, selector: 1, matching: 1, data: new Uint8Array(32).fill(0xab) };
  const zone: Zone = {
    "_25._tcp.mx.test": { TLSA: [`3 1 1 ${digest}`, `2 0 0 3001`], authenticated: true },
    "_25._tcp.alias.test": { CNAME: "_25._tcp.mx.test", authenticated: true },
    "_25._tcp.odd.test": { TLSA: [new Uint8Array(0), new Uint8Array([3, 1])], authenticated: true },
    "_25._tcp.mixed.test": { TLSA: [new Uint8Array([3]), `3 1 1 ${digest}`] },
    "_25._tcp.down.test": { behaviour: { TLSA: "servfail" } },
    "_25._tcp.forged.test": { behaviour: "bogus" },
    "_25._tcp.none.test": { TXT: ["x"], authenticated: true },
  };
  test.each([
    ["mx", { kind: "found", value: [record, { usage: 2, selector: 0, matching: 0 }], security: "secure" }],
    ["alias", { kind: "found", value: [record, {}], security: "secure", expandedName: "_25._tcp.mx.test" }],
    ["odd", { kind: "found", value: [], security: "secure" }],
    ["mixed", { kind: "found", value: [record], security: "insecure" }],
    ["down", { kind: "unavailable", detail: "SERVFAIL" }],
    ["forged", { kind: "bogus" }],
    ["none", { kind: "absent", reason: "nodata", security: "secure" }],
    ["gone", { kind: "absent", reason: "nxdomain" }],
  ])("the records of %s are %o", async (host, expected) => {
    expect(await (await resolving(zone)).tlsa(`_25._tcp.${host}.test`)).toMatchObject(expected);
  });

  test("octets of any number make a record or none, and nothing is lost of those that do", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (rdata) => {
        const read = readTlsa(rdata);
        const octets = read === null ? null : [read.usage, read.selector, read.matching, ...read.data];
        expect(octets).toEqual(rdata.length < 3 ? null : [...rdata]);
      }),
    );
  });
});

describe("an alias", () => {
  const zone: Zone = {
    "alias.test": { CNAME: "plain.test", authenticated: true },
    "plain.test": { A: ["192.0.2.1"] },
    "self.test": { CNAME: "self.test" },
    "down.test": { behaviour: { CNAME: "drop" } },
  };
  test.each([
    ["alias.test", { kind: "found", value: "plain.test", security: "secure" }],
    ["self.test", { kind: "found", value: "self.test", security: "insecure" }],
    ["plain.test", { kind: "absent", reason: "nodata", security: "insecure" }],
    ["down.test", { kind: "unavailable", detail: "timeout" }],
    ["under_score.test", { kind: "unavailable", detail: "not a name that DNS can be asked for" }],
  ])("%s asked for by itself is %o", async (host, expected) => {
    expect(await (await resolving(zone)).cname(host)).toEqual(expected);
  });

  test("into an unsigned zone is secure by itself, though what it leads to is not", async () => {
    const resolver = await resolving(zone);
    expect(await resolver.addresses("alias.test")).toMatchObject({ security: "insecure", expandedName: "plain.test" });
  });
});

describe("truncation", () => {
  test("a truncated answer is asked again over TCP", async () => {
    const server = await serve({ "example.test": { MX: [[10, "mx.test"]], behaviour: "truncate" } });
    expect(await resolverFor([server.address]).mx("example.test")).toMatchObject({ kind: "found" });
    expect(server.queries.map(({ transport }) => transport)).toEqual(["udp", "tcp"]);
  });

  test("an answer larger than the EDNS size comes whole over TCP", async () => {
    const TXT = Array.from({ length: 30 }, (_, index) => `${index}`.padEnd(120, "x"));
    const resolver = await resolving({ "big.test": { TXT } });
    expect(await resolver.txt("big.test")).toMatchObject({ kind: "found", value: TXT });
  });

  test.each([
    ["closes at once", Buffer.alloc(0)],
    ["cuts the message short", Buffer.from([0, 200, 1, 2, 3])],
    ["answers something else", Buffer.concat([Buffer.from([0, 40]), Buffer.alloc(40)])],
  ])("TCP that %s is unavailable, never a part of the answer", async (_name, bytes) => {
    const tcp = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.resume().end(bytes);
    });
    await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket("udp4");
    udp.on("message", (query, peer) => udp.send(truncatedEcho(query), peer.port, peer.address));
    await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
    closers.push(
      () => new Promise((resolve) => udp.close(() => resolve())),
      () => new Promise((resolve) => tcp.close(() => resolve())),
    );
    const answer = await resolverFor([`127.0.0.1:${port}`]).mx("example.test");
    expect(answer).toEqual({ kind: "unavailable", detail: "malformed" });
  });
});

function truncatedEcho(query: Buffer): Buffer {
  const response = Buffer.from(query);
  response[2] = 0x83;
  return response;
}

describe("questions in flight", () => {
  test("the same question is sent once while it is in flight and again afterwards", async () => {
    const server = await serve({ "example.test": { MX: [[10, "mx.test"]] } });
    const resolver = resolverFor([server.address]);
    await Promise.all([resolver.mx("example.test"), resolver.mx("Example.Test"), resolver.mx("example.test.")]);
    expect(server.queries).toHaveLength(1);
    await resolver.mx("example.test");
    expect(server.queries).toHaveLength(2);
  });

  test("an aborted question is unavailable at once, and others waiting for it still get their answer", async () => {
    const udp = createSocket("udp4");
    closers.push(() => new Promise<void>((resolve) => udp.close(() => resolve())));
    await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
    const resolver = resolverFor([`127.0.0.1:${udp.address().port}`], { timeoutMs: 5000 });
    const [mine, all] = [new AbortController(), new AbortController()];
    const asked = new Promise<void>((resolve) => udp.once("message", () => resolve()));
    const answers = [resolver.mx("example.test", mine.signal), resolver.mx("example.test", all.signal)];
    await asked;
    mine.abort();
    expect(await answers[0]).toEqual({ kind: "unavailable", detail: "aborted" });
    all.abort();
    expect(await answers[1]).toEqual({ kind: "unavailable", detail: "aborted" });
    expect(await resolver.mx("example.test", mine.signal)).toEqual({ kind: "unavailable", detail: "aborted" });
  });
});
