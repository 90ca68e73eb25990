/** Facts for tests of decide, and a plan from what differs of them. */
import type { Capabilities, Route } from "../../core/capabilities.ts";
import type { Between, Findings, RuleHit, RuleScope } from "../../core/findings.ts";
import type { Plan } from "../../core/plan.ts";
import type { DestinationRule, Policy, ProfileName } from "../../core/policy.ts";
import type { DecideInput } from "../../core/stages.ts";
import { destinationRule } from "../../../test/support/rules.ts";
import { decide } from "./decide.ts";

export const NOW = 1_000_000;
export const addresses = { kind: "found", value: ["192.0.2.1"], security: "insecure" } as const;
export const hosts: Extract<Route, { kind: "hosts" }> = {
  kind: "hosts",
  hosts: [{ name: "mx.example.org", preference: 10, addresses, dane: { kind: "none" }, sts: { kind: "none" } }],
  via: "mx",
  security: "insecure",
};
export const certificate = { fingerprint: "c1", der: new Uint8Array([1]) };
const key = { fingerprint: "k1", armored: "k" };
export const smime = { smime: { kind: "found", keys: [certificate] } } as const;
export const openpgp = { openpgp: { kind: "found", keys: [key] } } as const;
export const portal = { portal: { kind: "available" } } as const;

export const clean: Findings = {
  verdict: "clean",
  tier: "none",
  hits: [],
  findings: [],
  uninspectable: [],
  triggers: [],
  packs: [],
  engine: "1",
};
export const low: Findings = { ...clean, verdict: "phi", tier: "low", hits: [hit({ tier: "low" })] };
export const high: Findings = { ...clean, verdict: "phi", tier: "high", hits: [hit({ tier: "high" })] };
export const unread: Findings = {
  ...clean,
  verdict: "uninspectable",
  uninspectable: [{ part: "2", reason: "unsupported_type" }],
};
export const encrypted: Findings = {
  ...clean,
  verdict: "protected",
  uninspectable: [{ part: "1", reason: "encrypted" }],
};
export const tagged: Findings = { ...clean, triggers: ["subject-tag"] };

export const policy: Policy = {
  phi: "standard",
  sensitive: "content",
  uninspectable: "strict",
  alreadyProtected: "minimum",
  requireTls: "off",
  destinations: [],
  keepProvenMs: 0,
};

export function hit(parts: Partial<RuleHit>): RuleHit {
  return { pack: "p", rule: "r", tier: "none", action: { kind: "pass" }, scope: { kind: "all" }, ...parts };
}

export function only(entries: readonly Between[]): RuleScope {
  return { kind: "between", only: entries, except: [] };
}

export function except(entries: readonly Between[]): RuleScope {
  return { kind: "between", only: null, except: entries };
}

export function rule(match: string, parts: Partial<DestinationRule>): DestinationRule {
  return destinationRule(match, parts);
}

export function lowerTo(profile: ProfileName, expiresAt = NOW + 1): Partial<DestinationRule> {
  return { lowerTo: { profile, reason: "agreed in writing", expiresAt } };
}

export type Case = Partial<Omit<DecideInput, "capabilities" | "envelope">> & {
  readonly capabilities?: Partial<Capabilities>;
  readonly domain?: string;
  readonly requireTls?: boolean;
};

export function planFor({ capabilities, domain = "example.org", requireTls = false, ...rest }: Case): Plan {
  const mailbox = { address: `p@${domain}`, localPart: "p", domain, isUtf8: false };
  const absent = { kind: "absent" } as const;
  return decide({
    origin: "relay",
    envelope: { sender: null, body: "7bit", smtpUtf8: false, requireTls, ret: null, envid: null },
    recipient: { mailbox, notify: null, orcpt: null },
    findings: clean,
    capabilities: {
      domain,
      route: hosts,
      sts: { kind: "none", failure: null },
      smime: absent,
      openpgp: absent,
      proven: absent,
      portal: absent,
      ...capabilities,
    },
    policy,
    previousFloor: null,
    holdReleased: false,
    now: NOW,
    ...rest,
  });
}

/** `transport:pkix portal:pkix hold:PST-DEC-001` */
export function stepsOf(plan: Plan): string {
  return plan.steps
    .map((step) => {
      if ("code" in step) return `${step.kind}:${step.code}`;
      return `${step.kind}:${step.kind === "portal" ? step.noticeMinRung : step.minRung}`;
    })
    .join(" ");
}
