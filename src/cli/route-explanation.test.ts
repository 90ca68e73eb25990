import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { NO_STS } from "../../test/support/no-sts.ts";
import type { Log } from "../core/log.ts";
import type { Policy } from "../core/policy.ts";
import { createResolver } from "../parts/dns/dns.ts";
import { decide } from "../stages/decide/decide.ts";
import { createDiscover } from "../stages/discover/discover.ts";
import { DISCOVER_DEFAULTS } from "../stages/discover/options.ts";
import { destinationRule, tlsRule } from "../../test/support/rules.ts";
import { startLoopbackDns } from "./loopback/dns-server.ts";
import type { LoopbackDns, Zone } from "./loopback/dns-server.ts";
import { explainRoute, explanationLines, explanationRow, recordLookups } from "./route-explanation.ts";
import type { RouteExplanation } from "./route-explanation.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const policy: Policy = {
  phi: "standard",
  sensitive: "content",
  uninspectable: "strict",
  alreadyProtected: "opportunistic",
  requireTls: "off",
  destinations: [
    destinationRule("raised.test", { raiseTo: "minimum" }),
    destinationRule("pinned.test", {
      tls: tlsRule({ of: "pinned.test", mxNames: ["mx.pinned.test"], spkiPins: ["PIN="], minVersion: "TLSv1.3" }),
    }),
    destinationRule("undane.test", { tls: tlsRule({ of: "undane.test", requireDane: true }) }),
  ],
  keepProvenMs: 0,
};
let server: LoopbackDns | null = null;

afterEach(async () => {
  await server?.close();
});

async function explained(domain: string, zone: Zone): Promise<RouteExplanation> {
  server = await startLoopbackDns(zone);
  const options = {
    servers: [server.address],
    timeoutMs: 400,
    retries: 0,
    trustAd: "loopback",
    inFlightMax: 9,
  } as const;
  const { resolver, lookups } = recordLookups(createResolver(options, { randomBytes, log: silent }));
  const discover = createDiscover(DISCOVER_DEFAULTS, {
    resolver,
    chance: () => 0,
    log: silent,
    sts: NO_STS,
    policy: () => policy,
    clock: { now: () => 0 },
  });
  const mailbox = { address: `someone@${domain}`, localPart: "someone", domain, isUtf8: false };
  return explainRoute(mailbox, { discover, decide, policy, now: 0, lookups });
}

test("every look-up, the route and the plans are told in words", async () => {
  const explanation = await explained("example.test", {
    "example.test": {
      MX: [
        [20, "b.example.test"],
        [10, "a.example.test"],
      ],
      authenticated: true,
    },
    "a.example.test": { A: ["192.0.2.1"], AAAA: ["2001:db8::1"] },
    "b.example.test": { behaviour: "servfail" },
  });
  expect(explanationLines(explanation).slice(0, 28)).toEqual([
    "Mail to someone@example.test (domain example.test)",
    "",
    "DNS",
    "  MX        example.test: 20 b.example.test, 10 a.example.test (DNSSEC validated)",
    expect.stringMatching(/^ {2}addresses [ab]\.example\.test: /),
    expect.stringMatching(/^ {2}addresses [ab]\.example\.test: /),
    "",
    "MTA-STS",
    "  no policy",
    "",
    "Route",
    "  by MX, in this order (equal preferences change places):",
    "  1. a.example.test (preference 10): 2001:db8::1, 192.0.2.1 (not validated)",
    "     DANE: none, and TLSA not asked for: the address is not validated",
    "  2. b.example.test (preference 20): no answer: SERVFAIL",
    "",
    "Proved before",
    "  nothing",
    "",
    "Plans",
    "  clean mail: floor opportunistic (nothing found)",
    "    transport, at least plain, else hold (PST-DEC-001)",
    "  mail with PHI: floor standard (phi)",
    "    transport, at least pkix, else hold (PST-DEC-001)",
    "  sensitive mail: floor content (phi; phi of tier high)",
    "    hold (PST-DEC-003)",
    "  uninspectable mail: floor strict (could not be inspected)",
    "    transport, at least pkix-dnssec-mx, else hold (PST-DEC-001)",
  ]);
});

test.each<[string, Zone, string]>([
  ["null.test", { "null.test": { MX: [[0, "."]] } }, "none: the domain says that it accepts no mail (null MX)"],
  ["gone.test", {}, "none: there is no such domain"],
  ["down.test", { "down.test": { behaviour: "drop" } }, "not known for now, mail waits: DNS gave no answer"],
  ["bogus.test", { "bogus.test": { behaviour: "bogus" } }, "not known for now, mail waits: The DNS answer"],
  ["odd.test", { "odd.test": { MX: [[1, "a_b.test"]] } }, "none: Every MX record"],
])("why there is no route to %s is told in words, with what to do next", async (domain, zone, words) => {
  const lines = explanationLines(await explained(domain, zone));
  expect(lines[lines.indexOf("Route") + 1]).toContain(words);
  expect(lines.filter((line) => line.startsWith("  Next: ")).length).toBeGreaterThan(0);
});

test.each<[string, Zone, string]>([
  ["down.test", { "down.test": { behaviour: "drop" } }, "PST-DSC-001"],
  ["bogus.test", { "bogus.test": { behaviour: "bogus" } }, "PST-DSC-002"],
])("no plan is told for %s: all mail waits until there is an answer", async (domain, zone, code) => {
  const lines = explanationLines(await explained(domain, zone));
  expect(lines[lines.indexOf("Plans") + 1]).toContain(`all mail waits: deferred (${code})`);
  expect(lines.join("\n")).not.toMatch(/hold \(/);
});

describe("DANE", () => {
  const digest = "2f".repeat(32);
  const signed = { A: ["192.0.2.1"], authenticated: true };
  const at = "_25._tcp.d.test";
  test.each<[string, Zone[string] | undefined, string]>([
    [
      "usable",
      { TLSA: [`3 1 1 ${digest}`] },
      "1 usable TLSA record at d.test; a certificate that does not match is refused",
    ],
    [
      "useless",
      { TLSA: ["1 1 1 00"] },
      `TLSA records at ${at}, none of them usable: TLS is a must, and DANE proves nothing`,
    ],
    [
      "not signed",
      { TLSA: ["3 1 1 00"], authenticated: false },
      `none that counts: the TLSA records at ${at} are not validated`,
    ],
    ["not there", undefined, `none: no TLSA records at ${at}`],
    [
      "unknown",
      { behaviour: "servfail" },
      "not known for now, the server is not used: PST-DSC-008 DNS gave no answer about",
    ],
  ])("records that are %s are told in words", async (_name, entry, words) => {
    const zone: Zone = {
      "d.test": signed,
      ...(entry === undefined ? {} : { [at]: { authenticated: true, ...entry } }),
    };
    const lines = explanationLines(await explained("d.test", zone));
    expect(lines.filter((line) => line.includes("DANE: "))).toEqual([expect.stringContaining(`     DANE: ${words}`)]);
    expect(lines.some((line) => line.startsWith(`  TLSA      ${at}: `))).toBe(true);
    expect(lines.some((line) => line.startsWith("PST-DSC-008: "))).toBe(entry?.behaviour !== undefined);
  });

  test("binds ordinary mail too, and the plans say so", async () => {
    const zone: Zone = { "d.test": signed, [at]: { TLSA: [`3 1 1 ${digest}`], authenticated: true } };
    const lines = explanationLines(await explained("d.test", zone));
    expect(lines[lines.indexOf("Plans") + 1]).toMatch(/every mail, whatever its floor: /);
    expect(lines[lines.indexOf("Plans") + 2]).toContain("(DANE); where none does, it waits");
  });

  test("is there for programs too, with the records as text and the names they were looked for at", async () => {
    const zone: Zone = {
      "d.test": { CNAME: "end.test", authenticated: true },
      "end.test": signed,
      [at]: { TLSA: [`3 1 1 ${digest}`], authenticated: true },
    };
    const row: unknown = JSON.parse(JSON.stringify(explanationRow(await explained("d.test", zone))));
    const dane = { kind: "usable", baseName: "d.test", names: ["d.test", "end.test"], records: [`3 1 1 ${digest}`] };
    expect(row).toMatchObject({ route: { hosts: [{ dane: { ...dane, asked: ["_25._tcp.end.test", at] } }] } });
  });

  test("of an alias into an unsigned zone is told with the question about the alias", async () => {
    const zone: Zone = { "d.test": { CNAME: "end.test", authenticated: true }, "end.test": { A: ["192.0.2.1"] } };
    const lines = explanationLines(await explained("d.test", zone));
    expect(lines).toContain("  CNAME     d.test: end.test (DNSSEC validated)");
    expect(lines).toContain(`     DANE: none: no TLSA records at ${at}`);
  });
});

test("an address literal needs no DNS, and a destination rule is named", async () => {
  expect(explanationLines(await explained("[192.0.2.7]", {}))).toContain("  nothing had to be asked");
  await server?.close();
  const raised = explanationLines(await explained("raised.test", { "raised.test": { A: ["192.0.2.1"] } }));
  const words = "floor minimum (destination raised.test; raised, by the rule for raised.test)";
  expect(raised).toContain(`  clean mail: ${words}`);
});

test("what the operator's own rule asks of the servers is told in words, and which of them it shuts out", async () => {
  const mx = {
    MX: [
      [10, "mx.pinned.test"],
      [20, "other.test"],
    ] as [number, string][],
  };
  const zone: Zone = { "pinned.test": mx, "mx.pinned.test": { A: ["192.0.2.1"] }, "other.test": { A: ["192.0.2.2"] } };
  const lines = explanationLines(await explained("pinned.test", zone)).map((line) => line.trim());
  expect(lines).toEqual(
    expect.arrayContaining([
      "rule for pinned.test: what it asks for holds for every mail, and what falls short waits, with an alert",
      "- only these mail servers are dialled: mx.pinned.test",
      "- the public key is one of: PIN=",
      "- TLSv1.3 or newer",
      "- what meets it counts as pinned, which satisfies strict",
    ]),
  );
  expect(lines.filter((line) => line === "rule: does not name it, so it is not dialled")).toHaveLength(1);
  await server?.close();
  const undane = explanationLines(await explained("undane.test", { "undane.test": { A: ["192.0.2.1"] } }));
  expect(undane).toContain("     rule: asks for DANE, and there are no usable records, so it is not dialled");
});
