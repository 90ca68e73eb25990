/**
 * Opens the state database for writing. Promises durable settings that were read back (WAL, synchronous FULL: a reopened
 * WAL database silently falls to NORMAL), the schema of this version, and that a file which is damaged, of another program
 * or of a newer version is refused before anything could write to it. Single ownership is sqlite-instance-lock.ts.
 */
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import { APPLICATION_ID, latestVersion, migrate, MIGRATIONS, schemaVersion } from "./migrations.ts";
import type { Migration, MigrationReport } from "./migrations.ts";
import { sqliteCodeOf, storeError } from "./sqlite-store-error.ts";

const BUSY_TIMEOUT_MS = 5_000;
const JOURNAL_BYTES_MAX = 64 * 1024 * 1024;
/** A file up to this size is read whole at a start; a larger one afterwards, beside the mail (check-database.ts). */
const CHECKED_BYTES_MAX = 64 * 1024 * 1024;
const SYNCHRONOUS = { NORMAL: 1, FULL: 2 } as const;
const HEADER = "SQLite format 3\0";

export type OpenedDatabase = { readonly db: Database.Database; readonly migration: MigrationReport };

export function openDatabase(path: string, now: number, migrations: readonly Migration[] = MIGRATIONS): OpenedDatabase {
  const isNew = isAbsentOrEmpty(path);
  if (!isNew) inspect(path, migrations);
  const db = connect(path);
  try {
    setDurable(db);
    const migration = migrate(db, now, migrations);
    return { db, migration };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Puts the settings that every acknowledging connection needs, and reads each back. Throws when one is not in force. */
export function setDurable(db: Database.Database): void {
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("foreign_keys = ON");
  db.pragma("secure_delete = ON");
  db.pragma("wal_autocheckpoint = 0");
  db.pragma(`journal_size_limit = ${JOURNAL_BYTES_MAX}`);
  assertDurable(db);
}

export function assertDurable(db: Database.Database): void {
  expectPragma(db, "journal_mode", "wal");
  expectPragma(db, "synchronous", SYNCHRONOUS.FULL);
  expectPragma(db, "foreign_keys", 1);
}

/** Switches the sync of the next commits; each time it is read back. */
export function synchronousSwitch(db: Database.Database): (level: keyof typeof SYNCHRONOUS) => void {
  // Asked through a table: a compiled PRAGMA gives the value it was compiled with.
  const seen = db.prepare("SELECT synchronous FROM pragma_synchronous").pluck();
  return (level) => {
    db.exec(`PRAGMA synchronous = ${level}`);
    expectSetting("synchronous", seen.get(), SYNCHRONOUS[level]);
  };
}

function expectPragma(db: Database.Database, name: string, expected: string | number): void {
  expectSetting(name, db.pragma(name, { simple: true }), expected);
}

function expectSetting(name: string, seen: unknown, expected: string | number): void {
  if (seen !== expected) throw storeError("PST-SPL-053", `${name} is ${String(seen)}, expected ${expected}`);
}

/** On a connection that cannot write: is it ours, of a version we know, and whole? */
function inspect(path: string, migrations: readonly Migration[]): void {
  if (!hasHeader(path)) throw storeError("PST-SPL-052", `${path}: no SQLite header`);
  const db = connect(path, { readonly: true });
  try {
    assertKnown(db, path, migrations);
    if (statSync(path).size > CHECKED_BYTES_MAX) return readRoots(db);
    const verdict: unknown = db.pragma("quick_check(1)", { simple: true });
    if (verdict !== "ok") throw storeError("PST-SPL-052", `${path}: quick_check found damage`);
  } catch (error) {
    const sqlite = sqliteCodeOf(error);
    if (sqlite === null || !/^SQLITE_(CORRUPT|NOTADB|FORMAT)/.test(sqlite)) throw error;
    throw storeError("PST-SPL-052", `${path}: ${sqlite}`, error);
  } finally {
    db.close();
  }
}

/** Whether every table can be found and begun. */
function readRoots(db: Database.Database): void {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
  for (const table of tables) db.prepare(`SELECT * FROM "${table}" LIMIT 1`).get();
}

/** Throws for a database of another program or of a newer Postern. */
export function assertKnown(db: Database.Database, path: string, migrations: readonly Migration[] = MIGRATIONS): void {
  const isEmpty = Number(db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get()) === 0;
  if (!isEmpty && db.pragma("application_id", { simple: true }) !== APPLICATION_ID) {
    throw storeError("PST-SPL-052", `${path}: a database of another program`);
  }
  const version = schemaVersion(db);
  const known = latestVersion(migrations);
  if (version > known) {
    throw storeError("PST-SPL-051", `${path} has schema version ${version}, this Postern knows up to ${known}`);
  }
}

export function connect(path: string, options: { readonly readonly?: boolean } = {}): Database.Database {
  try {
    // Only where it is absent: closing any descriptor of a file drops the locks that this process holds on it (POSIX).
    if (options.readonly !== true && !existsSync(path)) closeSync(openSync(path, "a", 0o600));
    return new Database(path, {
      readonly: options.readonly === true,
      fileMustExist: true,
      timeout: BUSY_TIMEOUT_MS,
    });
  } catch (error) {
    throw storeError("PST-SPL-064", `${path}: ${reasonOf(error)}`, error);
  }
}

function isAbsentOrEmpty(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined || stat.size === 0;
}

function hasHeader(path: string): boolean {
  const start = Buffer.alloc(HEADER.length);
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    throw storeError("PST-SPL-064", `${path}: ${reasonOf(error)}`, error);
  }
  try {
    readSync(fd, start, 0, HEADER.length, 0);
  } finally {
    closeSync(fd);
  }
  return start.toString("latin1") === HEADER;
}

function reasonOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "cannot be opened";
}
