/**
 * What the findings demand for one recipient. Promises: each demand stands on its own and the strongest wins, so that a further
 * finding can only raise the floor; whatever was found but cannot be tied to a rule counts for every recipient.
 *
 * A rule hit concerns the recipients of its scope. The tier of a recipient is the highest among the hits that concern it; where
 * the message is graded higher than all hits together explain, the grade of the message counts.
 */
import { isAmong } from "../../core/address-pattern.ts";
import type { Mailbox } from "../../core/envelope.ts";
import type { Between, Findings, RuleHit, RuleScope, Tier } from "../../core/findings.ts";
import type { Policy, ProfileName } from "../../core/policy.ts";

export type Demand = {
  readonly profile: ProfileName;
  readonly because: string;
  /** Whether a destination rule may lower it: never for tier high, the unreadable, and what a rule names itself. */
  readonly mayBeLowered: boolean;
  /** Whether a sender who may do so can do without it (waiver.ts): what the policy asks for tier low, and a plain `protect`. */
  readonly mayBeWaived?: true;
};

export type Parties = { readonly sender: Mailbox | null; readonly recipient: Mailbox };

const TIER_RANK: Readonly<Record<Tier, number>> = { none: 0, low: 1, high: 2 };

/** Hits that concern these two; null: all of them. In an order of their own. */
export function hitsFor(findings: Findings, parties: Parties | null): readonly RuleHit[] {
  return findings.hits
    .filter(({ scope }) => parties === null || concerns(scope, parties))
    .sort((a, b) => compare(keyOf(a), keyOf(b)));
}

export function demandsOf(findings: Findings, hits: readonly RuleHit[], policy: Policy): readonly Demand[] {
  const tier = tierFor(findings, hits);
  const demands: Demand[] = [];
  const demand = (profile: ProfileName, because: string, may: { lower?: true; waive?: boolean } = {}): void => {
    const mayBeLowered = may.lower === true;
    demands.push({ profile, because, mayBeLowered, ...(may.waive === true && { mayBeWaived: true }) });
  };
  const isExplained = hits.some((hit) => hit.tier === "low");
  if (tier !== "none") demand(policy.phi, "phi", { lower: true, waive: tier === "low" && isExplained });
  if (tier === "high") demand(policy.sensitive, "phi of tier high");
  if (findings.triggers.length > 0) demand(policy.phi, "the sender asked for protection", { lower: true });
  if (isUninspectable(findings)) demand(policy.uninspectable, "could not be inspected");
  if (findings.verdict === "protected" || findings.holdsEncrypted === true) {
    demand(policy.alreadyProtected, "already encrypted by the sender", { lower: true });
  }
  for (const { action, pack, rule } of hits) {
    if (action.kind !== "protect") continue;
    demand(action.profile, `rule ${pack}/${rule}`, { waive: action.profile === "minimum" });
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

/** A scope this version does not know, of findings an older one stored, spares nobody. */
function concerns(scope: RuleScope, parties: Parties): boolean {
  if (scope.kind !== "between") return true;
  const fits = (each: Between): boolean => isBetween(each, parties);
  return (scope.only === null || scope.only.some(fits)) && !scope.except.some(fits);
}

function isBetween({ senders, recipients }: Between, { sender, recipient }: Parties): boolean {
  return (
    (senders === undefined || isAmong(sender, senders)) && (recipients === undefined || isAmong(recipient, recipients))
  );
}

function higherTier(a: Tier, b: Tier): Tier {
  return TIER_RANK[b] > TIER_RANK[a] ? b : a;
}

function keyOf({ pack, rule, tier, action, also = [] }: RuleHit): string {
  return JSON.stringify([pack, rule, tier, action.kind, action.kind === "protect" ? action.profile : "", also]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
