/**
 * What a person may do to queued recipients: retry now, release a review hold, drop. Each act is one transaction with its
 * audit row naming who and why. A release never lowers a floor: the recipient is planned anew, without the review hold.
 */
import { failed } from "../../core/aftermath.ts";
import type { Clock } from "../../core/clock.ts";
import type { EventBody } from "../../core/event.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { Lease, QueueStore, RecipientPatch, StoredRecipient } from "../../core/queue-store.ts";
import { isTerminal } from "../../core/recipient-state.ts";
import { eventOf, type Settle } from "./settle.ts";

export type Act = {
  readonly action: "retry" | "release" | "drop";
  readonly ids: readonly RecipientId[];
  /** OS user name. */
  readonly actor: string;
  readonly reason: string;
};

export type ActResult = {
  readonly done: readonly RecipientId[];
  /** Ended already, unknown, being delivered this moment, or its report could not be written. */
  readonly skipped: readonly RecipientId[];
};

export type OperatorDeps = {
  readonly store: QueueStore;
  readonly settle: Settle;
  readonly clock: Clock;
  readonly lease: () => Lease;
  readonly wake: () => void;
};

export async function act(request: Act, deps: OperatorDeps): Promise<ActResult> {
  const now = deps.clock.now();
  const claimed = await deps.store.claimThese(request.ids, deps.lease(), now);
  const open = claimed.filter((recipient) => isActable(recipient, request.action));
  const other = claimed.filter((recipient) => !open.includes(recipient));
  if (other.length > 0) await giveBack(other, deps);
  const kept =
    request.action === "drop" ? await drop(open, request, deps) : await makeDue(open, { request, now }, deps);
  deps.wake();
  const done = open.map(({ id }) => id).filter((id) => !kept.includes(id));
  return { done, skipped: request.ids.filter((id) => !done.includes(id)) };
}

/** Only a hold can be released; whatever has not ended can be tried or dropped. */
function isActable(recipient: StoredRecipient, action: Act["action"]): boolean {
  if (isTerminal(recipient.state)) return false;
  return action !== "release" || recipient.state === "held";
}

async function giveBack(recipients: readonly StoredRecipient[], deps: OperatorDeps): Promise<void> {
  await deps.store.commit(
    {
      recipients: recipients.map(({ id, fence }) => ({
        recipientId: id,
        fence,
        patch: { lease: null },
        events: [],
        children: [],
      })),
      variants: [],
      inspected: null,
      events: [],
    },
    "durable",
  );
}

async function makeDue(
  recipients: readonly StoredRecipient[],
  { request, now }: { readonly request: Act; readonly now: number },
  deps: OperatorDeps,
): Promise<readonly RecipientId[]> {
  const release: RecipientPatch = request.action === "release" ? { holdReleased: true } : {};
  const { stale } = await deps.store.commit(
    {
      recipients: recipients.map((recipient) => ({
        recipientId: recipient.id,
        fence: recipient.fence,
        patch: { ...release, ...wakePatch(recipient), dueAt: now, lease: null },
        events: [eventOf(recipient, operatorEvent(request), now)],
        children: [],
      })),
      variants: [],
      inspected: null,
      events: [],
    },
    "durable",
  );
  return stale;
}

/** A held recipient goes back into the queue; the deadline its sender was told of stands. */
function wakePatch(recipient: StoredRecipient): RecipientPatch {
  return recipient.state === "held" ? { state: "ready" } : {};
}

/** Resolves to those that could not be dropped. */
async function drop(
  recipients: readonly StoredRecipient[],
  request: Act,
  deps: OperatorDeps,
): Promise<readonly RecipientId[]> {
  const kept: RecipientId[] = [];
  for (const recipient of recipients) {
    const message = await deps.store.message(recipient.messageId);
    if (message === null) throw new Error("a recipient without its message");
    const failure = { code: "PST-PIP-004", status: "5.7.1", reply: null, replyCode: null, host: null } as const;
    const ending = { recipient, before: [operatorEvent(request)], settled: failed(failure, { recipient }) };
    kept.push(...(await deps.settle(message, [ending])));
  }
  return kept;
}

function operatorEvent({ action, actor, reason }: Act): EventBody {
  return { kind: "operator", action, actor, reason };
}
