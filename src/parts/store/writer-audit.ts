/**
 * Appends to the audit chain inside the transaction of the state it describes. The head of the chain is kept in memory;
 * whoever rolls a savepoint or a transaction back puts the head back too.
 */
import type { Database, Statement } from "better-sqlite3";
import type { AuditRow } from "../../core/event.ts";
import { chainRow } from "./audit-chain.ts";
import type { ChainHead, EventRow } from "./audit-chain.ts";

export class AuditAppender {
  readonly #insert: Statement<[AuditRow]>;
  #head: ChainHead;

  constructor(db: Database, head: ChainHead) {
    this.#head = head;
    this.#insert = db.prepare<[AuditRow]>(
      `INSERT INTO audit (seq, at, message_id, recipient_id, kind, body, previous_hash, hash)
       VALUES (@seq, @at, @messageId, @recipientId, @kind, @body, @previousHash, @hash)`,
    );
  }

  get head(): ChainHead {
    return this.#head;
  }

  rewind(head: ChainHead): void {
    this.#head = head;
  }

  append(events: readonly EventRow[]): void {
    for (const event of events) {
      const row = chainRow(event, this.#head);
      this.#insert.run(row);
      this.#head = { seq: row.seq, hash: row.hash };
    }
  }
}
