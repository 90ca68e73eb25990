/** Counts what rules of status shadow would have done, from the audit. Pure. */
import type { EventBody } from "../../core/event.ts";
import { actionText, isDemand } from "../../core/rule-action.ts";

/** Messages named for one rule. */
const EXAMPLES_MAX = 5;

export type ShadowRow = {
  readonly rule: string;
  readonly action: string;
  readonly tier: string;
  readonly messages: number;
  /** Of them, those that no active rule protects: what would change if the rule became active. */
  readonly changed: number;
  /** Ids of the newest of these, else of the newest at all. */
  readonly examples: readonly string[];
};

export type ShadowReport = { readonly inspected: number; readonly rows: readonly ShadowRow[] };

export class ShadowCount {
  readonly #rows = new Map<string, ShadowRow>();
  #inspected = 0;

  /** Events in the order of the audit. */
  add(messageId: string | null, { findings }: Extract<EventBody, { kind: "inspected" }>): void {
    this.#inspected += 1;
    const isProtected = findings.verdict === "phi";
    for (const { pack, rule, action, also, tier } of findings.shadow ?? []) {
      const name = `${pack}/${rule}`;
      const before = this.#rows.get(name) ?? { rule: name, messages: 0, changed: 0, examples: [] };
      const isChange = !isProtected && isDemand(action);
      const isExample = messageId !== null && (isChange || before.changed === 0);
      const examples = isChange && before.changed === 0 ? [] : before.examples;
      this.#rows.set(name, {
        ...before,
        action: actionText(action, also),
        tier,
        messages: before.messages + 1,
        changed: before.changed + (isChange ? 1 : 0),
        examples: isExample ? [messageId, ...examples].slice(0, EXAMPLES_MAX) : examples,
      });
    }
  }

  report(): ShadowReport {
    const rows = [...this.#rows.values()].toSorted((a, b) => b.messages - a.messages || (a.rule < b.rule ? -1 : 1));
    return { inspected: this.#inspected, rows };
  }
}
