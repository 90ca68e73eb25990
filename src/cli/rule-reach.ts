/**
 * Which rules of the packs in force do more, or less, than protect everybody's mail, and whether they concern mail between two
 * addresses. Pure; whom a rule names is not told, only whether it fits.
 */
import { isAmong } from "../core/address-pattern.ts";
import type { Mailbox } from "../core/envelope.ts";
import type { Between } from "../core/findings.ts";
import { actionText } from "../core/rule-action.ts";
import type { CompiledPack, CompiledRule } from "../stages/inspect/compiled-pack.ts";

export type Reach = "yes" | "no" | "depends on the sender";
export type RuleReach = {
  /** As `pack/rule`. */
  readonly rule: string;
  readonly status: CompiledRule["status"];
  readonly asks: string;
  readonly tier: string;
  readonly concerns: Reach;
};

export type Ends = {
  /** null: not given. */
  readonly sender: Mailbox | null;
  readonly recipient: Mailbox;
};

export function rulesReaching(packs: readonly CompiledPack[], ends: Ends): readonly RuleReach[] {
  return packs.flatMap((pack) =>
    pack.rules.flatMap((rule) => {
      const asks = actionText(rule.action, rule.also);
      if (asks === "protect" && rule.scope.kind === "all") return [];
      const { id, status, tier } = rule;
      return [{ rule: `${pack.id}/${id}`, status, asks, tier, concerns: reachOf(rule, ends) }];
    }),
  );
}

function reachOf({ scope }: CompiledRule, ends: Ends): Reach {
  if (scope.kind === "all") return "yes";
  const excepted = anyOf(scope.except.map((each) => fit(each, ends)));
  if (excepted === "yes") return "no";
  const included = scope.only === null ? "yes" : anyOf(scope.only.map((each) => fit(each, ends)));
  return included === "yes" && excepted !== "no" ? excepted : included;
}

function anyOf(fits: readonly Reach[]): Reach {
  if (fits.includes("yes")) return "yes";
  return fits.includes("depends on the sender") ? "depends on the sender" : "no";
}

function fit({ senders, recipients }: Between, { sender, recipient }: Ends): Reach {
  if (recipients !== undefined && !isAmong(recipient, recipients)) return "no";
  if (senders === undefined) return "yes";
  if (sender === null) return "depends on the sender";
  return isAmong(sender, senders) ? "yes" : "no";
}

export function reachLines(rules: readonly RuleReach[]): readonly string[] {
  return rules.map(({ rule, status, asks, tier, concerns }) => {
    const what = [asks, ...(tier === "high" ? ["tier high"] : []), ...(status === "shadow" ? ["in shadow"] : [])];
    const whom = {
      yes: "concerns this mail",
      no: "spares this mail",
      "depends on the sender": "depends on the sender (--from)",
    };
    return `${rule} (${what.join(", ")}): ${whom[concerns]}`;
  });
}
