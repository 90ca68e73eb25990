/**
 * What a person may do to recipients: try now, put aside, let go, give up. Each act is written with its audit row naming who
 * and why. Promises: mail under review is moved by a reviewer's act only; a release never lowers a floor, the recipient is planned
 * anew; whoever is put aside has a deadline and its sender is told; what was not done says why.
 */
import { actorFacts } from "../../core/actor.ts";
import type { Actor } from "../../core/actor.ts";
import { failed, held } from "../../core/aftermath.ts";
import type { RetryOptions, Settled } from "../../core/aftermath.ts";
import { assertNever } from "../../core/assert-never.ts";
import type { Clock } from "../../core/clock.ts";
import type { EventBody } from "../../core/event.ts";
import { messageIdOf } from "../../core/ids.ts";
import type { MessageId, RecipientId } from "../../core/ids.ts";
import { ownFinding } from "../../core/pass-facts.ts";
import type { Lease, QueueStore, RecipientTransition, StoredRecipient } from "../../core/queue-store.ts";
import { isTerminal } from "../../core/recipient-state.ts";
import { isUnderReview } from "../../core/review.ts";
import type { ApprovalChange } from "../../core/review.ts";
import { eventOf, type Settle } from "./settle.ts";

export type Action = "retry" | "hold" | "release" | "drop";

export type Act = {
  readonly action: Action;
  readonly ids: readonly RecipientId[];
  readonly actor: Actor;
  readonly reason: string;
};

/** Why nothing was done; `unreported`: the report to its sender could not be written. */
export type SkipReason =
  | "unknown"
  | "finished"
  | "busy"
  | "under_review"
  | "not_under_review"
  | "not_held"
  | "held"
  | "unreported"
  | "requested"
  | "no_request"
  | "same_person";
export type Skipped = { readonly id: RecipientId; readonly why: SkipReason };
export type ActResult = { readonly done: readonly RecipientId[]; readonly skipped: readonly Skipped[] };

export type OperatorDeps = {
  readonly store: QueueStore;
  readonly settle: Settle;
  readonly retry: RetryOptions;
  readonly clock: Clock;
  readonly lease: () => Lease;
  readonly wake: () => void;
};

/** Recipients of one message: more cannot be accepted. */
const RECIPIENTS_MAX = 10_000;

export async function act(request: Act, deps: OperatorDeps): Promise<ActResult> {
  const { claimed, skipped } = await claim(request.ids, deps);
  const refused = claimed.flatMap(({ id, ...rest }): readonly Skipped[] => {
    const why = refusalOf(request.action, rest);
    return why === null ? [] : [{ id, why }];
  });
  const open = claimed.filter(({ id }) => refused.every((each) => each.id !== id));
  await giveBack(
    claimed.filter((recipient) => !open.includes(recipient)),
    deps,
  );
  const kept = await carryOut(open, request, deps);
  deps.wake();
  return {
    done: open.map(({ id }) => id).filter((id) => kept.every((each) => each.id !== id)),
    skipped: [...skipped, ...refused, ...kept],
  };
}

type Claimed = { readonly claimed: readonly StoredRecipient[]; readonly skipped: readonly Skipped[] };

/** Those nobody else works on; of the others, why they could not be claimed. */
export async function claim(ids: readonly RecipientId[], deps: OperatorDeps): Promise<Claimed> {
  const claimed = await deps.store.claimThese(ids, deps.lease(), deps.clock.now());
  const taken = new Set(claimed.map(({ id }) => id));
  const left = ids.filter((id) => !taken.has(id));
  const known = new Map<RecipientId, StoredRecipient>();
  for (const messageId of new Set(left.map(messageIdOf))) {
    const recipients = await deps.store.recipients({ messageId, limit: RECIPIENTS_MAX });
    for (const recipient of recipients) known.set(recipient.id, recipient);
  }
  return { claimed, skipped: left.map((id) => ({ id, why: absenceOf(known.get(id)) })) };
}

function absenceOf(recipient: StoredRecipient | undefined): SkipReason {
  if (recipient === undefined) return "unknown";
  return isTerminal(recipient.state) ? "finished" : "busy";
}

/** null where the act is for this recipient. A dialog whose lease ran out may still end: it is left alone until it comes back. */
export function refusalOf(
  action: Action,
  recipient: Pick<StoredRecipient, "state" | "plan" | "holdReleased">,
): SkipReason | null {
  if (isTerminal(recipient.state)) return "finished";
  if (isUnderReview(recipient)) return "under_review";
  switch (action) {
    case "retry":
    case "drop":
      return null;
    case "release":
      return recipient.state === "held" ? null : "not_held";
    case "hold":
      if (recipient.state === "held") return "held";
      return recipient.state === "in_dialog" || recipient.state === "dot_sent" ? "busy" : null;
    default:
      return assertNever(action);
  }
}

/** Ends a claim without a trace. */
export async function giveBack(
  recipients: readonly StoredRecipient[],
  deps: Pick<OperatorDeps, "store">,
): Promise<void> {
  if (recipients.length === 0) return;
  const unchanged = recipients.map(({ id: recipientId, fence }): RecipientTransition => ({
    recipientId,
    fence,
    patch: { lease: null },
    events: [],
    children: [],
  }));
  await deps.store.commit({ recipients: unchanged, variants: [], inspected: null, events: [] }, "durable");
}

/** Resolves to those that were left as they are. */
function carryOut(open: readonly StoredRecipient[], request: Act, deps: OperatorDeps): Promise<readonly Skipped[]> {
  switch (request.action) {
    case "retry":
    case "release":
      return makeDue(open, request, deps);
    case "drop":
      return settleEach(open, { event: operatorEvent(request), settledOf: dropped }, deps);
    case "hold": {
      const { retry: options, clock } = deps;
      const settledOf = (recipient: StoredRecipient): Settled => putAside(recipient, { options, now: clock.now() });
      return settleEach(open, { event: operatorEvent(request), settledOf }, deps);
    }
    default:
      return assertNever(request.action);
  }
}

/** One transaction. A held recipient goes back into the queue; the deadline its sender was told of stands. */
async function makeDue(
  open: readonly StoredRecipient[],
  request: Act,
  deps: OperatorDeps,
): Promise<readonly Skipped[]> {
  if (open.length === 0) return [];
  const now = deps.clock.now();
  const recipients = open.map((recipient): RecipientTransition => ({
    recipientId: recipient.id,
    fence: recipient.fence,
    patch: { ...(recipient.state === "held" && { state: "ready" }), dueAt: now, lease: null },
    events: [eventOf(recipient, operatorEvent(request), now)],
    children: [],
  }));
  const { stale } = await deps.store.commit({ recipients, variants: [], inspected: null, events: [] }, "durable");
  return stale.map((id) => ({ id, why: "busy" }));
}

function dropped(recipient: StoredRecipient): Settled {
  return failed(ownFinding("PST-PIP-004", "5.7.1"), { recipient });
}

/** As every hold, but without the alert: the operators know. */
function putAside(recipient: StoredRecipient, at: { readonly now: number; readonly options: RetryOptions }): Settled {
  const settled = held("PST-PIP-008", { recipient, ...at });
  return { ...settled, events: settled.events.filter(({ kind }) => kind !== "alert") };
}

export type Settling = {
  /** Who and why, before the events of the ending. */
  readonly event: EventBody;
  readonly settledOf: (recipient: StoredRecipient) => Settled;
  readonly approvals?: readonly ApprovalChange[];
};

/** A transaction for each message, its report with it; recipients of one message share the report. */
export async function settleEach(
  open: readonly StoredRecipient[],
  { event, settledOf, approvals = [] }: Settling,
  deps: Pick<OperatorDeps, "store" | "settle">,
): Promise<readonly Skipped[]> {
  const kept: Skipped[] = [];
  const groups = Map.groupBy(open, ({ messageId }): MessageId => messageId);
  for (const [messageId, recipients] of groups) {
    const message = await deps.store.message(messageId);
    if (message === null) throw new Error("a recipient without its message");
    const endings = recipients.map((recipient) => ({
      recipient,
      before: [event],
      settled: settledOf(recipient),
      approvals: approvals.filter((change) => change.kind === "closed" && change.recipientId === recipient.id),
    }));
    const left = await deps.settle(message, endings);
    kept.push(...left.map((id): Skipped => ({ id, why: "unreported" })));
  }
  return kept;
}

function operatorEvent({ action, actor, reason }: Act): EventBody {
  return { kind: "operator", action, ...actorFacts(actor), reason };
}
