/**
 * Makes a submission durable before it is acknowledged, and says what is due (RFC 5321 section 4.2.5: after 250 the
 * message is ours). Order: body durable, then rows durable (or both at once), then the caller may answer. Knows neither SMTP nor policy.
 */
import type { BlobStore } from "../../core/blob-store.ts";
import type { Clock } from "../../core/clock.ts";
import type { NewEvent } from "../../core/event.ts";
import { reached } from "../../core/failpoint.ts";
import { freshRecipient } from "../../core/fresh-recipient.ts";
import { recipientIdOf } from "../../core/ids.ts";
import type {
  Lease,
  MessageShares,
  NewMessage,
  QueueStore,
  StoredMessage,
  StoredRecipient,
} from "../../core/queue-store.ts";
import type { Submission } from "../../core/submission.ts";

/** RFC 8460 section 5.5: a report of yesterday is of no use tomorrow. */
const REPORT_LIFETIME_MS = 24 * 3_600_000;

export type SpoolOptions = {
  /** Undelivered after this: failed. */
  readonly lifetimeMs: number;
};

/** A message as it was just committed; `claims` is empty where the queue hands it out later. */
export type Committed = { readonly message: StoredMessage; readonly claims: readonly StoredRecipient[] };

export type SpoolDeps = {
  readonly store: Pick<QueueStore, "accept" | "sharesOf">;
  readonly blobs: Pick<BlobStore, "keep">;
  readonly clock: Clock;
};

export type Spool = {
  /** Resolves when durable. Rejects: nothing was accepted. */
  commit(submission: Submission, lease: Lease | null): Promise<Committed>;
};

export function createSpool(options: SpoolOptions, deps: SpoolDeps): Spool {
  return {
    async commit(submission, lease) {
      const message = newMessage(submission, { lifetimeMs: options.lifetimeMs, now: deps.clock.now(), lease });
      await reached("spool.before-rows");
      await deps.store.accept(message);
      deps.blobs.keep([submission.body]);
      await reached("spool.rows-durable");
      const claims = lease === null ? [] : claimedAtBirth(message, lease, deps.store.sharesOf(submission));
      return { message: storedForm(message), claims };
    },
  };
}

/** The rows of a message, relayed or written by Postern itself. */
export function newMessage(
  submission: Submission,
  at: { readonly lifetimeMs: number; readonly now: number; readonly lease: Lease | null },
): NewMessage {
  return {
    submission,
    expiresAt: at.now + Math.min(at.lifetimeMs, submission.origin === "report" ? REPORT_LIFETIME_MS : Infinity),
    dueAt: at.now,
    lease: at.lease,
    events: [acceptedEvent(submission, at.now)],
  };
}

function acceptedEvent(submission: Submission, at: number): NewEvent {
  const { submitter } = submission;
  return {
    at,
    messageId: submission.id,
    recipientId: null,
    body: {
      kind: "accepted",
      origin: submission.origin,
      submitter: submitter.submitter,
      proof: submitter.proof,
      peerAddress: submitter.peerAddress,
      tls: submitter.tls === null ? null : `${submitter.tls.protocol} ${submitter.tls.cipher}`,
      sizeBytes: submission.body.sizeBytes,
      sha256: submission.sha256,
      recipients: submission.recipients.length,
    },
  };
}

/** What was left to the rows is durable with them. */
function storedForm({ submission, expiresAt }: NewMessage): StoredMessage {
  const { pending: _, ...body } = submission.body;
  return { submission: { ...submission, body }, expiresAt, findings: null, variants: [] };
}

function claimedAtBirth(message: NewMessage, lease: Lease, shares: MessageShares): readonly StoredRecipient[] {
  const { submission, dueAt } = message;
  return submission.recipients.map((recipient, index) =>
    freshRecipient({
      id: recipientIdOf(submission.id, index + 1),
      messageId: submission.id,
      lane: shares.lanes[index] ?? "",
      sender: shares.sender,
      recipient,
      fence: 1,
      dueAt,
      lease,
    }),
  );
}
