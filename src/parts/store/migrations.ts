/**
 * Brings the state database to this version's schema: numbered, forward only, all in one transaction. Promises a complete
 * backup beside the file before a database that holds anything is changed, and that a failed migration changes nothing.
 * Refusing a newer schema happens before, in sqlite-database.ts, on a connection that cannot write.
 */
import { chmodSync } from "node:fs";
import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import { reach } from "../../core/failpoint.ts";
import { QUEUE_AND_AUDIT } from "./migrations-0001.ts";
import { syncPath } from "./durable-directory.ts";
import { LANES_AND_SHARES } from "./migrations-0002.ts";
import { QUEUED_BYTES } from "./migrations-0003.ts";
import { APPROVALS } from "./migrations-0004.ts";
import { AUDIT_RETENTION } from "./migrations-audit.ts";
import { DOMAIN_FACTS } from "./migrations-domain-facts.ts";
import { REDO } from "./migrations-redo.ts";
import { TOTALS } from "./migrations-totals.ts";
import { storeError } from "./sqlite-store-error.ts";

export type Migration = {
  /** PRAGMA user_version after it; counted from 1 without gaps. */
  readonly version: number;
  readonly sql: string;
};

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: QUEUE_AND_AUDIT },
  { version: 2, sql: LANES_AND_SHARES },
  { version: 3, sql: QUEUED_BYTES },
  { version: 4, sql: APPROVALS },
  { version: 5, sql: AUDIT_RETENTION },
  { version: 6, sql: DOMAIN_FACTS },
  { version: 7, sql: REDO },
  { version: 8, sql: TOTALS },
];

/** PRAGMA application_id of a Postern state database: "PSTN". */
export const APPLICATION_ID = 0x5053544e;

export type MigrationReport = { readonly from: number; readonly to: number; readonly backup: string | null };

export function latestVersion(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

export function schemaVersion(db: Database): number {
  return Number(db.pragma("user_version", { simple: true }));
}

export function migrate(db: Database, now: number, migrations: readonly Migration[] = MIGRATIONS): MigrationReport {
  const from = schemaVersion(db);
  const pending = migrations.filter(({ version }) => version > from);
  if (pending.length === 0) return { from, to: from, backup: null };
  const backup = from === 0 ? null : backUp(db, from, now);
  try {
    if (backup !== null) reach("store.migration-backed-up");
    db.exec("BEGIN IMMEDIATE");
    for (const { sql } of pending) db.exec(sql);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${latestVersion(migrations)}`);
    reach("store.migration-before-commit");
    db.exec("COMMIT");
  } catch (error) {
    if (db.inTransaction) db.exec("ROLLBACK");
    throw storeError("PST-SPL-059", backup === null ? "" : `backup: ${backup}`, error);
  }
  return { from, to: latestVersion(migrations), backup };
}

/** VACUUM INTO writes a complete copy in one read transaction but does not sync it; that is done here. */
function backUp(db: Database, version: number, now: number): string {
  const stamp = new Date(now).toISOString().replace(/[-:]/g, "").replace(/\..*$/, "Z");
  const target = `${db.name}.schema-${version}.${stamp}.backup`;
  try {
    db.prepare("VACUUM INTO ?").run(target);
    chmodSync(target, 0o600);
    syncPath(target);
    syncPath(dirname(target));
  } catch (error) {
    throw storeError("PST-SPL-059", "no backup could be written, nothing was changed", error);
  }
  return target;
}
