/** Fixed facts of one walk through the pipeline: what is overdue, what a bug comes to, what needs no inspection. */
import type { Findings } from "./findings.ts";
import type { Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import type { StoredMessage, StoredRecipient } from "./queue-store.ts";

/** A stage threw before anything was announced: nothing left, try later. */
export const BROKEN: Outcome = {
  kind: "deferred",
  scope: "recipient",
  status: "4.3.0",
  code: "PST-PIP-003",
  reply: null,
  host: null,
  unmet: null,
};

/** Reports are our own text without content: nothing to find. */
export const OWN_TEXT: Findings = {
  verdict: "clean",
  tier: "none",
  hits: [],
  findings: [],
  uninspectable: [],
  triggers: [],
  packs: [],
  engine: "own-text",
};

/** Why a claimed recipient must not be tried any more, or null. */
export function overdueCode(
  recipient: StoredRecipient,
  message: StoredMessage,
  now: number,
): "PST-PIP-001" | "PST-PIP-002" | null {
  if (recipient.state === "held")
    return recipient.deadlineAt !== null && now >= recipient.deadlineAt ? "PST-PIP-002" : null;
  return now >= message.expiresAt ? "PST-PIP-001" : null;
}

export function isSamePlan(plan: Plan, before: Plan | null): boolean {
  return before !== null && JSON.stringify(plan) === JSON.stringify(before);
}
