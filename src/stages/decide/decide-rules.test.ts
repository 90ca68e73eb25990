import { describe, expect, test } from "vitest";
import type { DestinationRule, Policy, ProfileName } from "../../core/policy.ts";
import {
  smime,
  portal,
  low,
  high,
  unread,
  encrypted,
  tagged,
  policy,
  rule,
  planFor,
  stepsOf,
  NOW,
} from "./decide.samples.ts";
import type { Case } from "./decide.samples.ts";

describe("a destination where transport is never enough", () => {
  const only = { ...policy, destinations: [rule("example.org", { requireContentProtection: true })] };
  test.each<[string, Case, ProfileName, string]>([
    ["clean mail", {}, "opportunistic", "transport:plain hold:PST-DEC-001"],
    ["PHI", { findings: low }, "content", "hold:PST-DEC-003"],
    ["PHI and a portal", { findings: low, capabilities: portal }, "content", "portal:pkix hold:PST-DEC-001"],
    ["mail its sender tagged", { findings: tagged }, "content", "hold:PST-DEC-003"],
    ["unread mail", { findings: unread }, "content", "hold:PST-DEC-003"],
    ["mail its sender encrypted", { findings: encrypted }, "content", "hold:PST-DEC-003"],
    ["a report about PHI", { findings: low, origin: "dsn" }, "opportunistic", "transport:plain hold:PST-DEC-001"],
    ["PHI to elsewhere", { findings: low, domain: "other.org" }, "standard", "transport:pkix hold:PST-DEC-001"],
  ])("%s", (_name, given, profile, steps) => {
    const plan = planFor({ ...given, policy: only });
    expect([plan.floor.profile, stepsOf(plan)]).toEqual([profile, steps]);
    const effect = { kind: "destination-rule", match: "example.org", effect: "content protection" };
    expect(plan.reasons.filter(({ kind }) => kind === "destination-rule")).toEqual(
      profile === "content" ? [effect] : [],
    );
  });

  test("asks nothing for mail that policy lets go in the clear although its sender encrypted it", () => {
    const open: Policy = { ...only, alreadyProtected: "opportunistic" };
    expect(planFor({ findings: encrypted, policy: open }).floor.profile).toBe("opportunistic");
  });
});

describe("what follows where the floor is not met", () => {
  test.each<[DestinationRule["fallback"], Case, string]>([
    ["portal", { findings: low, capabilities: portal }, "transport:pkix portal:tls-unauthenticated hold:PST-DEC-001"],
    ["defer", { findings: low, capabilities: portal }, "transport:pkix wait:PST-DEC-011"],
    ["fail", { findings: low, capabilities: portal }, "transport:pkix refuse:PST-DEC-010"],
    ["defer", { findings: low, capabilities: smime }, "smime:plain transport:pkix wait:PST-DEC-011"],
    ["defer", { findings: high }, "wait:PST-DEC-011"],
    ["fail", { findings: high, capabilities: portal }, "refuse:PST-DEC-010"],
    ["fail", { requireTls: true }, "transport:pkix-dnssec-mx refuse:PST-DEC-005"],
    ["defer", {}, "transport:plain wait:PST-DEC-011"],
  ])("%s: %j", (fallback, given, steps) => {
    const plan = planFor({ ...given, policy: { ...policy, destinations: [rule(".org", { fallback })] } });
    expect(stepsOf(plan)).toBe(steps);
    const said = plan.reasons.some((reason) => reason.kind === "destination-rule");
    expect(said).toBe(fallback !== "portal" && plan.floor.minRung !== "plain");
  });

  test("does not depend on rules where there is no route", () => {
    const failing = { ...policy, destinations: [rule("example.org", { fallback: "defer" })] };
    const capabilities = { route: { kind: "null-mx" } } as const;
    expect(stepsOf(planFor({ policy: failing, capabilities }))).toBe("refuse:PST-DEC-006");
  });
});

describe("REQUIRETLS as the operator wishes", () => {
  test.each<[wish: Policy["requireTls"], rule: DestinationRule["requireTls"], given: Case, steps: string]>([
    ["off", null, { findings: low }, "transport:pkix hold:PST-DEC-001"],
    ["prefer", null, { findings: low }, "transport:pkix+prefer hold:PST-DEC-001"],
    ["prefer", "off", { findings: low }, "transport:pkix hold:PST-DEC-001"],
    [
      "off",
      "prefer",
      { findings: low, capabilities: smime },
      "smime:plain+prefer transport:pkix+prefer hold:PST-DEC-001",
    ],
    ["off", "require", { findings: low }, "transport:pkix-dnssec-mx+require refuse:PST-DEC-005"],
    ["require", "prefer", { requireTls: true }, "transport:pkix-dnssec-mx+require refuse:PST-DEC-005"],
    ["require", null, {}, "transport:plain hold:PST-DEC-001"],
    ["require", "require", { findings: low, origin: "dsn" }, "transport:plain hold:PST-DEC-001"],
  ])("%s, rule %s, %j", (requireTls, ofRule, given, steps) => {
    const destinations = [rule("example.org", { requireTls: ofRule })];
    const plan = planFor({ ...given, policy: { ...policy, requireTls, destinations } });
    const said = plan.steps.map((step) => ("requireTls" in step ? `+${step.requireTls}` : ""));
    expect(
      stepsOf(plan)
        .split(" ")
        .map((text, index) => `${text}${said[index]}`)
        .join(" "),
    ).toBe(steps);
  });
});

describe("what the plan says besides", () => {
  const effect = { kind: "destination-rule", match: "example.org", effect: "MTA-STS ignored" };
  test.each<[expiresAt: number, isSaid: boolean]>([
    [NOW + 1, true],
    [NOW, false],
  ])("a policy ignored until %i: %j", (expiresAt, isSaid) => {
    const ignoring = rule("example.org", { ignoreSts: { reason: "agreed in writing", expiresAt } });
    const proven = { kind: "known", rung: "sts-enforce", fall: null, keptUntil: null } as const;
    const plan = planFor({
      findings: low,
      capabilities: { proven },
      policy: { ...policy, destinations: [ignoring] },
    });
    expect(plan.reasons.some((reason) => JSON.stringify(reason) === JSON.stringify(effect))).toBe(isSaid);
    // What the policy proved before does not bind while it is ignored.
    expect(stepsOf(plan)).toBe(isSaid ? "transport:pkix hold:PST-DEC-001" : "transport:sts-enforce wait:PST-DEC-020");
  });

  test("`TLS-Required: No` changes nothing, and is told", () => {
    for (const findings of [low, tagged, high]) {
      const [without, asked] = [findings, { ...findings, tlsRequiredNo: true as const }].map((one) =>
        planFor({ findings: one }),
      );
      expect([asked?.floor, asked?.steps]).toEqual([without?.floor, without?.steps]);
      expect(asked?.reasons).toContainEqual({ kind: "tls-required-no-ignored" });
      expect(without?.reasons).not.toContainEqual({ kind: "tls-required-no-ignored" });
    }
  });
});
