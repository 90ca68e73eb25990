/**
 * What becomes of a recipient whose row was altered so that it cannot be opened: held for a person, since a restored row may yet be
 * delivered, and failed at its deadline. Promises: it is in the audit, leaves the queue, and never waits without an end. Nobody is
 * written to: whom the message was for is what cannot be read.
 */
import type { EventBody } from "../../core/event.ts";
import { canonicalJson } from "./audit-chain.ts";
import type { PatchRow, RecipientRow } from "./sqlite-rows.ts";
import type { StoreError } from "./sqlite-store-error.ts";
import type { CommitRows } from "./writer-protocol.ts";

export type Unreadable = { readonly row: RecipientRow; readonly code: StoreError["code"] };

/** As long as mail waits for a person by default. */
const HOLD_MS = 72 * 3_600_000;

export function putAside(unreadable: readonly Unreadable[], now: number): CommitRows {
  const recipients = unreadable.map(({ row, code }) => {
    const deadlineAt = row.deadline_at ?? now + HOLD_MS;
    const isOver = row.deadline_at !== null && row.deadline_at <= now;
    const body: EventBody = isOver
      ? { kind: "failed", code, status: "5.3.0", replyCode: null }
      : { kind: "held", code, deadlineAt };
    const events = [body, { kind: "alert", code } as const].map((event) => ({
      at: now,
      messageId: row.message_id,
      recipientId: row.id,
      kind: event.kind,
      body: canonicalJson(event),
    }));
    const free = { last_code: code, lease_owner: null, lease_until: null } as const;
    const patch: PatchRow = isOver
      ? { ...free, state: "failed" }
      : { ...free, state: "held", deadline_at: deadlineAt, due_at: deadlineAt };
    return { id: row.id, fence: row.fence, patch, events, children: [] };
  });
  return { now, variants: [], findings: null, approvals: [], events: [], recipients };
}
