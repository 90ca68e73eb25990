/**
 * Finds what is still sealed or wrapped under a key of before, and writes it anew, in stretches short enough that mail does not
 * wait. Promises: a value is replaced only while it still is the one that was read; a transition that came in between wins.
 */
import type { Database } from "better-sqlite3";
import { assertNever } from "../../core/assert-never.ts";
import { SEALED_COLUMNS } from "./sealed-columns.ts";
import type { SealedColumn } from "./sealed-columns.ts";
import type { SealedRow, WrappedRow, WriterCall, WriterCalls } from "./writer-protocol.ts";

type RekeyCall = Extract<WriterCall, { kind: "foreignSeals" | "reseal" | "foreignWraps" | "rewrap" }>;

const STRETCH_ROWS = 2_000;

export class WriterRekey {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  execute(call: RekeyCall): WriterCalls[RekeyCall["kind"]]["result"] {
    switch (call.kind) {
      case "foreignSeals":
        return this.#foreignSeals(call.args);
      case "reseal":
        return this.#reseal(call.args);
      case "foreignWraps":
        return this.#foreignWraps(call.args);
      case "rewrap":
        return this.#rewrap(call.args);
      default:
        return assertNever(call);
    }
  }

  #foreignSeals({
    column: name,
    mark,
    after,
  }: WriterCalls["foreignSeals"]["args"]): WriterCalls["foreignSeals"]["result"] {
    const { table, column } = SEALED_COLUMNS[name];
    const last = this.#db.prepare(`SELECT max(rowid) FROM ${table}`).pluck().get() as number | null;
    const end = after + STRETCH_ROWS;
    const rows = this.#db
      .prepare(
        `SELECT id, ${column} AS sealed FROM ${table}
         WHERE rowid > @after AND rowid <= @end AND ${column} IS NOT NULL AND substr(${column}, 1, length(@mark)) <> @mark`,
      )
      .all({ after, end, mark }) as SealedRow[];
    return { rows, next: last === null || last <= end ? null : end };
  }

  #reseal({ column: name, rows }: WriterCalls["reseal"]["args"]): number {
    const { table, column, index }: SealedColumn = SEALED_COLUMNS[name];
    const update = this.#db.prepare(
      `UPDATE ${table} SET ${column} = @to${index === undefined ? "" : `, ${index} = @index`} WHERE id = @id AND ${column} = @from`,
    );
    return rows.reduce((changed, row) => changed + update.run({ ...row }).changes, 0);
  }

  #foreignWraps({ mark, after }: WriterCalls["foreignWraps"]["args"]): WriterCalls["foreignWraps"]["result"] {
    const next = (this.#db
      .prepare("SELECT locator FROM blob WHERE locator > ? ORDER BY locator LIMIT 1 OFFSET ?")
      .pluck()
      .get(after, STRETCH_ROWS - 1) ?? null) as string | null;
    const rows = this.#db
      .prepare(
        `SELECT DISTINCT locator, wrapped_key FROM blob WHERE locator > @after AND (@next IS NULL OR locator <= @next)
         AND substr(wrapped_key, 1, length(@mark)) <> @mark`,
      )
      .all({ after, next, mark }) as WrappedRow[];
    return { rows, next };
  }

  #rewrap({ rows }: WriterCalls["rewrap"]["args"]): number {
    const update = this.#db.prepare(
      "UPDATE blob SET wrapped_key = @to WHERE locator = @locator AND wrapped_key = @from",
    );
    return rows.reduce((changed, row) => changed + update.run(row).changes, 0);
  }
}
