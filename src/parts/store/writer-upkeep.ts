/**
 * What keeps the rows small and the bodies findable beside the mail: forgetting messages that ended long ago, and noting where a
 * body was copied to. Promises: a message is forgotten whole; a blob another message still refers to is not released; a body is
 * found under its old place or its new one, never under none.
 */
import type { Database, Statement } from "better-sqlite3";
import type { BlobRow } from "./sqlite-rows.ts";
import type { WriterCalls } from "./writer-protocol.ts";
import { MESSAGE_UNDER_HOLD } from "./writer-retention.ts";

const FORGET_SQL = [
  "DELETE FROM approval WHERE recipient_id IN (SELECT id FROM recipient WHERE message_id = ?)",
  "DELETE FROM child WHERE parent_recipient_id IN (SELECT id FROM recipient WHERE message_id = ?)",
  "DELETE FROM recipient WHERE message_id = ?",
  "DELETE FROM variant WHERE message_id = ?",
  "DELETE FROM blob WHERE message_id = ?",
  "DELETE FROM message WHERE id = ?",
] as const;

type Move = { readonly from: string; readonly to: string };

export class WriterUpkeep {
  readonly #ended: Statement<[number, number], string>;
  readonly #released: Statement<[{ messageId: string }], BlobRow>;
  readonly #forget: readonly Statement<[string]>[];
  readonly #repointMessages: Statement<[Move]>;
  readonly #repointBlobs: Statement<[Move]>;

  constructor(db: Database) {
    this.#ended = db
      .prepare<[number, number], string>(
        `SELECT id FROM message WHERE ended_at < ? AND NOT ${MESSAGE_UNDER_HOLD} ORDER BY ended_at LIMIT ?`,
      )
      .pluck();
    this.#released = db.prepare(
      `SELECT locator, size_bytes, wrapped_key FROM blob AS mine WHERE message_id = @messageId
       AND NOT EXISTS (SELECT 1 FROM blob WHERE locator = mine.locator AND message_id <> @messageId)`,
    );
    this.#forget = FORGET_SQL.map((sql) => db.prepare<[string]>(sql));
    this.#repointMessages = db.prepare(
      `UPDATE message SET body_locator = @to
       WHERE id IN (SELECT message_id FROM blob WHERE locator = @from) AND body_locator = @from`,
    );
    this.#repointBlobs = db.prepare("UPDATE blob SET locator = @to WHERE locator = @from");
  }

  reap({ endedBefore, limit }: WriterCalls["reap"]["args"]): readonly BlobRow[] {
    const released: BlobRow[] = [];
    for (const messageId of this.#ended.all(endedBefore, limit)) {
      released.push(...this.#released.all({ messageId }));
      for (const statement of this.#forget) statement.run(messageId);
    }
    return released;
  }

  repoint({ moves }: WriterCalls["repoint"]["args"]): readonly string[] {
    const moved: string[] = [];
    for (const { from, to } of moves) {
      this.#repointMessages.run({ from, to });
      if (this.#repointBlobs.run({ from, to }).changes > 0) moved.push(from);
    }
    return moved;
  }
}
