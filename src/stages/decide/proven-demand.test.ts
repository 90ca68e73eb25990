import { describe, expect, test } from "vitest";
import type { Capabilities } from "../../core/capabilities.ts";
import type { Findings } from "../../core/findings.ts";
import type { Plan } from "../../core/plan.ts";
import type { DestinationRule, Policy } from "../../core/policy.ts";
import type { Rung } from "../../core/rung.ts";
import { destinationRule } from "../../../test/support/rules.ts";
import { decide } from "./decide.ts";

const NOW = 1_000_000;
const absent = { kind: "absent" } as const;
const smime = { smime: { kind: "found", keys: [{ fingerprint: "c1", der: new Uint8Array([1]) }] } } as const;
const portal = { portal: { kind: "available" } } as const;

type Case = {
  readonly capabilities?: Partial<Capabilities>;
  readonly tier?: "low" | "high";
  readonly rules?: readonly DestinationRule[];
  readonly requireTls?: boolean;
  readonly previousFloor?: Plan["floor"];
};

function planFor({ capabilities, tier, rules = [], requireTls = false, previousFloor }: Case): Plan {
  const found = { hits: [], findings: [], uninspectable: [], triggers: [], packs: [], engine: "1" };
  const findings: Findings =
    tier === undefined ? { ...found, verdict: "clean", tier: "none" } : { ...found, verdict: "phi", tier };
  const policy: Policy = {
    phi: "standard",
    sensitive: "content",
    uninspectable: "strict",
    alreadyProtected: "minimum",
    destinations: rules,
    requireTls: "off",
    keepProvenMs: 0,
  };
  return decide({
    origin: "relay",
    envelope: { sender: null, body: "7bit", smtpUtf8: false, requireTls, ret: null, envid: null },
    recipient: {
      mailbox: { address: "p@example.org", localPart: "p", domain: "example.org", isUtf8: false },
      notify: null,
      orcpt: null,
    },
    findings,
    capabilities: {
      domain: "example.org",
      route: { kind: "hosts", hosts: [], via: "mx", security: "insecure" },
      sts: { kind: "none", failure: null },
      smime: absent,
      openpgp: absent,
      proven: absent,
      portal: absent,
      ...capabilities,
    },
    policy,
    previousFloor: previousFloor ?? null,
    holdReleased: false,
    now: NOW,
  });
}

function stepsOf(plan: Plan): string {
  return plan.steps
    .map((step) => {
      if ("code" in step) return `${step.kind}:${step.code}`;
      return `${step.kind}:${step.kind === "portal" ? step.noticeMinRung : step.minRung}`;
    })
    .join(" ");
}

function lowering(expiresAt: number): readonly DestinationRule[] {
  return [destinationRule("example.org", { lowerTo: { profile: "minimum", reason: "agreed in writing", expiresAt } })];
}

describe("what the domain proved before", () => {
  const known = (rung: Rung, keptUntil: number | null = null): Partial<Capabilities> => ({
    proven: { kind: "known", rung, fall: null, keptUntil },
  });
  const unread: Partial<Capabilities> = { proven: { kind: "unavailable", code: "PST-SPL-061" } };

  test.each<[string, Case, string, string | null]>([
    ["PHI, DANE", { tier: "low", capabilities: known("dane") }, "transport:dane wait:PST-DEC-020", "kept"],
    [
      "PHI, its own floor is as strong",
      { tier: "low", capabilities: known("pkix") },
      "transport:pkix hold:PST-DEC-001",
      null,
    ],
    [
      "PHI, less than its floor",
      { tier: "low", capabilities: known("plain") },
      "transport:pkix hold:PST-DEC-001",
      null,
    ],
    [
      "PHI, the fall has lasted",
      { tier: "low", capabilities: known("dane", NOW) },
      "transport:pkix hold:PST-DEC-001",
      "lapsed",
    ],
    [
      "PHI, the fall has not lasted yet",
      { tier: "low", capabilities: known("dane", NOW + 1) },
      "transport:dane wait:PST-DEC-020",
      "kept",
    ],
    [
      "PHI, the operator's rule",
      { tier: "low", capabilities: known("dane"), rules: lowering(NOW + 1) },
      "transport:tls-unauthenticated hold:PST-DEC-001",
      "waived",
    ],
    [
      "PHI, a rule that has expired",
      { tier: "low", capabilities: known("dane"), rules: lowering(NOW) },
      "transport:dane wait:PST-DEC-020",
      "kept",
    ],
    ["PHI, unreadable", { tier: "low", capabilities: unread }, "wait:PST-DEC-021", "unknown"],
    [
      "PHI, unreadable, and the operator's rule",
      { tier: "low", capabilities: unread, rules: lowering(NOW + 1) },
      "transport:tls-unauthenticated hold:PST-DEC-001",
      "waived",
    ],
    [
      "PHI with a certificate and a portal",
      { tier: "low", capabilities: { ...known("dane"), ...smime, ...portal } },
      "smime:plain transport:dane portal:tls-unauthenticated wait:PST-DEC-020",
      "kept",
    ],
    [
      "PHI under REQUIRETLS",
      { tier: "low", capabilities: known("dane"), requireTls: true },
      "transport:pkix-dnssec-mx refuse:PST-DEC-005",
      null,
    ],
    ["content protection anyway", { tier: "high", capabilities: known("dane") }, "hold:PST-DEC-003", null],
    ["ordinary mail", { capabilities: known("dane") }, "transport:plain hold:PST-DEC-001", null],
    ["ordinary mail, unreadable", { capabilities: unread }, "transport:plain hold:PST-DEC-001", null],
    [
      "REQUIRETLS alone",
      { capabilities: known("dane"), requireTls: true },
      "transport:pkix-dnssec-mx refuse:PST-DEC-005",
      null,
    ],
    [
      "an earlier plan that kept it, when its time is over",
      {
        tier: "low",
        capabilities: known("dane", NOW),
        previousFloor: planFor({ tier: "low", capabilities: known("dane") }).floor,
      },
      "transport:pkix hold:PST-DEC-001",
      "lapsed",
    ],
  ])("%s", (_, given, steps, effect) => {
    const plan = planFor(given);
    expect(stepsOf(plan)).toBe(steps);
    const effects = plan.reasons.flatMap((reason) => (reason.kind === "proven-before" ? [reason.effect] : []));
    expect(effects).toEqual(effect === null ? [] : [effect]);
  });
});
