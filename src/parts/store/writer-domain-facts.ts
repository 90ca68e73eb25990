/**
 * The SQL of what is remembered of recipient domains. Promises: one row for a domain and kind, also while the keyed hash changes
 * with its key; a kind never holds more than it may, whoever was written longest ago leaves. Knows no domain: only hashes.
 */
import type { Database, Statement } from "better-sqlite3";
import { assertNever } from "../../core/assert-never.ts";
import type { WriterCall, WriterCalls } from "./writer-protocol.ts";

export type DomainFactRow = {
  readonly id: string;
  readonly kind: string;
  readonly domain_index: string;
  readonly sealed: string;
  readonly look_at: number | null;
  readonly forget_at: number;
};

/** `formerIndexes`: where the fact lies if it was written under a key of before, as a JSON list. */
export type NewDomainFactRow = DomainFactRow & { readonly formerIndexes: string; readonly written_at: number };

type FactCall = Extract<
  WriterCall,
  { kind: "fact" | "factsDue" | "factPage" | "putFacts" | "removeFacts" | "postponeFacts" | "forgetFacts" }
>;

const COLUMNS = "id, kind, domain_index, sealed, look_at, forget_at";

/** The reading half, also beside a running service. */
export class DomainFactReads {
  readonly #one: Statement<[string, string], DomainFactRow>;
  readonly #due: Statement<[string, number, number], DomainFactRow>;
  readonly #page: Statement<[string, string, number], DomainFactRow>;

  constructor(db: Database) {
    this.#one = db.prepare(
      `SELECT ${COLUMNS} FROM domain_fact WHERE kind = ? AND domain_index IN (SELECT value FROM json_each(?)) LIMIT 1`,
    );
    this.#due = db.prepare(
      `SELECT ${COLUMNS} FROM domain_fact WHERE kind = ? AND look_at <= ? ORDER BY look_at LIMIT ?`,
    );
    this.#page = db.prepare(
      `SELECT ${COLUMNS} FROM domain_fact WHERE kind = ? AND domain_index > ? ORDER BY domain_index LIMIT ?`,
    );
  }

  one({ kind, indexes }: WriterCalls["fact"]["args"]): DomainFactRow | null {
    return this.#one.get(kind, JSON.stringify(indexes)) ?? null;
  }

  due({ kind, now, limit }: WriterCalls["factsDue"]["args"]): readonly DomainFactRow[] {
    return this.#due.all(kind, now, limit);
  }

  page({ kind, after, limit }: WriterCalls["factPage"]["args"]): readonly DomainFactRow[] {
    return this.#page.all(kind, after, limit);
  }
}

export class WriterDomainFacts {
  readonly #reads: DomainFactReads;
  readonly #put: Statement<[NewDomainFactRow]>;
  readonly #remove: Statement<[string, string]>;
  readonly #tally: Statement<[string], number>;
  readonly #pushOut: Statement<[{ kind: string; count: number }]>;
  readonly #postpone: Statement<[number, string]>;
  readonly #forget: Statement<[number, number]>;

  constructor(db: Database) {
    this.#reads = new DomainFactReads(db);
    this.#put = db.prepare(
      `INSERT INTO domain_fact (${COLUMNS}, written_at)
       VALUES (@id, @kind, @domain_index, @sealed, @look_at, @forget_at, @written_at)
       ON CONFLICT (kind, domain_index) DO UPDATE SET id = excluded.id, sealed = excluded.sealed,
         look_at = excluded.look_at, forget_at = excluded.forget_at, written_at = excluded.written_at`,
    );
    this.#remove = db.prepare(
      "DELETE FROM domain_fact WHERE kind = ? AND domain_index IN (SELECT value FROM json_each(?))",
    );
    this.#tally = db.prepare<[string], number>("SELECT facts FROM domain_fact_tally WHERE kind = ?").pluck();
    this.#pushOut = db.prepare(
      `DELETE FROM domain_fact WHERE id IN
         (SELECT id FROM domain_fact WHERE kind = @kind ORDER BY written_at LIMIT @count)`,
    );
    this.#postpone = db.prepare("UPDATE domain_fact SET look_at = ? WHERE id IN (SELECT value FROM json_each(?))");
    this.#forget = db.prepare(
      `DELETE FROM domain_fact WHERE id IN
         (SELECT id FROM domain_fact WHERE forget_at <= ? ORDER BY forget_at LIMIT ?)`,
    );
  }

  execute(call: FactCall): WriterCalls[FactCall["kind"]]["result"] {
    switch (call.kind) {
      case "fact":
        return this.#reads.one(call.args);
      case "factsDue":
        return this.#reads.due(call.args);
      case "factPage":
        return this.#reads.page(call.args);
      case "putFacts":
        return this.#putAll(call.args);
      case "removeFacts":
        this.#remove.run(call.args.kind, JSON.stringify(call.args.indexes));
        return null;
      case "postponeFacts":
        this.#postpone.run(call.args.lookAt, JSON.stringify(call.args.ids));
        return null;
      case "forgetFacts":
        return this.#forget.run(call.args.now, call.args.limit).changes;
      default:
        return assertNever(call);
    }
  }

  #putAll({ kind, rows, factsMax }: WriterCalls["putFacts"]["args"]): null {
    for (const row of rows) {
      if (row.formerIndexes !== "[]") this.#remove.run(row.kind, row.formerIndexes);
      this.#put.run(row);
    }
    const count = (this.#tally.get(kind) ?? 0) - factsMax;
    if (count > 0) this.#pushOut.run({ kind, count });
    return null;
  }
}
