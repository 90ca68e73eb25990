/**
 * Appends to the audit chain inside the transaction of the state it describes. The tip of the chain, its last hash and the frontier of
 * its tree, is kept in memory: what is signed is what was written, not what somebody made of the file since. Whoever rolls a
 * savepoint or a transaction back puts the tip back too.
 */
import type { Database, Statement } from "better-sqlite3";
import type { AuditRow } from "../../core/event.ts";
import { chainRow } from "./audit-chain.ts";
import type { ChainHead, EventRow } from "./audit-chain.ts";
import { Frontier } from "./audit-tree.ts";
import type { SqliteReads } from "./sqlite-reads.ts";

/** `frontier` null: rows before the first one there are not accounted for, so no root can be told. */
export type ChainTip = ChainHead & { readonly frontier: Frontier | null };

export class AuditAppender {
  readonly #insert: Statement<(string | number | null)[]>;
  #head: ChainTip;

  constructor(db: Database, head: ChainTip) {
    this.#head = head;
    this.#insert = db.prepare(
      `INSERT INTO audit (seq, at, message_id, recipient_id, kind, body, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  get head(): ChainTip {
    return this.#head;
  }

  rewind(head: ChainTip): void {
    this.#head = head;
  }

  append(events: readonly EventRow[]): void {
    for (const event of events) {
      const { seq, at, messageId, recipientId, kind, body, previousHash, hash } = chainRow(event, this.#head);
      // By place: a look-up by name goes through the native interface for each value.
      this.#insert.run(seq, at, messageId, recipientId, kind, body, previousHash, hash);
      this.#head = { seq, hash, frontier: this.#head.frontier?.append(hash) ?? null };
    }
  }
}

/** The tip of a database just opened: from where a row wrote the frontier down last, or from the first row. */
export function readTip(db: Database, reads: SqliteReads): ChainTip {
  const head = reads.auditHead();
  const written = (["checkpoint", "anchor"] as const)
    .flatMap((kind) => reads.auditMarks(kind, Number.MAX_SAFE_INTEGER, 1))
    .map(frontierIn)
    .filter((frontier) => frontier !== null);
  let frontier = written.reduce((a, b) => (b.size > a.size ? b : a), Frontier.empty);
  const later = db.prepare<[number], string>("SELECT hash FROM audit WHERE seq > ? ORDER BY seq").pluck();
  for (const hash of later.iterate(frontier.size)) frontier = frontier.append(hash);
  return { ...head, frontier: frontier.size === head.seq ? frontier : null };
}

/** Whether it is the right one only its signature tells; the service checks that before it signs on (stages/audit/checkpoints.ts). */
function frontierIn({ body }: AuditRow): Frontier | null {
  try {
    const { peaks, throughSeq, note } = JSON.parse(body) as Readonly<Record<string, unknown>>;
    const size = typeof throughSeq === "number" ? throughSeq : Number(String(note).split("\n")[1]);
    return Array.isArray(peaks) ? Frontier.of(size, peaks.map(String)) : null;
  } catch {
    // An altered row; `audit verify` names it.
    return null;
  }
}
