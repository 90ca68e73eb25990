/**
 * One writer per state database: a lock held for the life of the process on a small sibling database. The kernel drops it
 * with the process, also on kill -9, so no stale lock file can keep a service down. Readers do not need it.
 */
import { threadId } from "node:worker_threads";
import type { Database } from "better-sqlite3";
import { connect } from "./sqlite-database.ts";
import { sqliteCodeOf, storeError } from "./sqlite-store-error.ts";

export type InstanceLock = { release(): void };

/** Throws PST-SPL-050 while another process, or another store of this process, holds it. */
export function takeInstanceLock(databasePath: string, owner: string, now: number): InstanceLock {
  const path = `${databasePath}.lock`;
  const db = connect(path);
  try {
    // Long enough for another start that is only reading who holds it.
    db.pragma("busy_timeout = 250");
    db.exec("BEGIN IMMEDIATE");
    db.exec("CREATE TABLE IF NOT EXISTS holder (pid INTEGER, thread INTEGER, owner TEXT, since INTEGER)");
    db.exec("DELETE FROM holder");
    db.prepare("INSERT INTO holder VALUES (?, ?, ?, ?)").run(process.pid, threadId, owner, now);
    db.exec("COMMIT");
    // RESERVED, not EXCLUSIVE: the next one to come can still read who holds it.
    db.exec("BEGIN IMMEDIATE");
  } catch (error) {
    const holder = holderOf(db);
    db.close();
    if (sqliteCodeOf(error)?.startsWith("SQLITE_BUSY") === true) throw storeError("PST-SPL-050", holder, error);
    const sqlite = sqliteCodeOf(error);
    throw storeError(
      sqlite === "SQLITE_FULL" ? "PST-SPL-054" : "PST-SPL-064",
      `${path}: ${sqlite ?? "unusable"}`,
      error,
    );
  }
  return { release: () => db.close() };
}

function holderOf(db: Database): string {
  try {
    const pid: unknown = db.prepare("SELECT pid FROM holder").pluck().get();
    return typeof pid === "number" ? `process ${pid}` : "";
  } catch {
    // The holder is just writing its name: who it is stays unknown, that it is there is certain.
    return "";
  }
}
