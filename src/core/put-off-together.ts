/**
 * Puts off recipients whose destination is known not to answer, without trying each of them: the same rules of pause, jitter
 * and lifetime as after an attempt, and an event that says why. Pure. Whoever must be told of, fails by now, may take the next step of
 * its plan, or never had its first pass is left to the pipeline.
 */
import { holdIsOver, putOff, type RetryOptions } from "./aftermath.ts";
import type { Chance } from "./clock.ts";
import type { RecipientId } from "./ids.ts";
import { lifetimeEnd } from "./pass-facts.ts";
import type { RecipientTransition, WaitingRecipient } from "./queue-store.ts";

export type PutOffTogether = {
  readonly transitions: readonly RecipientTransition[];
  /** To be worked on one by one. */
  readonly left: readonly RecipientId[];
};

const RESTS = { code: "PST-DLV-028", status: "4.4.1", reply: null, replyCode: null } as const;

export function putOffTogether(
  waiting: readonly WaitingRecipient[],
  at: { readonly now: number; readonly options: RetryOptions; readonly chance: Chance },
): PutOffTogether {
  const transitions: RecipientTransition[] = [];
  const left: RecipientId[] = [];
  for (const recipient of waiting) {
    const { id, fence, messageId, state, receivedAt } = recipient;
    const expiresAt = lifetimeEnd(recipient, recipient);
    const settled = putOff({ ...RESTS, host: recipient.lastHost }, { ...at, recipient, receivedAt, expiresAt });
    const takesNextStep = holdIsOver(recipient.unmetSince, at);
    if (state !== "deferred" || takesNextStep || settled.patch.state !== "deferred" || settled.tell !== null) {
      left.push(id);
      continue;
    }
    // What the last server said stays on record: nobody said anything since.
    const { lastReply: _, ...patch } = settled.patch;
    const events = settled.events.map((body) => ({ at: at.now, messageId, recipientId: id, body }));
    transitions.push({ recipientId: id, fence, patch, events, children: [] });
  }
  return { transitions, left };
}
