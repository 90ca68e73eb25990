/** Requests for a second person's approval: opened and closed within the transaction of what they belong to. */
import type { Database, Statement } from "better-sqlite3";
import { assertNever } from "../../core/assert-never.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { ApprovalChange, ApprovalQuery, ApprovalRequest, ReviewAct } from "../../core/review.ts";
import { storeError } from "./sqlite-store-error.ts";

type Row = {
  readonly id: string;
  readonly recipient_id: string;
  readonly act: string;
  readonly uid: number;
  readonly user: string;
  readonly sudo_user: string | null;
  readonly reason: string;
  readonly requested_at: number;
  readonly expires_at: number;
};

export class WriterApprovals {
  readonly #open: Statement<[Row]>;
  readonly #close: Statement<[{ id: string; as: string; at: number }]>;
  readonly #find: Statement<
    [{ id: string | null; recipients: string | null; expiredBy: number | null; limit: number }],
    Row
  >;

  constructor(db: Database) {
    this.#open = db.prepare(
      `INSERT INTO approval (id, recipient_id, act, uid, user, sudo_user, reason, requested_at, expires_at)
       VALUES (@id, @recipient_id, @act, @uid, @user, @sudo_user, @reason, @requested_at, @expires_at)
       ON CONFLICT (recipient_id) WHERE state = 'open' DO NOTHING`,
    );
    this.#close = db.prepare("UPDATE approval SET state = @as, closed_at = @at WHERE id = @id AND state = 'open'");
    this.#find = db.prepare(
      `SELECT id, recipient_id, act, uid, user, sudo_user, reason, requested_at, expires_at FROM approval
       WHERE state = 'open' AND (@id IS NULL OR id = @id) AND (@expiredBy IS NULL OR expires_at <= @expiredBy)
       AND (@recipients IS NULL OR recipient_id IN (SELECT value FROM json_each(@recipients)))
       ORDER BY expires_at, id LIMIT @limit`,
    );
  }

  /** Throws where it was opened, or closed, by somebody else meanwhile: the caller's transaction is undone. */
  change(change: ApprovalChange): void {
    const { changes } = this.#run(change);
    if (changes !== 1) throw storeError("PST-SPL-062", "an approval request changed meanwhile");
  }

  #run(change: ApprovalChange): { readonly changes: number } {
    switch (change.kind) {
      case "opened":
        return this.#open.run(toRow(change.request));
      case "closed":
        return this.#close.run({ id: change.id, as: change.as, at: change.at });
      default:
        return assertNever(change);
    }
  }

  open({ id, recipientIds, expiredBy, limit }: ApprovalQuery): readonly ApprovalRequest[] {
    const recipients = recipientIds === undefined ? null : JSON.stringify(recipientIds);
    return this.#find.all({ id: id ?? null, recipients, expiredBy: expiredBy ?? null, limit }).map(toRequest);
  }
}

/** Whose claim decides whether the change is written. */
export function recipientOf(change: ApprovalChange): string {
  return change.kind === "opened" ? change.request.recipientId : change.recipientId;
}

function toRow({ id, recipientId, act, requestedBy, reason, requestedAt, expiresAt }: ApprovalRequest): Row {
  const { uid, user, sudoUser } = requestedBy;
  const who = { uid, user, sudo_user: sudoUser };
  return { id, recipient_id: recipientId, act, ...who, reason, requested_at: requestedAt, expires_at: expiresAt };
}

function toRequest(row: Row): ApprovalRequest {
  return {
    id: row.id,
    recipientId: row.recipient_id as RecipientId,
    act: row.act as ReviewAct,
    requestedBy: { uid: row.uid, user: row.user, sudoUser: row.sudo_user },
    reason: row.reason,
    requestedAt: row.requested_at,
    expiresAt: row.expires_at,
  };
}
