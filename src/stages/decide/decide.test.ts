import { describe, expect, test } from "vitest";
import type { Route } from "../../core/capabilities.ts";
import type { Findings, RuleHit } from "../../core/findings.ts";
import type { DestinationRule, Policy, ProfileName } from "../../core/policy.ts";
import {
  NOW,
  hosts,
  smime,
  openpgp,
  portal,
  clean,
  low,
  high,
  unread,
  encrypted,
  tagged,
  policy,
  hit,
  only,
  except,
  rule,
  lowerTo,
  planFor,
  stepsOf,
} from "./decide.samples.ts";
import type { Case } from "./decide.samples.ts";

describe("the floor", () => {
  test.each<[string, Case, ProfileName, string | null]>([
    ["clean mail", {}, "opportunistic", "plain"],
    ["PHI of tier low", { findings: low }, "standard", "pkix"],
    ["PHI of tier high", { findings: high }, "content", null],
    ["mail its sender tagged", { findings: tagged }, "standard", "pkix"],
    ["mail that could not be inspected", { findings: unread }, "strict", "pkix-dnssec-mx"],
    ["mail encrypted by its sender", { findings: encrypted }, "minimum", "tls-unauthenticated"],
    [
      "encrypted mail with a part too damaged to read",
      { findings: { ...encrypted, uninspectable: [{ part: "2", reason: "damaged" }] } },
      "strict",
      "pkix-dnssec-mx",
    ],
    ["encrypted and tagged mail", { findings: { ...encrypted, triggers: ["subject-tag"] } }, "standard", "pkix"],
    [
      "PHI with an unread part",
      { findings: { ...unread, ...low, uninspectable: unread.uninspectable } },
      "strict",
      "pkix-dnssec-mx",
    ],
    ["PHI no rule explains", { findings: { ...low, hits: [] } }, "standard", "pkix"],
    ["a grade no rule explains", { findings: { ...low, tier: "high" } }, "content", null],
    ["a clean verdict with a graded hit", { findings: { ...clean, hits: [hit({ tier: "low" })] } }, "standard", "pkix"],
    ["a failure report about PHI", { findings: high, origin: "dsn" }, "opportunistic", "plain"],
    ["a notice about PHI", { findings: high, origin: "notice" }, "opportunistic", "plain"],
  ])("of %s", (_name, given, profile, minRung) => {
    expect(planFor(given).floor).toEqual({ profile, minRung });
  });

  test("of sensitive mail is never below the one for PHI, whatever the policy says", () => {
    const odd: Policy = { ...policy, phi: "strict", sensitive: "minimum" };
    expect(planFor({ findings: high, policy: odd }).floor.profile).toBe("strict");
  });

  const protect = { kind: "protect", profile: "strict" } as const;
  test.each<[string, RuleHit["scope"], ProfileName]>([
    ["all", { kind: "all" }, "strict"],
    ["only this domain", only([{ recipients: ["example.org"] }]), "strict"],
    ["only another domain", only([{ recipients: ["other.org"] }]), "opportunistic"],
    ["all but this domain", except([{ recipients: ["example.org"] }]), "opportunistic"],
    ["all but another domain", except([{ recipients: ["other.org"] }]), "strict"],
  ])("is raised by a rule that concerns %s", (_name, scope, profile) => {
    expect(planFor({ findings: { ...clean, hits: [hit({ scope, action: protect })] } }).floor.profile).toBe(profile);
    const graded = { ...low, hits: [hit({ scope, tier: "low", action: protect })] };
    expect(planFor({ findings: graded }).floor.profile).toBe(profile);
  });

  test("is what was demanded before where that was more", () => {
    const previousFloor = { profile: "strict", minRung: "pkix-dnssec-mx" } as const;
    const plan = planFor({ findings: low, previousFloor });
    expect(plan.floor).toEqual(previousFloor);
    expect(plan.reasons).toContainEqual({ kind: "never-below", profile: "strict" });
    expect(planFor({ findings: high, previousFloor }).floor.profile).toBe("content");
    expect(planFor({ origin: "notice", previousFloor }).floor).toEqual(previousFloor);
  });

  test.each<[string, Findings, string | null]>([
    ["clean mail", clean, "pkix-dnssec-mx"],
    ["encrypted mail", encrypted, "pkix-dnssec-mx"],
    ["mail that could not be inspected", unread, "pkix-dnssec-mx"],
    ["sensitive mail", high, null],
  ])("of %s with REQUIRETLS is a verified server at least", (_name, findings, minRung) => {
    expect(planFor({ findings, requireTls: true }).floor.minRung).toBe(minRung);
  });
});

describe("destination rules", () => {
  test.each<[string, readonly DestinationRule[], Findings, ProfileName]>([
    ["raise clean mail", [rule("example.org", { raiseTo: "strict" })], clean, "strict"],
    ["do not lower by a weaker raise", [rule("example.org", { raiseTo: "minimum" })], low, "standard"],
    ["lower PHI", [rule("example.org", lowerTo("minimum"))], low, "minimum"],
    ["lower what the sender tagged", [rule("example.org", lowerTo("minimum"))], tagged, "minimum"],
    ["never raise by lowering", [rule("example.org", lowerTo("content"))], low, "standard"],
    ["do not lower after their expiry", [rule("example.org", lowerTo("minimum", NOW))], low, "standard"],
    ["never lower tier high", [rule("example.org", lowerTo("minimum"))], high, "content"],
    ["never lower the uninspectable", [rule("example.org", lowerTo("minimum"))], unread, "strict"],
    ["concern their domain only", [rule("other.org", { raiseTo: "strict" })], clean, "opportunistic"],
    [
      "by suffix do not concern the domain itself",
      [rule(".example.org", { raiseTo: "strict" })],
      clean,
      "opportunistic",
    ],
  ])("%s", (_name, destinations, findings, profile) => {
    expect(planFor({ findings, policy: { ...policy, destinations } }).floor.profile).toBe(profile);
  });

  test.each([
    ["mail.sub.example.org", "strict"],
    ["other.sub.example.org", "standard"],
    ["x.example.org", "minimum"],
    ["example.org", "opportunistic"],
    ["notexample.org", "opportunistic"],
  ])("the most specific one speaks for %s", (domain, profile) => {
    const destinations = [
      rule(".example.org", { raiseTo: "minimum" }),
      rule(".sub.example.org", { raiseTo: "standard" }),
      rule("mail.sub.example.org", { raiseTo: "strict" }),
      rule(".org", { raiseTo: "opportunistic" }),
    ];
    expect(planFor({ domain, policy: { ...policy, destinations } }).floor.profile).toBe(profile);
  });

  test("do not lower what a rule names, nor what was demanded before", () => {
    const lowering = { ...policy, destinations: [rule("example.org", lowerTo("minimum"))] };
    const named = { ...low, hits: [hit({ tier: "low", action: { kind: "protect", profile: "strict" } })] };
    expect(planFor({ findings: named, policy: lowering }).floor.profile).toBe("strict");
    const previousFloor = { profile: "standard", minRung: "pkix" } as const;
    expect(planFor({ findings: low, policy: lowering, previousFloor }).floor.profile).toBe("standard");
  });

  test("say in the reasons that they raised or lowered, and only when they did", () => {
    const reasons = (destination: DestinationRule, findings: Findings): readonly object[] =>
      planFor({ findings, policy: { ...policy, destinations: [destination] } }).reasons;
    const lowered = { kind: "destination-rule", match: "example.org", effect: "lowered" };
    expect(reasons(rule("example.org", lowerTo("minimum")), low)).toContainEqual(lowered);
    expect(reasons(rule("example.org", lowerTo("minimum")), high)).toContainEqual(lowered);
    expect(reasons(rule("example.org", lowerTo("minimum")), clean)).not.toContainEqual(lowered);
    expect(reasons(rule("example.org", { raiseTo: "strict" }), clean)).toContainEqual({ ...lowered, effect: "raised" });
  });
});

describe("the steps", () => {
  const all = { ...smime, ...openpgp, ...portal };
  test.each<[string, Case, string]>([
    ["clean mail", {}, "transport:plain hold:PST-DEC-001"],
    ["clean mail to someone with every means", { capabilities: all }, "transport:plain hold:PST-DEC-001"],
    ["clean mail with REQUIRETLS", { requireTls: true }, "transport:pkix-dnssec-mx refuse:PST-DEC-005"],
    [
      "clean mail with REQUIRETLS by a smarthost, whose name is the operator's",
      { requireTls: true, capabilities: { route: { ...hosts, via: "smarthost" } } },
      "transport:pkix refuse:PST-DEC-005",
    ],
    ["PHI, transport only", { findings: low }, "transport:pkix hold:PST-DEC-001"],
    [
      "PHI and a portal",
      { findings: low, capabilities: portal },
      "transport:pkix portal:tls-unauthenticated hold:PST-DEC-001",
    ],
    [
      "PHI and everything",
      { findings: low, capabilities: all },
      "smime:plain openpgp:plain transport:pkix portal:tls-unauthenticated hold:PST-DEC-001",
    ],
    [
      "unread mail and everything",
      { findings: unread, capabilities: all },
      "smime:plain openpgp:plain transport:pkix-dnssec-mx portal:pkix hold:PST-DEC-001",
    ],
    [
      "sensitive mail and everything",
      { findings: high, capabilities: all },
      "smime:plain openpgp:plain portal:pkix hold:PST-DEC-001",
    ],
    ["sensitive mail and nothing", { findings: high }, "hold:PST-DEC-003"],
    ["sensitive mail and S/MIME", { findings: high, capabilities: smime }, "smime:plain hold:PST-DEC-001"],
    [
      "sensitive mail, everything and REQUIRETLS",
      { findings: high, capabilities: all, requireTls: true },
      "smime:pkix-dnssec-mx openpgp:pkix-dnssec-mx portal:pkix-dnssec-mx refuse:PST-DEC-005",
    ],
    [
      "encrypted mail and a portal",
      { findings: encrypted, capabilities: portal },
      "transport:tls-unauthenticated portal:tls-unauthenticated hold:PST-DEC-001",
    ],
  ])("for %s", (_name, given, steps) => {
    expect(stepsOf(planFor(given))).toBe(steps);
  });

  test.each<[Route, string, string]>([
    [{ kind: "null-mx" }, "refuse:PST-DEC-006", "refuse:PST-DEC-006"],
    [{ kind: "no-such-domain" }, "refuse:PST-DEC-004", "refuse:PST-DEC-004"],
    [{ kind: "unusable", code: "PST-DSC-004" }, "refuse:PST-DSC-004", "refuse:PST-DSC-004"],
    [{ kind: "loop" }, "hold:PST-DSC-006", "hold:PST-DSC-006"],
    [{ kind: "bogus", code: "PST-DSC-002" }, "portal:pkix hold:PST-DSC-002", "hold:PST-DSC-002"],
    [{ kind: "unavailable", code: "PST-DSC-001" }, "portal:pkix hold:PST-DSC-001", "hold:PST-DSC-001"],
  ])("by the route %o no mail server is a step", (route, sensitive, plain) => {
    expect(stepsOf(planFor({ findings: high, capabilities: { ...all, route } }))).toBe(sensitive);
    expect(stepsOf(planFor({ capabilities: { ...all, route } }))).toBe(plain);
  });

  test("a key look-up that failed is no key, and the reasons say so", () => {
    const capabilities = { smime: { kind: "unavailable", code: "PST-DSC-001" } } as const;
    const plan = planFor({ findings: high, capabilities });
    expect(stepsOf(plan)).toBe("hold:PST-DEC-003");
    const state = "unavailable PST-DSC-001";
    expect(plan.reasons).toContainEqual({ kind: "capability", capability: "smime", state });
  });

  test("a rule that holds for review leaves no step until a person released it", () => {
    const findings = { ...low, hits: [hit({ tier: "low" }), hit({ rule: "h", action: { kind: "hold" } })] };
    const held = planFor({ findings, capabilities: all });
    expect(stepsOf(held)).toBe("hold:PST-DEC-002");
    const released = planFor({ findings, holdReleased: true });
    expect(stepsOf(released)).toBe("transport:pkix hold:PST-DEC-001");
    expect(released.floor).toEqual(held.floor);
    const elsewhere = only([{ recipients: ["other.org"] }]);
    const other = { ...clean, hits: [hit({ action: { kind: "hold" }, scope: elsewhere })] };
    expect(stepsOf(planFor({ findings: other }))).toBe("transport:plain hold:PST-DEC-001");
  });
});

test("the reasons of a plan read as a story", () => {
  expect(planFor({ findings: low }).reasons).toEqual([
    { kind: "profile", profile: "standard", because: "phi" },
    { kind: "rule", pack: "p", rule: "r", asks: "pass" },
    { kind: "capability", capability: "smime", state: "absent" },
    { kind: "capability", capability: "openpgp", state: "absent" },
    { kind: "capability", capability: "portal", state: "absent" },
    { kind: "route", state: "hosts by mx, insecure" },
  ]);
  expect(planFor({}).reasons).toEqual([
    { kind: "profile", profile: "opportunistic", because: "nothing found" },
    { kind: "route", state: "hosts by mx, insecure" },
  ]);
});
