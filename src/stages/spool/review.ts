/**
 * What people decide about mail a rule keeps for a look: release plans it anew without the rule's hold, never below its floor; refuse
 * fails it, and the sender is told without content. Where four eyes are asked for, the first person only requests, and another one, told
 * apart by the uid the kernel proved, approves or rejects. Promises: who and why in the same transaction; a request outlives a restart,
 * expires, and is decided once; nothing but mail under review is touched.
 */
import { actorFacts } from "../../core/actor.ts";
import type { Actor } from "../../core/actor.ts";
import { failed } from "../../core/aftermath.ts";
import type { EventBody } from "../../core/event.ts";
import { messageIdOf } from "../../core/ids.ts";
import type { RecipientId } from "../../core/ids.ts";
import { ownFinding } from "../../core/pass-facts.ts";
import type { RecipientTransition, StoredRecipient } from "../../core/queue-store.ts";
import { isTerminal } from "../../core/recipient-state.ts";
import { isUnderReview, needsSecondPerson } from "../../core/review.ts";
import type { ApprovalChange, ApprovalRequest, FourEyes, ReviewAct } from "../../core/review.ts";
import { claim, giveBack, settleEach } from "./operator.ts";
import type { ActResult, OperatorDeps, Skipped, SkipReason } from "./operator.ts";
import { eventOf } from "./settle.ts";

export type ReviewDecision = {
  readonly act: ReviewAct;
  readonly ids: readonly RecipientId[];
  readonly actor: Actor;
  readonly reason: string;
};

/** About requests of others, by the id of the request. */
export type Verdict = {
  readonly verdict: "approve" | "reject";
  readonly requestId: string;
  readonly actor: Actor;
  readonly reason: string;
};

export type ReviewResult = ActResult & { readonly requested: readonly ApprovalRequest[] };

/** null: nothing was in the way. */
export type VerdictResult = { readonly request: ApprovalRequest | null; readonly why: SkipReason | null };

export type ReviewDeps = OperatorDeps & {
  readonly fourEyes: () => FourEyes;
  readonly requestMs: () => number;
  readonly newRequestId: () => string;
};

const EXPIRED_MAX = 500;

export async function decideReview(decision: ReviewDecision, deps: ReviewDeps): Promise<ReviewResult> {
  const { claimed, skipped } = await claim(decision.ids, deps);
  const open = claimed.filter((recipient) => !isTerminal(recipient.state) && isUnderReview(recipient));
  const other = claimed.filter((recipient) => !open.includes(recipient));
  await giveBack(other, deps);
  const left = [...skipped, ...other.map(({ id }): Skipped => ({ id, why: "not_under_review" }))];
  if (needsSecondPerson(deps.fourEyes(), decision.act)) {
    const asked = await request(open, decision, deps);
    return { done: [], requested: asked.requested, skipped: [...left, ...asked.skipped] };
  }
  const pending = await openRequests(open, deps);
  const free = open.filter(({ id }) => !pending.has(id));
  const waiting = open.filter(({ id }) => pending.has(id));
  await giveBack(waiting, deps);
  const { act, actor, reason } = decision;
  const event: EventBody = {
    kind: "review",
    action: act === "release" ? "released" : "refused",
    act,
    ...actorFacts(actor),
    reason,
  };
  const kept = await carryOut(free, { act, event, approvals: [] }, deps);
  const done = free.map(({ id }) => id).filter((id) => kept.every((each) => each.id !== id));
  return {
    done,
    requested: [],
    skipped: [...left, ...waiting.map(({ id }): Skipped => ({ id, why: "requested" })), ...kept],
  };
}

/** One open request for each recipient: two wishes could contradict each other. */
async function request(
  open: readonly StoredRecipient[],
  { act, actor, reason }: ReviewDecision,
  deps: ReviewDeps,
): Promise<{ readonly requested: readonly ApprovalRequest[]; readonly skipped: readonly Skipped[] }> {
  const pending = await openRequests(open, deps);
  const free = open.filter(({ id }) => !pending.has(id));
  const waiting = open.filter(({ id }) => pending.has(id));
  await giveBack(waiting, deps);
  const skipped = waiting.map(({ id }): Skipped => ({ id, why: "requested" }));
  if (free.length === 0) return { requested: [], skipped };
  const now = deps.clock.now();
  const expires = now + deps.requestMs();
  const asked = free.map((recipient) => ({
    recipient,
    request: {
      id: deps.newRequestId(),
      recipientId: recipient.id,
      act,
      requestedBy: actor,
      reason,
      requestedAt: now,
      expiresAt: Math.min(expires, recipient.deadlineAt ?? expires),
    } satisfies ApprovalRequest,
  }));
  const recipients = asked.map(({ recipient, request: { id } }): RecipientTransition => {
    const event: EventBody = { kind: "review", action: "requested", act, request: id, ...actorFacts(actor), reason };
    return { ...unchanged(recipient), events: [eventOf(recipient, event, now)] };
  });
  const approvals = asked.map(({ request: opened }): ApprovalChange => ({ kind: "opened", request: opened }));
  await deps.store.commit({ recipients, variants: [], inspected: null, events: [], approvals }, "durable");
  return { requested: asked.map(({ request: opened }) => opened), skipped };
}

async function openRequests(
  recipients: readonly StoredRecipient[],
  { store }: OperatorDeps,
): Promise<ReadonlySet<RecipientId>> {
  if (recipients.length === 0) return new Set();
  const found = await store.approvals({ recipientIds: recipients.map(({ id }) => id), limit: recipients.length });
  return new Set(found.map(({ recipientId }) => recipientId));
}

/** The second person. The recipient is claimed first, so that of two verdicts at once one finds the request closed. */
export async function judgeRequest(verdict: Verdict, deps: ReviewDeps): Promise<VerdictResult> {
  const [known] = await deps.store.approvals({ id: verdict.requestId, limit: 1 });
  if (known === undefined) return { request: null, why: "no_request" };
  if (known.requestedBy.uid === verdict.actor.uid) return { request: known, why: "same_person" };
  const { claimed, skipped } = await claim([known.recipientId], deps);
  const [recipient] = claimed;
  if (recipient === undefined) return { request: known, why: skipped[0]?.why ?? "busy" };
  const [still] = await deps.store.approvals({ id: verdict.requestId, limit: 1 });
  const now = deps.clock.now();
  if (still === undefined || still.expiresAt <= now || !isUnderReview(recipient)) {
    await giveBack([recipient], deps);
    return { request: known, why: "no_request" };
  }
  const { act, id } = still;
  const { actor, reason } = verdict;
  const isApproved = verdict.verdict === "approve";
  const event: EventBody = {
    kind: "review",
    action: isApproved ? "approved" : "rejected",
    act,
    request: id,
    ...actorFacts(actor),
    reason,
  };
  const approvals: readonly ApprovalChange[] = [
    { kind: "closed", id, recipientId: recipient.id, as: isApproved ? "approved" : "rejected", at: now },
  ];
  const [kept] = isApproved
    ? await carryOut([recipient], { act, event, approvals }, deps)
    : await keep(recipient, { event, approvals }, deps);
  deps.wake();
  return { request: still, why: kept?.why ?? null };
}

type Carried = {
  readonly act: ReviewAct;
  readonly event: EventBody;
  readonly approvals: readonly ApprovalChange[];
};

async function carryOut(
  open: readonly StoredRecipient[],
  { act, event, approvals }: Carried,
  deps: OperatorDeps,
): Promise<readonly Skipped[]> {
  if (open.length === 0) return [];
  if (act === "refuse") return settleEach(open, { event, settledOf: refused, approvals }, deps);
  const now = deps.clock.now();
  const recipients = open.map((recipient): RecipientTransition => ({
    ...unchanged(recipient),
    patch: { holdReleased: true, ...(recipient.state === "held" && { state: "ready" }), dueAt: now, lease: null },
    events: [eventOf(recipient, event, now)],
  }));
  const { stale } = await deps.store.commit(
    { recipients, variants: [], inspected: null, events: [], approvals },
    "durable",
  );
  deps.wake();
  return stale.map((id) => ({ id, why: "busy" }));
}

/** Rejected: it waits on, and somebody may ask again. */
async function keep(
  recipient: StoredRecipient,
  { event, approvals }: Omit<Carried, "act">,
  { store, clock }: OperatorDeps,
): Promise<readonly Skipped[]> {
  const recipients = [{ ...unchanged(recipient), events: [eventOf(recipient, event, clock.now())] }];
  const { stale } = await store.commit({ recipients, variants: [], inspected: null, events: [], approvals }, "durable");
  return stale.map((id) => ({ id, why: "busy" }));
}

function unchanged({ id, fence }: StoredRecipient): RecipientTransition {
  return { recipientId: id, fence, patch: { lease: null }, events: [], children: [] };
}

function refused(recipient: StoredRecipient): ReturnType<typeof failed> {
  return failed(ownFinding("PST-PIP-009", "5.7.1"), { recipient });
}

/** Closes what nobody decided about in time. */
export async function expireRequests({ store, clock }: Pick<OperatorDeps, "store" | "clock">): Promise<void> {
  const now = clock.now();
  for (const { id, recipientId, act } of await store.approvals({ expiredBy: now, limit: EXPIRED_MAX })) {
    const body: EventBody = { kind: "review_expired", act, request: id };
    const events = [{ at: now, messageId: messageIdOf(recipientId), recipientId, body }];
    const approvals: readonly ApprovalChange[] = [{ kind: "closed", id, recipientId, as: "expired", at: now }];
    await store.commit({ recipients: [], variants: [], inspected: null, events, approvals }, "durable");
  }
}
