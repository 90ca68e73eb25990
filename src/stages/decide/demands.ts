/**
 * What the findings demand for one recipient. Promises: each demand stands on its own and the strongest wins, so that a further
 * finding can only raise the floor; whatever was found but cannot be tied to a rule counts for every recipient.
 *
 * A rule hit concerns the recipients of its scope. The tier of a recipient is the highest among the hits that concern it; where
 * the message is graded higher than all hits together explain, the grade of the message counts.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { Findings, RuleHit, RuleScope, Tier } from "../../core/findings.ts";
import type { Policy, ProfileName } from "../../core/policy.ts";

export type Demand = {
  readonly profile: ProfileName;
  readonly because: string;
  /** Whether a destination rule may lower it: never for tier high, the unreadable, and what a rule names itself. */
  readonly mayBeLowered: boolean;
};

const TIER_RANK: Readonly<Record<Tier, number>> = { none: 0, low: 1, high: 2 };

/** Hits that concern this domain, in an order of their own, each once. */
export function hitsFor(findings: Findings, domain: string): readonly RuleHit[] {
  return findings.hits.filter(({ scope }) => concerns(scope, domain)).sort((a, b) => compare(keyOf(a), keyOf(b)));
}

export function demandsOf(findings: Findings, hits: readonly RuleHit[], policy: Policy): readonly Demand[] {
  const tier = tierFor(findings, hits);
  const demands: Demand[] = [];
  const demand = (profile: ProfileName, because: string, mayBeLowered: boolean): void => {
    demands.push({ profile, because, mayBeLowered });
  };
  if (tier !== "none") demand(policy.phi, "phi", true);
  if (tier === "high") demand(policy.sensitive, "phi of tier high", false);
  if (findings.triggers.length > 0) demand(policy.phi, "the sender asked for protection", true);
  if (isUninspectable(findings)) demand(policy.uninspectable, "could not be inspected", false);
  if (findings.verdict === "protected") demand(policy.alreadyProtected, "already encrypted by the sender", true);
  for (const { action, pack, rule } of hits) {
    if (action.kind === "protect") demand(action.profile, `rule ${pack}/${rule}`, false);
  }
  return demands;
}

function tierFor(findings: Findings, hits: readonly RuleHit[]): Tier {
  const messageTier = findings.verdict === "phi" ? higherTier(findings.tier, "low") : findings.tier;
  const explained = findings.hits.map(({ tier }) => tier).reduce(higherTier, "none");
  const concerning = hits.map(({ tier }) => tier).reduce(higherTier, "none");
  return TIER_RANK[messageTier] > TIER_RANK[explained] ? messageTier : concerning;
}

/** What the sender encrypted is listed as encrypted and is judged as `protected`; anything else unread counts. */
function isUninspectable({ verdict, uninspectable }: Findings): boolean {
  if (verdict === "uninspectable") return true;
  return uninspectable.some(({ reason }) => verdict !== "protected" || reason !== "encrypted");
}

function concerns(scope: RuleScope, domain: string): boolean {
  switch (scope.kind) {
    case "all":
      return true;
    case "only":
      return scope.domains.includes(domain);
    case "except":
      return !scope.domains.includes(domain);
    default:
      return assertNever(scope);
  }
}

function higherTier(a: Tier, b: Tier): Tier {
  return TIER_RANK[b] > TIER_RANK[a] ? b : a;
}

function keyOf({ pack, rule, tier, action }: RuleHit): string {
  return JSON.stringify([pack, rule, tier, action.kind, action.kind === "protect" ? action.profile : ""]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
