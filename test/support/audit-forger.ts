/** Somebody who may write the database file: knows the format, has every tool, lacks the signing key. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { AuditRow } from "../../src/core/event.ts";
import { KeyRing } from "../../src/parts/keys/key-ring.ts";
import { FieldSealer } from "../../src/parts/keys/field-sealer.ts";
import { chainRow, EMPTY_CHAIN, hashRow } from "../../src/parts/store/audit-chain.ts";
import type { ChainHead } from "../../src/parts/store/audit-chain.ts";
import { openQueueReader } from "../../src/parts/store/sqlite-queue-reader.ts";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import type { Verification, VerifyOptions } from "../../src/stages/audit/verify.ts";

const COLUMNS =
  "seq, at, message_id AS messageId, recipient_id AS recipientId, kind, body, previous_hash AS previousHash, hash";

export type Forgery = (rows: AuditRow[]) => readonly AuditRow[];

/** A copy of `database`, with its audit replaced by what `forge` makes of it. */
export class ForgedDatabase {
  readonly #folder = mkdtempSync(join(tmpdir(), "postern-forged-"));
  readonly path = join(this.#folder, "gateway.db");

  constructor(database: string, forge: Forgery) {
    // Of a service that runs as well: what is still in its WAL belongs to it.
    const live = new Database(database, { readonly: true });
    live.prepare("VACUUM INTO ?").run(this.path);
    live.close();
    const db = new Database(this.path);
    const triggers = db
      .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'")
      .all();
    for (const { name } of triggers as { name: string }[]) db.exec(`DROP TRIGGER ${name}`);
    const rows = db.prepare(`SELECT ${COLUMNS} FROM audit ORDER BY seq`).all() as AuditRow[];
    const forged = forge(rows);
    db.transaction(() => {
      db.exec("DELETE FROM audit");
      const insert = db.prepare<[AuditRow]>(
        `INSERT INTO audit (seq, at, message_id, recipient_id, kind, body, previous_hash, hash)
         VALUES (@seq, @at, @messageId, @recipientId, @kind, @body, @previousHash, @hash)`,
      );
      for (const row of forged) insert.run(row);
    })();
    for (const { sql } of triggers as { sql: string }[]) db.exec(sql);
    db.pragma("wal_checkpoint(TRUNCATE)");
    db.close();
  }

  async verify(options: VerifyOptions): Promise<Verification> {
    const sealer = new FieldSealer(
      new KeyRing({ addresses: { name: "a", bytes: Buffer.from("0f".repeat(31) + "aa") } }),
    );
    const reader = openQueueReader({ path: this.path, sealer });
    try {
      return await verifyChain(reader, { pageRows: 7, ...options });
    } finally {
      reader.close();
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Numbers and hashes made to fit again from row `fromSeq` on, as somebody would who knows how they are made. */
export function rehashed(rows: readonly AuditRow[], fromSeq: number): readonly AuditRow[] {
  let head: ChainHead = EMPTY_CHAIN;
  return rows.map((row) => {
    const next = head.seq + 1 < fromSeq ? row : chainRow(row, head);
    head = { seq: next.seq, hash: next.hash };
    return next;
  });
}

/** One row changed, its own hash made to fit. */
export function refitted(row: AuditRow, changes: Partial<AuditRow>): AuditRow {
  const changed = { ...row, ...changes };
  return { ...changed, hash: hashRow(changed) };
}
