import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NO_STS } from "../../../test/support/no-sts.ts";
import type { Capabilities, Route } from "../../core/capabilities.ts";
import type { Chance } from "../../core/clock.ts";
import type { DnsAnswer, MxRecord, Resolver } from "../../core/dns-answer.ts";
import type { Log } from "../../core/log.ts";
import { NO_RULES } from "../../../test/support/rules.ts";
import { createDiscover } from "./discover.ts";
import { orderMx } from "./mx-order.ts";
import { DISCOVER_DEFAULTS } from "./options.ts";
import type { DiscoverOptions } from "./options.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const first: Chance = () => 0;

const nxdomain = { kind: "absent", reason: "nxdomain", security: "insecure" } as const;
const nodata = { kind: "absent", reason: "nodata", security: "secure" } as const;
const unavailable = { kind: "unavailable", detail: "timeout" } as const;
const bogus = { kind: "bogus", detail: "extended error 6" } as const;

type World = {
  readonly mx?: Record<string, DnsAnswer<readonly MxRecord[]>>;
  readonly addresses?: Record<string, DnsAnswer<readonly string[]>>;
  readonly options?: Partial<DiscoverOptions>;
};

function mx(...records: readonly (readonly [number, string])[]): DnsAnswer<readonly MxRecord[]> {
  const value = records.map(([preference, exchange]) => ({ preference, exchange }));
  return { kind: "found", value, security: "secure" };
}

function at(...addresses: readonly string[]): DnsAnswer<readonly string[]> {
  return { kind: "found", value: addresses, security: "insecure" };
}

function resolverOf({ mx = {}, addresses = {} }: World): Resolver {
  return {
    mx: (domain) => Promise.resolve(mx[domain] ?? nxdomain),
    addresses: (host) => Promise.resolve(addresses[host] ?? nxdomain),
    txt: () => Promise.reject(new Error("not asked")),
    tlsa: () => Promise.resolve(nodata),
    cname: () => Promise.resolve(nodata),
  };
}

function discovered(domain: string, world: World, chance = first): Promise<Capabilities> {
  const deps = { resolver: resolverOf(world), chance, log: silent, sts: NO_STS, ...NO_RULES };
  const discover = createDiscover({ ...DISCOVER_DEFAULTS, ...world.options }, deps);
  return discover({ address: `p@${domain}`, localPart: "p", domain, isUtf8: false });
}

async function route(domain: string, world: World): Promise<Route> {
  return (await discovered(domain, world)).route;
}

function namesOf(found: Route): readonly string[] {
  return found.kind === "hosts" ? found.hosts.map(({ name }) => name) : [];
}

describe("MX", () => {
  const addresses = { "a.test": at("192.0.2.1"), "b.test": at("192.0.2.2"), "c.test": at("192.0.2.3") };

  test("hosts come lower preference first, each with its own answer", async () => {
    const found = await route("d.test", { mx: { "d.test": mx([20, "b.test"], [10, "a.test"]) }, addresses });
    expect(found).toEqual({
      kind: "hosts",
      via: "mx",
      security: "secure",
      hosts: [
        { name: "a.test", preference: 10, addresses: at("192.0.2.1"), dane: { kind: "none" }, sts: { kind: "none" } },
        { name: "b.test", preference: 20, addresses: at("192.0.2.2"), dane: { kind: "none" }, sts: { kind: "none" } },
      ],
    });
  });

  test("a host named twice is tried once, at its better preference", async () => {
    const records = mx([30, "a.test"], [20, "b.test"], [10, "a.test"]);
    expect(namesOf(await route("d.test", { mx: { "d.test": records }, addresses }))).toEqual(["a.test", "b.test"]);
  });

  test.each<[string, World, Partial<Route>]>([
    ["a null MX alone", { mx: { "d.test": mx([0, ""]) } }, { kind: "null-mx" }],
    ["no such domain", { mx: { "d.test": nxdomain } }, { kind: "no-such-domain" }],
    ["only invalid names", { mx: { "d.test": mx() } }, { kind: "unusable", code: "PST-DSC-005" }],
    [
      "an MX look-up without an answer",
      { mx: { "d.test": unavailable } },
      { kind: "unavailable", code: "PST-DSC-001", detail: "timeout" },
    ],
    ["a bogus MX", { mx: { "d.test": bogus } }, { kind: "bogus", code: "PST-DSC-002", detail: "extended error 6" }],
    [
      "an MX that does not exist",
      { mx: { "d.test": mx([1, "gone.test"]) } },
      { kind: "unusable", code: "PST-DSC-004" },
    ],
    ["neither MX nor address", { mx: { "d.test": nodata } }, { kind: "unusable", code: "PST-DSC-004" }],
  ])("%s", async (_name, world, expected) => {
    // The domain itself has an address: it must not be used in place of what MX says.
    const addresses = world.mx?.["d.test"]?.kind === "absent" ? {} : { "d.test": at("192.0.2.9") };
    expect(await route("d.test", { ...world, addresses })).toEqual(expected);
  });

  test("a null MX beside others is ignored", async () => {
    const records = mx([0, ""], [10, "a.test"]);
    expect(namesOf(await route("d.test", { mx: { "d.test": records }, addresses }))).toEqual(["a.test"]);
  });

  test("a domain without MX is its own mail server, with the security of the denial", async () => {
    const found = await route("d.test", { mx: { "d.test": nodata }, addresses: { "d.test": at("192.0.2.9") } });
    expect(found).toMatchObject({ kind: "hosts", via: "implicit-mx", security: "secure" });
    expect(namesOf(found)).toEqual(["d.test"]);
  });

  test("a host whose addresses are unknown stays, also when it is the only one", async () => {
    const some = await route("d.test", {
      mx: { "d.test": mx([1, "down.test"], [2, "a.test"], [3, "gone.test"]) },
      addresses: { ...addresses, "down.test": unavailable },
    });
    expect(namesOf(some)).toEqual(["down.test", "a.test", "gone.test"]);
    const only = { mx: { "d.test": mx([1, "x.test"], [2, "gone.test"]) }, addresses: { "x.test": bogus } };
    expect(namesOf(await route("d.test", only))).toEqual(["x.test", "gone.test"]);
  });

  test("no more hosts than the limit are looked up, the best ones", async () => {
    const records = mx(...Array.from({ length: 50 }, (_, n) => [50 - n, `h${50 - n}.test`] as const));
    const hosts = Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`h${n}.test`, at("192.0.2.1")]));
    const found = await route("d.test", { mx: { "d.test": records }, addresses: hosts });
    expect(namesOf(found)).toEqual(Array.from({ length: 20 }, (_, n) => `h${n + 1}.test`));
  });

  test("a name that is no domain is unusable and nothing is asked", async () => {
    expect(await route("a b.test", {})).toEqual({ kind: "unusable", code: "PST-DSC-003" });
  });

  test("a domain with an underscore may have an MX, but is no mail server itself", async () => {
    const world = { mx: { "a_b.test": mx([1, "a.test"]), "c_d.test": nodata }, addresses };
    expect(namesOf(await route("a_b.test", world))).toEqual(["a.test"]);
    expect(await route("c_d.test", world)).toEqual({ kind: "unusable", code: "PST-DSC-004" });
  });
});

describe("the order of equals", () => {
  const records = [1, 2, 3, 4].map((n) => ({ preference: 10, exchange: `h${n}.test` }));

  test("is given by chance", () => {
    const order = (chance: Chance): string =>
      orderMx(records, chance)
        .map(({ exchange }) => exchange[1])
        .join("");
    expect(order(() => 0.999)).toBe("1234");
    expect(order(() => 0)).toBe("2341");
  });

  test("every host is there once, sorted, whatever chance says", () => {
    const record = fc.record({ preference: fc.nat(3), exchange: fc.constantFrom("a", "b", "c", "d") });
    fc.assert(
      fc.property(
        fc.array(record),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true })),
        (given, draws) => {
          const ordered = orderMx(given, () => Number(draws.next().value));
          expect(new Set(ordered.map(({ exchange }) => exchange))).toEqual(
            new Set(given.map(({ exchange }) => exchange)),
          );
          expect(new Set(ordered.map(({ exchange }) => exchange)).size).toBe(ordered.length);
          expect(ordered.map(({ preference }) => preference)).toEqual(
            ordered.map(({ preference }) => preference).sort((a, b) => a - b),
          );
        },
      ),
    );
  });
});

describe("this gateway as mail server", () => {
  const addresses = { "a.test": at("192.0.2.1"), "us.test": at("2001:DB8::0:1"), "z.test": at("192.0.2.3") };
  const records = mx([10, "a.test"], [20, "us.test"], [20, "z.test"], [30, "z2.test"]);
  test.each<[string, Partial<DiscoverOptions>]>([
    ["by name", { ownNames: ["US.test"] }],
    ["by address in another spelling", { ownAddresses: ["2001:db8:0::1"] }],
  ])("only better hosts remain where it is found %s", async (_name, options) => {
    expect(namesOf(await route("d.test", { mx: { "d.test": records }, addresses, options }))).toEqual(["a.test"]);
  });

  test.each<[string, string, Partial<DiscoverOptions>]>([
    ["the best MX", "d.test", { ownNames: ["a.test"] }],
    ["the implicit MX", "i.test", { ownAddresses: ["192.0.2.7"] }],
    ["an address literal", "[192.0.2.7]", { ownAddresses: ["192.0.2.7"] }],
  ])("it is a loop where it is %s", async (_name, domain, options) => {
    const world = {
      mx: { "d.test": records, "i.test": nodata },
      addresses: { ...addresses, "i.test": at("192.0.2.7") },
    };
    expect(await route(domain, { ...world, options })).toEqual({ kind: "loop" });
  });
});

describe("address literals", () => {
  test.each([
    ["[192.0.2.1]", "192.0.2.1"],
    ["[IPv6:2001:DB8::1]", "2001:db8::1"],
  ])("%s is dialled as it stands", async (domain, address) => {
    expect(await route(domain, {})).toEqual({
      kind: "hosts",
      via: "address-literal",
      security: "insecure",
      hosts: [{ name: domain, preference: 0, addresses: at(address), dane: { kind: "none" }, sts: { kind: "none" } }],
    });
  });

  test.each(["[2001:db8::1]", "[IPv6:192.0.2.1]", "[IPv6:fe80::1%eth0]", "[x]", "[]", "[192.0.2.1"])(
    "%s is unusable",
    async (domain) => {
      expect(await route(domain, {})).toEqual({ kind: "unusable", code: "PST-DSC-003" });
    },
  );
});

describe("smarthosts", () => {
  const options = {
    smarthosts: [
      { domains: null, host: "default.test", port: 25 },
      { domains: [".d.test"], host: "suffix.test", port: 26 },
      { domains: [".sub.d.test"], host: "longer.test", port: 27 },
      { domains: ["a.sub.d.test", "lit.test"], host: "192.0.2.44", port: 2525 },
      { domains: ["broken.test"], host: "gone.test", port: 25 },
      { domains: ["down.test"], host: "silent.test", port: 25 },
    ],
  };
  const found = at("192.0.2.5");
  const addresses = {
    "default.test": found,
    "suffix.test": found,
    "longer.test": found,
    "silent.test": unavailable,
  };
  test.each([
    ["other.test", "default.test", 25],
    ["d.test", "default.test", 25],
    ["x.d.test", "suffix.test", 26],
    ["b.sub.d.test", "longer.test", 27],
    ["a.sub.d.test", "192.0.2.44", 2525],
    ["down.test", "silent.test", 25],
  ])("%s goes by %s", async (domain, name, port) => {
    const got = await route(domain, { options, addresses });
    expect(got).toMatchObject({ kind: "hosts", via: "smarthost", security: "insecure", hosts: [{ name, port }] });
  });

  test("one without an address makes the mail wait and refuses nobody", async () => {
    expect(await route("broken.test", { options, addresses })).toEqual({ kind: "unavailable", code: "PST-DSC-007" });
  });
});

test("what is not built is absent", async () => {
  const capabilities = await discovered("d.test", {});
  expect(capabilities).toMatchObject({
    domain: "d.test",
    smime: { kind: "absent" },
    openpgp: { kind: "absent" },
    proven: { kind: "absent" },
    portal: { kind: "absent" },
  });
});
