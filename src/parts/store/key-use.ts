/** How many stored values need which key at rest: what tells that a key of before can be destroyed. Reads every row, once. */
import type { Database } from "better-sqlite3";
import { SEALED_COLUMNS } from "./sealed-columns.ts";

export type KeyUse = { readonly role: "spool" | "addresses"; readonly id: string; readonly values: number };

type Counted = { readonly mark: string; readonly counted: number };

/** `s1.` and a dot stand around the id of a sealed text; a version byte stands before the id in a wrapped key. */
export function keyUse(db: Database): readonly KeyUse[] {
  const wrapped = db
    .prepare("SELECT substr(wrapped_key, 1, 12) AS mark, count(*) AS counted FROM blob GROUP BY mark")
    .all() as Counted[];
  const sealed = Object.values(SEALED_COLUMNS).map(
    ({ table, column }) =>
      `SELECT substr(${column}, 4, 16) AS mark, count(*) AS counted FROM ${table} WHERE ${column} IS NOT NULL GROUP BY mark`,
  );
  const fields = db
    .prepare(`SELECT mark, sum(counted) AS counted FROM (${sealed.join(" UNION ALL ")}) GROUP BY mark`)
    .all() as Counted[];
  return [
    ...wrapped.map(({ mark, counted }) => ({
      role: "spool" as const,
      id: Buffer.from(mark, "base64").subarray(1).toString("hex"),
      values: counted,
    })),
    ...fields.map(({ mark, counted }) => ({ role: "addresses" as const, id: mark, values: counted })),
  ];
}
