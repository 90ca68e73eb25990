/**
 * What a reviewer decides about mail a rule keeps for a look: release plans it anew without the rule's hold, never below its floor;
 * refuse fails it, and the sender is told without content. Promises: who and why in the same transaction; nothing but mail under review is
 * touched.
 */
import { actorFacts } from "../../core/actor.ts";
import type { Actor } from "../../core/actor.ts";
import { failed } from "../../core/aftermath.ts";
import type { EventBody } from "../../core/event.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { RecipientTransition, StoredRecipient } from "../../core/queue-store.ts";
import { isTerminal } from "../../core/recipient-state.ts";
import { isUnderReview } from "../../core/review.ts";
import type { ReviewAct } from "../../core/review.ts";
import { claim, giveBack, settleEach } from "./operator.ts";
import type { ActResult, OperatorDeps, Skipped } from "./operator.ts";
import { eventOf } from "./settle.ts";

export type ReviewDecision = {
  readonly act: ReviewAct;
  readonly ids: readonly RecipientId[];
  readonly actor: Actor;
  readonly reason: string;
};

export async function decideReview(decision: ReviewDecision, deps: OperatorDeps): Promise<ActResult> {
  const { claimed, skipped } = await claim(decision.ids, deps);
  const open = claimed.filter((recipient) => !isTerminal(recipient.state) && isUnderReview(recipient));
  const other = claimed.filter((recipient) => !open.includes(recipient));
  await giveBack(other, deps);
  const event: EventBody = {
    kind: "review",
    action: decision.act === "release" ? "released" : "refused",
    ...actorFacts(decision.actor),
    reason: decision.reason,
  };
  const kept =
    decision.act === "release"
      ? await release(open, event, deps)
      : await settleEach(open, { event, settledOf: refused }, deps);
  deps.wake();
  return {
    done: open.map(({ id }) => id).filter((id) => kept.every((each) => each.id !== id)),
    skipped: [...skipped, ...other.map(({ id }): Skipped => ({ id, why: "not_under_review" })), ...kept],
  };
}

async function release(
  open: readonly StoredRecipient[],
  event: EventBody,
  { store, clock }: OperatorDeps,
): Promise<readonly Skipped[]> {
  if (open.length === 0) return [];
  const now = clock.now();
  const recipients = open.map((recipient): RecipientTransition => ({
    recipientId: recipient.id,
    fence: recipient.fence,
    patch: { holdReleased: true, ...(recipient.state === "held" && { state: "ready" }), dueAt: now, lease: null },
    events: [eventOf(recipient, event, now)],
    children: [],
  }));
  const { stale } = await store.commit({ recipients, variants: [], inspected: null, events: [] }, "durable");
  return stale.map((id) => ({ id, why: "busy" }));
}

function refused(recipient: StoredRecipient): ReturnType<typeof failed> {
  return failed({ code: "PST-PIP-009", status: "5.7.1", reply: null, replyCode: null, host: null }, { recipient });
}
