/**
 * Leases: handing out due recipients, extending and ending what was handed out. Every hand-out raises the fence, so a result
 * of an earlier holder is recognised as stale. Reads the queue through its partial index only, whatever the backlog.
 */
import type { Database, Statement } from "better-sqlite3";
import type { EventBody } from "../../core/event.ts";
import { canonicalJson } from "./audit-chain.ts";
import type { EventRow } from "./audit-chain.ts";
import type { RecipientRow } from "./sqlite-rows.ts";
import { RECIPIENT_COLUMNS } from "./sqlite-reads.ts";
import type { AuditAppender } from "./writer-audit.ts";
import type { WriterCalls } from "./writer-protocol.ts";

type Ids = { readonly id: string; readonly message_id: string };
type Abandoned = Ids & { readonly state: "in_dialog" | "dot_sent" };

const IS_FREE = "(lease_until IS NULL OR lease_until <= @now)";

/** Exported for the test that asks SQLite which index it takes. */
export const DUE_SQL = `SELECT id, message_id FROM recipient INDEXED BY recipient_queue
  WHERE queue_at <= @now AND ${IS_FREE} ORDER BY queue_at, id LIMIT @limit`;

const DUE_OF_MESSAGE_SQL = `SELECT id, message_id FROM recipient INDEXED BY recipient_of_message
  WHERE message_id = @messageId AND queue_at <= @now AND ${IS_FREE} ORDER BY ordinal LIMIT @limit`;

export class WriterClaims {
  readonly #audit: AuditAppender;
  readonly #due: Statement<[{ now: number; limit: number }], Ids>;
  readonly #dueOfMessage: Statement<[{ messageId: string; now: number; limit: number }], Ids>;
  readonly #lease: Statement<[{ id: string; owner: string; until: number; now: number }], RecipientRow>;
  readonly #renew: Statement<[{ recipientId: string; fence: number; until: number; now: number }]>;
  readonly #abandoned: Statement<[], Abandoned>;
  readonly #resume: Statement<[{ id: string; now: number }]>;
  readonly #markAmbiguous: Statement<[{ id: string; dueAt: number; code: string }]>;
  readonly #endLeases: Statement<[]>;

  constructor(db: Database, audit: AuditAppender) {
    this.#audit = audit;
    this.#due = db.prepare(DUE_SQL);
    this.#dueOfMessage = db.prepare(DUE_OF_MESSAGE_SQL);
    this.#lease = db.prepare(
      `UPDATE recipient SET lease_owner = @owner, lease_until = @until, fence = fence + 1
       WHERE id = @id AND ended_at IS NULL AND ${IS_FREE} RETURNING ${RECIPIENT_COLUMNS}`,
    );
    this.#renew = db.prepare(
      `UPDATE recipient SET lease_until = @until
       WHERE id = @recipientId AND fence = @fence AND lease_until > @now AND ended_at IS NULL`,
    );
    this.#abandoned = db.prepare(
      "SELECT id, message_id, state FROM recipient WHERE state IN ('in_dialog', 'dot_sent') ORDER BY state, message_id, ordinal",
    );
    this.#resume = db.prepare("UPDATE recipient SET state = 'ready', due_at = @now WHERE id = @id");
    this.#markAmbiguous = db.prepare(
      `UPDATE recipient SET state = 'deferred', possible_duplicate = 1, due_at = @dueAt, last_code = @code WHERE id = @id`,
    );
    this.#endLeases = db.prepare(
      `UPDATE recipient SET lease_owner = NULL, lease_until = NULL, fence = fence + 1 WHERE id IN
       (SELECT id FROM recipient INDEXED BY recipient_queue WHERE queue_at IS NOT NULL AND lease_until IS NOT NULL)`,
    );
  }

  /**
   * The due recipients of a message go together. A message that does not fit into what is left of the limit waits for the
   * next claim, where it comes first; one that is larger than the whole limit is handed out in parts.
   */
  claim({ now, limit, lease }: WriterCalls["claim"]["args"]): readonly RecipientRow[] {
    const messages = new Set(this.#due.all({ now, limit }).map(({ message_id }) => message_id));
    const chosen: string[] = [];
    for (const messageId of messages) {
      const left = limit - chosen.length;
      const due = this.#dueOfMessage.all({ messageId, now, limit: left + 1 });
      if (due.length > left && chosen.length > 0) break;
      chosen.push(...due.slice(0, left).map(({ id }) => id));
    }
    return this.#leaseAll(chosen, { now, lease });
  }

  claimThese({ ids, now, lease }: WriterCalls["claimThese"]["args"]): readonly RecipientRow[] {
    return this.#leaseAll(ids, { now, lease });
  }

  renew({ claims, until, now }: WriterCalls["renew"]["args"]): null {
    for (const { recipientId, fence } of claims) this.#renew.run({ recipientId, fence, until, now });
    return null;
  }

  recover({ now, ambiguousDueAt }: WriterCalls["recover"]["args"]): WriterCalls["recover"]["result"] {
    let resumed = 0;
    let ambiguous = 0;
    for (const found of this.#abandoned.all()) {
      if (found.state === "in_dialog") {
        this.#resume.run({ id: found.id, now });
        this.#audit.append([eventRow(now, found, { kind: "recovered", from: "in_dialog", count: 1 })]);
        resumed += 1;
      } else {
        const code = "PST-SPL-063";
        this.#markAmbiguous.run({ id: found.id, dueAt: ambiguousDueAt, code });
        this.#audit.append([eventRow(now, found, { kind: "possible_duplicate", code, dueAt: ambiguousDueAt })]);
        ambiguous += 1;
      }
    }
    // All that is leased is in the queue by now.
    this.#endLeases.run();
    return { resumed, ambiguous };
  }

  #leaseAll(
    ids: readonly string[],
    { now, lease }: Pick<WriterCalls["claim"]["args"], "now" | "lease">,
  ): readonly RecipientRow[] {
    const rows = ids.map((id) => this.#lease.get({ id, now, owner: lease.owner, until: lease.until }));
    return rows.filter((row) => row !== undefined);
  }
}

function eventRow(at: number, of: Ids, body: EventBody): EventRow {
  return { at, messageId: of.message_id, recipientId: of.id, kind: body.kind, body: canonicalJson(body) };
}
