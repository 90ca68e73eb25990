/** What changes of a message's verdict when another rule pack judges it. Pure; ids of rules only. */
import type { Findings } from "../../core/findings.ts";
import { actionText } from "../../core/rule-action.ts";

type Judgement = Pick<Findings, "verdict" | "tier">;

export type Change = {
  readonly file: string;
  readonly now: Judgement;
  readonly against: Judgement;
  /** Rules, in the order of their packs: `rule`, `rule (tier high)`, `rule (hold)` as far as the other pack says otherwise. */
  readonly gained: readonly string[];
  readonly lost: readonly string[];
};
export type RuleChange = { readonly rule: string; readonly gained: number; readonly lost: number };

/** null where verdict, tier, rules and what they ask for are the same. */
export function changeOf(file: string, now: Findings, against: Findings): Change | null {
  const before = rulesOf(now);
  const after = rulesOf(against);
  const gained = after.filter((rule) => !before.includes(rule));
  const lost = before.filter((rule) => !after.includes(rule));
  const isSame = now.verdict === against.verdict && now.tier === against.tier;
  return isSame && gained.length === 0 && lost.length === 0
    ? null
    : { file, now: judgementOf(now), against: judgementOf(against), gained, lost };
}

/** Most changes first. */
export function changesByRule(changes: readonly Change[]): readonly RuleChange[] {
  const rules = new Set(changes.flatMap(({ gained, lost }) => [...gained, ...lost]));
  return Array.from(rules, (rule) => ({
    rule,
    gained: changes.filter(({ gained }) => gained.includes(rule)).length,
    lost: changes.filter(({ lost }) => lost.includes(rule)).length,
  })).toSorted((a, b) => b.gained + b.lost - a.gained - a.lost);
}

/** Packs of two versions may have two names, so only the rule counts; what it does counts too. */
function rulesOf({ hits }: Findings): readonly string[] {
  return [
    ...new Set(
      hits.map(({ rule, tier, action, also }) => {
        const asks = actionText(action, also);
        const what = asks === "protect" ? "" : asks;
        const notes = [what, tier === "high" ? "tier high" : ""].filter((note) => note !== "");
        return notes.length === 0 ? rule : `${rule} (${notes.join(", ")})`;
      }),
    ),
  ];
}

function judgementOf({ verdict, tier }: Findings): Judgement {
  return { verdict, tier };
}
