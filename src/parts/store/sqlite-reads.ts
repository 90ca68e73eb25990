/**
 * The reading half of the SQL, shared by the writer thread and the reader beside a running service. Every call is one short
 * statement or one short read transaction; lists are paged, so that no reader keeps the WAL from being checkpointed.
 */
import type { Database, Statement } from "better-sqlite3";
import type { AuditRow } from "../../core/event.ts";
import type { Deadlines, QueueCounts } from "../../core/queue-store.ts";
import { isTerminal, RECIPIENT_STATES } from "../../core/recipient-state.ts";
import { EMPTY_CHAIN } from "./audit-chain.ts";
import type { ChainHead, MarkKind } from "./audit-chain.ts";
import { PATCH_COLUMNS } from "./sqlite-rows.ts";
import type { BlobRow, LegalHoldRow, RecipientRow, StoredMessageRows, VariantRow } from "./sqlite-rows.ts";
import { scanSql } from "./sqlite-scan.ts";
import type { ScanRows } from "./sqlite-scan.ts";
import type { RecipientFilterRows } from "./writer-protocol.ts";

export const RECIPIENT_COLUMNS = [
  "id",
  "message_id",
  "ordinal",
  "address_index",
  "lane",
  "sender",
  "sealed",
  "fence",
  ...PATCH_COLUMNS,
].join(", ");

const AUDIT_COLUMNS =
  "seq, at, message_id AS messageId, recipient_id AS recipientId, kind, body, previous_hash AS previousHash, hash";

const OPEN_STATES = JSON.stringify(RECIPIENT_STATES.filter((state) => !isTerminal(state)));

export class SqliteReads {
  readonly #db: Database;
  readonly #prepared = new Map<string, Statement>();

  readonly #messageAtOnce: (id: string) => StoredMessageRows | null;

  constructor(db: Database) {
    this.#db = db;
    this.#messageAtOnce = db.transaction((id: string) => this.#message(id));
  }

  message(id: string): StoredMessageRows | null {
    // The writer reads inside the transaction of its group.
    return this.#db.inTransaction ? this.#message(id) : this.#messageAtOnce(id);
  }

  recipients(filter: RecipientFilterRows): readonly RecipientRow[] {
    const conditions: string[] = [];
    const values: unknown[] = [];
    if (filter.messageId !== undefined) {
      conditions.push("message_id = ?");
      values.push(filter.messageId);
    }
    if (filter.addressIndexes !== undefined) {
      conditions.push("address_index IN (SELECT value FROM json_each(?))");
      values.push(JSON.stringify(filter.addressIndexes));
    }
    if (filter.states !== undefined) {
      conditions.push("state IN (SELECT value FROM json_each(?))");
      values.push(JSON.stringify(filter.states));
    }
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    const sql = `SELECT ${RECIPIENT_COLUMNS} FROM recipient ${where} ORDER BY message_id, ordinal LIMIT ?`;
    return this.#all(sql, ...values, filter.limit) as RecipientRow[];
  }

  scan(query: ScanRows): readonly RecipientRow[] {
    return this.#all(scanSql(RECIPIENT_COLUMNS, query), query) as RecipientRow[];
  }

  counts(): QueueCounts {
    type Total = { readonly name: string; readonly amount: number };
    const totals = this.#all("SELECT name, amount FROM total ORDER BY name") as Total[];
    const isBytes = ({ name }: Total): boolean => name === "queued bytes";
    const recipients = totals.filter((total) => !isBytes(total) && total.amount > 0);
    // Message ids sort by time of creation, so the smallest open one is the oldest; one seek per state.
    const oldest = this.#get(
      `SELECT received_at AS at FROM message WHERE id = (SELECT min(first) FROM (
         SELECT (SELECT message_id FROM recipient WHERE state = open.value ORDER BY message_id LIMIT 1) AS first
         FROM json_each(?) AS open))`,
      OPEN_STATES,
    );
    return {
      byState: Object.fromEntries(recipients.map(({ name, amount }) => [name, amount])),
      queuedBytes: totals.find(isBytes)?.amount ?? 0,
      oldestReceivedAt: oldest === undefined ? null : (oldest as { readonly at: number }).at,
    };
  }

  /** Held rows are few: each is read. */
  deadlines(before: number): Deadlines {
    return this.#get(
      `SELECT min(deadline_at) AS nextAt, coalesce(sum(deadline_at < ?), 0) AS near FROM recipient WHERE state = 'held'`,
      before,
    ) as Deadlines;
  }

  nextDueAt(now: number): number | null {
    const { at } = this.#get(
      `SELECT min(at) AS at FROM (
         SELECT * FROM (SELECT next_at AS at FROM sender ORDER BY next_at LIMIT 1)
         UNION ALL
         SELECT * FROM (SELECT lease_until AS at FROM recipient WHERE lease_until <= ? ORDER BY lease_until LIMIT 1))`,
      now,
    ) as { readonly at: number | null };
    return at;
  }

  liveBlobs(after: string, limit: number): readonly BlobRow[] {
    return this.#all(
      `SELECT locator, min(size_bytes) AS size_bytes, min(wrapped_key) AS wrapped_key FROM blob
       WHERE locator > ? GROUP BY locator ORDER BY locator LIMIT ?`,
      after,
      limit,
    ) as BlobRow[];
  }

  /** Of one locator the first row stands for all. */
  refsUnder({ prefix, after, limit }: { prefix: string; after: string; limit: number }): readonly BlobRow[] {
    const isFurther = after >= prefix && after !== "";
    return this.#all(
      `SELECT locator, size_bytes, wrapped_key FROM blob WHERE locator ${isFurther ? ">" : ">="} ? AND locator < ?
       GROUP BY locator ORDER BY locator LIMIT ?`,
      isFurther ? after : prefix,
      `${prefix}\uffff`,
      limit,
    ) as BlobRow[];
  }

  referredTo(locators: readonly string[]): readonly string[] {
    return this.#all(
      "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM blob WHERE locator = value)",
      JSON.stringify(locators),
    ).map((row) => (row as { readonly value: string }).value);
  }

  auditPage(fromSeq: number, rowsMax: number): readonly AuditRow[] {
    return this.#all(
      `SELECT ${AUDIT_COLUMNS} FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?`,
      fromSeq,
      rowsMax,
    ) as AuditRow[];
  }

  auditOf(messageId: string, rowsMax: number): readonly AuditRow[] {
    const sql = `SELECT ${AUDIT_COLUMNS} FROM audit WHERE message_id = ? ORDER BY seq DESC LIMIT ?`;
    return (this.#all(sql, messageId, rowsMax) as AuditRow[]).reverse();
  }

  auditHead(): ChainHead {
    const head = this.#get("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
    return head === undefined ? EMPTY_CHAIN : (head as ChainHead);
  }

  auditMarks(kind: MarkKind, beforeSeq: number, rowsMax: number): readonly AuditRow[] {
    // The second condition is the one of the index audit_marks: SQLite takes it only where it is said.
    const sql = `SELECT ${AUDIT_COLUMNS} FROM audit INDEXED BY audit_marks
      WHERE kind = ? AND kind IN ('checkpoint', 'anchor') AND seq < ? ORDER BY seq DESC LIMIT ?`;
    return this.#all(sql, kind, beforeSeq, rowsMax) as AuditRow[];
  }

  chainId(): string | null {
    const first = this.#get(
      "SELECT coalesce((SELECT hash FROM audit WHERE seq = 1), (SELECT chain_id FROM audit_removal)) AS id",
    );
    return (first as { readonly id: string | null }).id;
  }

  legalHolds(): readonly LegalHoldRow[] {
    return this.#all("SELECT * FROM legal_hold ORDER BY id") as LegalHoldRow[];
  }

  #message(id: string): StoredMessageRows | null {
    const message = this.#get("SELECT * FROM message WHERE id = ?", id) as StoredMessageRows["message"] | undefined;
    if (message === undefined) return null;
    const blobs = this.#all("SELECT locator, size_bytes, wrapped_key FROM blob WHERE message_id = ?", id) as BlobRow[];
    // In the order they were stored: rowid. `+`: see due-walk.ts.
    const variants = this.#all("SELECT * FROM variant WHERE message_id = +? ORDER BY rowid", id) as VariantRow[];
    return { message, blobs, variants };
  }

  #get(sql: string, ...values: unknown[]): unknown {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: unknown[]): unknown[] {
    return this.#statement(sql).all(...values);
  }

  #statement(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}
