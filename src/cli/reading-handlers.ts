/** One message over the control socket, for who may not read the database: its facts, and its story, as many recipients as fit. */
import { messageIdOf } from "../core/ids.ts";
import type { MessageId, RecipientId } from "../core/ids.ts";
import type { QueueStore, StoredMessage } from "../core/queue-store.ts";
import type { ControlHandlers } from "../parts/control/control-protocol.ts";
import type {
  QueueMessage,
  TracedLine,
  TracedRecipient,
  TraceRequest,
  TraceResult,
} from "../parts/control/reading-requests.ts";
import type { AuditSource } from "../parts/store/audit-chain.ts";
import { tellStory } from "../stages/audit/story.ts";
import type { Story } from "../stages/audit/story.ts";
import type { Postern } from "../postern.ts";

/** Audit rows read of one message: the newest. */
const ROWS_MAX = 20_000;
const RECIPIENTS_MAX = 10_000;
/** In one answer, which the command line reads up to a mebibyte of. */
const TOLD_BYTES_MAX = 524_288;
/** Of one recipient, and of the message as a whole: the newest. */
const LINES_MAX = 500;

type StorySource = Pick<AuditSource, "auditOf"> & Pick<QueueStore, "recipients">;

export function readingHandlers({ store }: Postern): Pick<ControlHandlers, "queue.message" | "queue.trace"> {
  return {
    "queue.message": async ({ id }) => {
      const message = await store.message(messageIdOf(id as RecipientId));
      return { message: message === null ? null : messageFacts(message) };
    },
    "queue.trace": (request) => trace(store, request),
  };
}

export function messageFacts({ submission, findings, expiresAt }: StoredMessage): QueueMessage {
  return {
    id: submission.id,
    received: new Date(submission.receivedAt).toISOString(),
    origin: submission.origin,
    submitter: submission.submitter.submitter,
    proof: submission.submitter.proof,
    sender: submission.envelope.sender?.address ?? null,
    sizeBytes: submission.body.sizeBytes,
    verdict: findings?.verdict ?? null,
    tier: findings?.tier ?? null,
    expires: new Date(expiresAt).toISOString(),
  };
}

/** `only`: the other recipients are left out. */
export async function storyOf(
  source: StorySource,
  messageId: MessageId,
  only: readonly string[] | null,
): Promise<Story> {
  const rows = await source.auditOf(messageId, ROWS_MAX);
  const story = tellStory(rows, await source.recipients({ messageId, limit: RECIPIENTS_MAX }));
  if (only === null) return story;
  return { ...story, recipients: story.recipients.filter(({ recipientId }) => only.includes(recipientId)) };
}

async function trace(source: StorySource, { id, after }: TraceRequest): Promise<TraceResult> {
  const story = await storyOf(source, messageIdOf(id as RecipientId), id.includes(".") ? [id] : null);
  const recipients: TracedRecipient[] = [];
  let bytes = 0;
  for (const recipient of story.recipients.slice(after)) {
    const told = { ...recipient, lines: newest(recipient.lines) };
    bytes += Buffer.byteLength(JSON.stringify(told));
    if (bytes > TOLD_BYTES_MAX && recipients.length > 0) break;
    recipients.push(told);
  }
  const next = after + recipients.length;
  return { lines: newest(story.lines), recipients, next: next < story.recipients.length ? next : null };
}

function newest(lines: readonly TracedLine[]): readonly TracedLine[] {
  const left = lines.slice(-LINES_MAX);
  const [first] = left;
  if (first === undefined || left.length === lines.length) return left;
  return [{ at: first.at, text: `(${lines.length - left.length} earlier lines are left out)` }, ...left];
}
