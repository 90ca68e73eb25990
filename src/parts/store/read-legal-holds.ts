/** The legal holds in force, read beside the running service's writer: asked for now and then, by a person. */
import { connect } from "./sqlite-database.ts";
import { SqliteReads } from "./sqlite-reads.ts";
import type { LegalHoldRow } from "./sqlite-rows.ts";

export function readLegalHolds(path: string): readonly LegalHoldRow[] {
  const db = connect(path, { readonly: true });
  try {
    return new SqliteReads(db).legalHolds();
  } finally {
    db.close();
  }
}
