/**
 * The seam under queue and audit: every method is one transaction, and each transition commits with its audit events
 * or not at all. Results of a stale claim are refused by fence. Implementations share one behavioural suite
 * (src/parts/store/queue-store.suite.ts).
 */
import type { BlobRef, BlobReferences } from "./blob-store.ts";
import type { EnvelopeRecipient } from "./envelope.ts";
import type { NewEvent } from "./event.ts";
import type { Findings } from "./findings.ts";
import type { MessageId, RecipientId, VariantId } from "./ids.ts";
import type { Variant } from "./parcel.ts";
import type { Plan } from "./plan.ts";
import type { ReasonCode } from "./reason-codes.ts";
import type { RecipientState } from "./recipient-state.ts";
import type { ApprovalChange, ApprovalQuery, ApprovalRequest } from "./review.ts";
import type { PeerReply } from "./status.ts";
import type { Submission } from "./submission.ts";

/** `durable` resolves after the commit is on disk; `ordered` may be lost by a crash, but never overtaken by a later commit. */
export type Wait = "durable" | "ordered";

export type NewMessage = {
  readonly submission: Submission;
  /** Undelivered after this: failed. Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** When the recipients are first due. */
  readonly dueAt: number;
  /** When set, all recipients are claimed at birth by this lease, with fence 1: the accepting process goes on at once. */
  readonly lease: Lease | null;
  readonly events: readonly NewEvent[];
};

export type Lease = { readonly owner: string; readonly until: number };

/** Whose shares of the work a message takes up: keyed hashes of submitter with sender, and of each recipient's domain. */
export type MessageShares = {
  readonly sender: string;
  /** One for each recipient, in RCPT order. */
  readonly lanes: readonly string[];
};

export type StoredMessage = {
  readonly submission: Omit<Submission, "recipients">;
  readonly expiresAt: number;
  readonly findings: Findings | null;
  readonly variants: readonly Variant[];
};

export type StoredRecipient = {
  readonly id: RecipientId;
  readonly messageId: MessageId;
  /** See MessageShares. */
  readonly lane: string;
  readonly sender: string;
  readonly recipient: EnvelopeRecipient;
  readonly state: RecipientState;
  readonly fence: number;
  readonly dueAt: number;
  readonly attempts: number;
  /** The last plan; its floor is never undercut by a later one. */
  readonly plan: Plan | null;
  /** Index of the current step in plan.steps. */
  readonly stepIndex: number;
  readonly variantId: VariantId | null;
  /** First time the current step could not be met for sure or in part; null while it could. */
  readonly unmetSince: number | null;
  /** An attempt reached dot_sent without a reply: method and bytes are frozen. */
  readonly possibleDuplicate: boolean;
  /** When it fails by itself, from its first hold on, also while it is tried again; null where it was never held. */
  readonly deadlineAt: number | null;
  /** A person released the review hold: rules that hold for review no longer apply to this recipient. */
  readonly holdReleased: boolean;
  /** Delay and held notices already caused, so that each is caused once. */
  readonly noticesSent: number;
  readonly lastCode: ReasonCode | null;
  readonly lastReply: PeerReply | null;
  readonly lastHost: string | null;
  readonly lease: Lease | null;
};

/** Fields left out stay as they are. */
export type RecipientPatch = {
  readonly [
    K in
      | "state"
      | "dueAt"
      | "attempts"
      | "plan"
      | "stepIndex"
      | "variantId"
      | "unmetSince"
      | "possibleDuplicate"
      | "deadlineAt"
      | "holdReleased"
      | "noticesSent"
      | "lastCode"
      | "lastReply"
      | "lastHost"
      | "lease"
  ]?: StoredRecipient[K];
};

export type RecipientTransition = {
  readonly recipientId: RecipientId;
  /** The fence of the claim this result belongs to. */
  readonly fence: number;
  readonly patch: RecipientPatch;
  readonly events: readonly NewEvent[];
  /** Messages this transition causes; one already there for the same parent, kind and step is skipped in silence. */
  readonly children: readonly NewMessage[];
};

export type Transition = {
  readonly recipients: readonly RecipientTransition[];
  /** Stored once per id; a second store of the same id is skipped. */
  readonly variants: readonly Variant[];
  /** Findings of the message, written once. */
  readonly inspected: { readonly messageId: MessageId; readonly findings: Findings } | null;
  readonly events: readonly NewEvent[];
  readonly approvals?: readonly ApprovalChange[];
};

export type CommitResult = {
  /** Recipients whose fence no longer matched: nothing of theirs was written. */
  readonly stale: readonly RecipientId[];
  /** Children really inserted. */
  readonly children: readonly MessageId[];
};

export type ClaimQuery = {
  readonly now: number;
  /** Recipients at most. */
  readonly limit: number;
  readonly lease: Lease;
  /** Left out: nobody is held back. */
  readonly shares?: ClaimShares;
};

/** `isWhole`: all that is due was looked at; else the next claim looks on where this one ended. */
export type Claimed = { readonly recipients: readonly StoredRecipient[]; readonly isWhole: boolean };

/** So that no destination and no sender takes up what others need. */
export type ClaimShares = {
  /** Have as much in flight as they may: nothing of theirs is handed out. */
  readonly fullLanes: readonly string[];
  readonly fullSenders: readonly string[];
  /** Recipients that one claim hands out at most, of one lane and of one sender. */
  readonly perLaneMax: number;
  readonly perSenderMax: number;
  /** Answered when they were last tried. All others together get `unknownMax` at most, and each `perUnknownLaneMax`. */
  readonly knownLanes: readonly string[];
  readonly unknownMax: number;
  readonly perUnknownLaneMax: number;
};

/** A recipient that is due while its lane rests: enough to put it off, without opening anything. */
export type WaitingRecipient = Pick<
  StoredRecipient,
  "id" | "messageId" | "fence" | "state" | "attempts" | "unmetSince" | "deadlineAt" | "noticesSent" | "lastHost"
> & { readonly receivedAt: number; readonly expiresAt: number };

export type QueueFilter = {
  readonly states?: readonly RecipientState[];
  readonly messageId?: MessageId;
  /** Exact address, compared by keyed hash. */
  readonly address?: string;
  readonly limit: number;
};

/** Recipients of one state in order of their ids, page by page: reads what it gives and no more, whatever the backlog. */
export type ScanQuery = {
  readonly state: RecipientState;
  readonly messageId?: MessageId;
  /** Exact address, compared by keyed hash. */
  readonly address?: string;
  /** Of messages made at this time or later, and before this one, as their ids tell; milliseconds since the epoch. */
  readonly from?: number;
  readonly before?: number;
  /** Those after this one; null begins. */
  readonly after: RecipientId | null;
  readonly limit: number;
};

export type Scanned = {
  /** One that cannot be opened is left out, and told of in the log. */
  readonly recipients: readonly StoredRecipient[];
  /** Where the next page begins; null: there is none. */
  readonly next: RecipientId | null;
};

export type QueueCounts = {
  readonly byState: Readonly<Partial<Record<RecipientState, number>>>;
  readonly oldestReceivedAt: number | null;
  /** Stored bytes of messages that have not ended. */
  readonly queuedBytes: number;
};

/** What waits for a person. */
export type Deadlines = {
  /** The earliest deadline, or null where nothing is held. */
  readonly nextAt: number | null;
  /** Recipients whose deadline comes before the asked time. */
  readonly near: number;
};

export interface QueueStore extends BlobReferences {
  /** Inserts message, recipients and events; resolves when durable. */
  accept(message: NewMessage): Promise<void>;
  /** Pure: the same submission gives the same shares. */
  sharesOf(submission: Pick<Submission, "submitter" | "envelope" | "recipients">): MessageShares;
  /**
   * Leases due recipients that carry no live lease (`held` is due at its deadline). Senders take turns; of one sender and
   * lane the earliest due come first, and recipients of a message together where the limits allow. A lane that rests hands
   * out nothing; once its rest is over, one recipient as a probe. Raises each fence by one. `in_dialog` and `dot_sent` come
   * back as they are when their lease ran out without a result: the first was surely not delivered, the second is ambiguous.
   */
  claim(query: ClaimQuery): Promise<Claimed>;
  /** Leases these whatever is due, for an operator's act or a released hold; skips those another live lease owns. */
  claimThese(ids: readonly RecipientId[], lease: Lease, now: number): Promise<readonly StoredRecipient[]>;
  /**
   * The lane's destination is known not to answer: until then its recipients are not handed out. null: it answers again.
   * Forgotten with the process.
   */
  rest(lane: string, until: number | null): Promise<void>;
  /**
   * Due recipients of lanes that rest, whatever their state; none is leased. Of a lane whose probe is out only those whose
   * lifetime or deadline is over.
   */
  waiting(query: { readonly now: number; readonly limit: number }): Promise<readonly WaitingRecipient[]>;
  /** Extends leases of matching fences, also one that ran out and was not taken over. */
  renew(claims: readonly { readonly recipientId: RecipientId; readonly fence: number }[], until: number): Promise<void>;
  commit(transition: Transition, wait: Wait): Promise<CommitResult>;
  message(id: MessageId): Promise<StoredMessage | null>;
  recipients(filter: QueueFilter): Promise<readonly StoredRecipient[]>;
  scan(query: ScanQuery): Promise<Scanned>;
  /** Requests for approval that are still open. */
  approvals(query: ApprovalQuery): Promise<readonly ApprovalRequest[]>;
  counts(): Promise<QueueCounts>;
  /** When to look next: not after the earliest due time of what is not leased and not terminal; null where nothing is left. */
  nextDueAt(): Promise<number | null>;
  /**
   * After a start: leases of a dead owner end. `in_dialog` becomes `ready`, due now. `dot_sent` becomes `deferred` and
   * possibleDuplicate, due at `ambiguousDueAt`. Each with an audit event.
   */
  recover(args: {
    readonly now: number;
    readonly ambiguousDueAt: number;
  }): Promise<{ readonly resumed: number; readonly ambiguous: number }>;
  /** Forgets bodies and addresses of messages all of whose recipients ended before `endedBefore`; returns the blobs to release. */
  reap(endedBefore: number, limit: number): Promise<readonly BlobRef[]>;
  close(): Promise<void>;
}
