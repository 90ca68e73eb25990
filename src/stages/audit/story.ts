/**
 * Tells what happened to one message, per recipient, from its audit rows and what is still stored of its recipients.
 * Pure. The words of one event are story-lines.ts. Addresses and reply texts appear here only because the caller, who holds
 * the keys, hands them in: for an operator's eyes, not for a log.
 */
import type { AttemptFacts } from "../../core/outcome.ts";
import type { AuditRow, EventBody } from "../../core/event.ts";
import type { StoredRecipient } from "../../core/queue-store.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import { describeEvent, describeState } from "./story-lines.ts";

export type StoryLine = { readonly at: number; readonly text: string };

export type RecipientStory = {
  readonly recipientId: string;
  /** null once the message was forgotten; the audit keeps no addresses. */
  readonly address: string | null;
  readonly state: RecipientState | null;
  readonly lines: readonly StoryLine[];
  /** Where it stands now, with the last reply of the other side; null once the message was forgotten. */
  readonly now: string | null;
};

export type Story = {
  /** What concerns the message as a whole. */
  readonly lines: readonly StoryLine[];
  readonly recipients: readonly RecipientStory[];
};

/** `rows` of one message in order of seq, `recipients` of the same message. */
export function tellStory(rows: readonly AuditRow[], recipients: readonly StoredRecipient[]): Story {
  const attempts = rows.map(attemptOf).filter((attempt) => attempt !== null);
  const linesOf = (recipientId: string | null): readonly StoryLine[] =>
    rows.filter((row) => row.recipientId === recipientId).map((row) => ({ at: row.at, text: textOf(row, attempts) }));
  const stored = new Map<string, StoredRecipient>(recipients.map((recipient) => [recipient.id, recipient]));
  const ids = new Set([...stored.keys(), ...rows.map(({ recipientId }) => recipientId).filter((id) => id !== null)]);
  return {
    lines: linesOf(null),
    recipients: [...ids].sort(byOrdinal).map((recipientId): RecipientStory => {
      const recipient = stored.get(recipientId);
      return {
        recipientId,
        address: recipient?.recipient.mailbox.address ?? null,
        state: recipient?.state ?? null,
        lines: linesOf(recipientId),
        now: recipient === undefined ? null : describeState(recipient),
      };
    }),
  };
}

function textOf(row: AuditRow, attempts: readonly AttemptFacts[]): string {
  try {
    const body = bodyOf(row);
    if (body !== null) return describeEvent(body, attempts);
  } catch {
    // An altered row may hold anything; the rest of the story is still told.
  }
  return `row ${row.seq} cannot be read; run \`postern audit verify\``;
}

/** null where the text is not the event the row says it is. */
function bodyOf(row: AuditRow): EventBody | null {
  const body: unknown = JSON.parse(row.body);
  const isEvent = typeof body === "object" && body !== null && "kind" in body && body.kind === row.kind;
  return isEvent ? (body as EventBody) : null;
}

/** Only what another line is made richer by: an altered attempt is told, or not, where its own line is. */
function attemptOf(row: AuditRow): AttemptFacts | null {
  if (row.kind !== "attempt") return null;
  try {
    const body = bodyOf(row);
    return body?.kind === "attempt" ? body.attempt : null;
  } catch {
    return null;
  }
}

function byOrdinal(a: string, b: string): number {
  return Number(a.slice(27)) - Number(b.slice(27));
}
