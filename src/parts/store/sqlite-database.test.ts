import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkDatabase } from "./check-database.ts";
import { assertDurable, openDatabase, setDurable, synchronousSwitch } from "./sqlite-database.ts";
import { latestVersion, migrate, MIGRATIONS, schemaVersion } from "./migrations.ts";
import { DUE_SQL } from "./due-walk.ts";
import { scanSql } from "./sqlite-scan.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-sqlite-"));
  path = join(folder, "gateway.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const open = (migrations = MIGRATIONS) => openDatabase(path, NOW, migrations);

describe("durable settings", () => {
  test("synchronous is still FULL after closing and reopening, where plain SQLite falls to NORMAL", () => {
    open().db.close();
    const plain = new Database(path);
    expect(plain.pragma("synchronous", { simple: true })).toBe(1);
    plain.close();
    const { db } = open();
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(db.pragma("foreign_keys", { simple: true })).toBe(1);
    db.close();
  });

  test.each(["synchronous = NORMAL", "synchronous = OFF", "foreign_keys = OFF"])("%s is refused", (pragma) => {
    const { db } = open();
    db.pragma(pragma);
    expect(() => assertDurable(db)).toThrow("PST-SPL-053");
    db.close();
  });

  test("a database that cannot do WAL is refused", () => {
    const memory = new Database(":memory:");
    expect(() => setDurable(memory)).toThrow(/PST-SPL-053.*journal_mode is memory/);
    memory.close();
  });

  test("a switch of sync that SQLite ignores, as it does inside a transaction, is noticed", () => {
    const { db } = open();
    const setSynchronous = synchronousSwitch(db);
    setSynchronous("NORMAL");
    db.exec("BEGIN");
    expect(() => setSynchronous("FULL")).toThrow("inside a transaction");
    db.exec("ROLLBACK");
    db.close();
  });

  test("the file is readable by its owner alone", () => {
    open().db.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe("what is refused is left untouched", () => {
  const refusal = (): { readonly message: string; readonly isUntouched: boolean } => {
    const before = readFileSync(path);
    const files = readdirSync(folder);
    let message = "opened";
    try {
      open().db.close();
    } catch (error) {
      message = String(error);
    }
    const left = readdirSync(folder).filter((name) => !/-(wal|shm)$/.test(name));
    return { message, isUntouched: readFileSync(path).equals(before) && left.join() === files.join() };
  };

  test("a file that is no database", () => {
    writeFileSync(path, "just some text that somebody keeps here\n");
    expect(refusal()).toEqual({ message: expect.stringMatching(/PST-SPL-052.*no SQLite header/), isUntouched: true });
  });

  test("a database of another program", () => {
    const other = new Database(path);
    other.exec("CREATE TABLE bookmarks (url TEXT)");
    other.close();
    expect(refusal()).toEqual({ message: expect.stringMatching(/PST-SPL-052.*another program/), isUntouched: true });
  });

  test("a newer schema, naming both versions", () => {
    open().db.close();
    const newer = new Database(path);
    newer.pragma("user_version = 99");
    newer.close();
    const both = new RegExp(`PST-SPL-051.*schema version 99, this Postern knows up to ${latestVersion(MIGRATIONS)}`);
    expect(refusal()).toEqual({ message: expect.stringMatching(both), isUntouched: true });
  });

  test.each([
    ["in its first page", 100],
    ["in a table", 4096 * 3 + 5],
  ])("a database damaged %s", (_, offset) => {
    open().db.close();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, offset, offset + 3000);
    writeFileSync(path, bytes);
    expect(refusal()).toEqual({ message: expect.stringMatching(/PST-SPL-052.*gateway\.db/), isUntouched: true });
  });

  test("a missing directory is named, and nothing is created", () => {
    expect(() => openDatabase(join(folder, "missing", "gateway.db"), NOW)).toThrow(/PST-SPL-064.*missing.*ENOENT/);
    expect(existsSync(join(folder, "missing"))).toBe(false);
  });
});

describe("a check beside the mail", () => {
  const never = new AbortController().signal;

  test("finds the damaged table of a file that still opens, and nothing in a whole one", async () => {
    const { db } = open();
    db.exec("CREATE TABLE filler (text TEXT)");
    const insert = db.prepare("INSERT INTO filler VALUES (?)");
    for (let n = 0; n < 200; n += 1) insert.run("x".repeat(1000));
    db.close();
    expect(await checkDatabase(path, never)).toEqual([]);
    const bytes = readFileSync(path);
    bytes.fill(0xa5, bytes.length - 4096, bytes.length - 3000);
    writeFileSync(path, bytes);
    expect(await checkDatabase(path, never)).toEqual(["filler"]);
  });

  test("can be broken off", async () => {
    open().db.close();
    const controller = new AbortController();
    const checking = checkDatabase(path, controller.signal);
    controller.abort();
    expect(await checking).toBeNull();
    expect(await checkDatabase(path, controller.signal)).toBeNull();
  });
});

describe("migrations", () => {
  const latest = latestVersion(MIGRATIONS);
  const next = { version: latest + 1, sql: "CREATE TABLE later (id INTEGER)" };

  test("are numbered from 1 without gaps", () => {
    expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, index) => index + 1));
  });

  test("a new database needs no backup; a second start changes nothing", () => {
    const first = open();
    expect(first.migration).toEqual({ from: 0, to: latestVersion(MIGRATIONS), backup: null });
    first.db.close();
    const second = open();
    expect(second.migration.from).toBe(second.migration.to);
    second.db.close();
  });

  test("a database that holds something is backed up, complete, before it is changed", () => {
    const old = open();
    old.db.exec("INSERT INTO audit VALUES (1, 2, NULL, NULL, 'alert', '{}', 'p', 'h')");
    old.db.close();
    const { db, migration } = open([...MIGRATIONS, next]);
    expect(schemaVersion(db)).toBe(next.version);
    db.close();
    expect(migration.backup).toBe(`${path}.schema-${latest}.20260102T030405Z.backup`);
    const backup = new Database(migration.backup as string, { readonly: true });
    expect(schemaVersion(backup)).toBe(latest);
    expect(backup.prepare("SELECT count(*) FROM audit").pluck().get()).toBe(1);
    backup.close();
    expect(statSync(migration.backup as string).mode & 0o777).toBe(0o600);
  });

  test("the third counts the bytes of what waits already, and of nothing that ended", () => {
    const { db: old } = open(MIGRATIONS.slice(0, 2));
    for (const [id, endedAt, sizeBytes] of [
      ["waiting", "NULL", 700],
      ["ended", "5", 30],
    ] as const) {
      old.exec(`INSERT INTO message VALUES ('${id}', 'relay', 1, 2, 's', 'l-${id}', 'x', NULL, ${endedAt})`);
      old.exec(`INSERT INTO blob VALUES ('l-${id}', '${id}', ${sizeBytes}, 'k')`);
    }
    old.close();
    const { db } = open(MIGRATIONS.slice(0, 3));
    expect(db.prepare("SELECT bytes FROM queued_bytes").pluck().all()).toEqual([700]);
    db.close();
  });

  test("the eighth takes over what was counted, and counts on", () => {
    const { db: old } = open(MIGRATIONS.slice(0, 7));
    const message = (id: string): string =>
      `INSERT INTO message VALUES ('${id}', 'relay', 1, 2, 's', 'l-${id}', 'x', NULL, NULL);
       INSERT INTO blob VALUES ('l-${id}', '${id}', 700, 'k');
       INSERT INTO recipient (id, message_id, ordinal, address_index, sealed, state, fence, due_at)
         VALUES ('${id}.1', '${id}', 1, 'a', 'x', 'ready', 0, 0)`;
    old.exec(message("one"));
    old.close();
    const { db } = open(MIGRATIONS.slice(0, 8));
    const totals = (): unknown =>
      db.prepare("SELECT name, amount FROM total WHERE amount > 0 ORDER BY name").raw().all();
    expect(totals()).toEqual([
      ["queued bytes", 700],
      ["ready", 1],
    ]);
    db.exec(message("two"));
    db.exec("UPDATE recipient SET state = 'deferred' WHERE id = 'two.1'");
    db.exec("UPDATE message SET ended_at = 5 WHERE id = 'one'");
    expect(totals()).toEqual([
      ["deferred", 1],
      ["queued bytes", 700],
      ["ready", 1],
    ]);
    db.exec("DELETE FROM recipient; DELETE FROM blob; DELETE FROM message");
    expect(totals()).toEqual([]);
    db.close();
  });

  test("one that fails changes nothing and names the backup", () => {
    open().db.close();
    const broken = { version: next.version + 1, sql: "CREATE TABLE later (id INTEGER)" };
    expect(() => open([...MIGRATIONS, next, broken])).toThrow(/PST-SPL-059.*backup: .*\.backup/);
    const { db } = open();
    expect(schemaVersion(db)).toBe(latest);
    expect(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'later'").pluck().get()).toBe(0);
    db.close();
  });

  test("without a backup there is no migration", () => {
    const { db } = open();
    writeFileSync(`${path}.schema-${latest}.20260102T030405Z.backup`, "in the way");
    expect(() => migrate(db, NOW, [...MIGRATIONS, next])).toThrow(/PST-SPL-059.*nothing was changed/);
    expect(schemaVersion(db)).toBe(latest);
    db.close();
  });
});

describe("the schema", () => {
  test.each(Object.entries(DUE_SQL))(
    "the walk over what is due searches an index for its %s and sorts nothing",
    (_, sql) => {
      const { db } = open();
      const all = { now: 1, limit: 1, at: 0, id: "", sender: "", lane: "", lanes: "[]" };
      const names = new Set([...sql.matchAll(/@(\w+)/g)].map(([, name]) => name));
      const given = Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)));
      const plan = db.prepare<[object], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(given);
      // The lanes given are walked, once; what is stored is searched.
      const stored = plan.filter(({ detail }) => !/json_each|^LIST SUBQUERY/.test(detail));
      expect(stored.length).toBeGreaterThan(0);
      for (const { detail } of stored)
        expect(detail).toMatch(/^SEARCH \w+ USING (?:(?:COVERING )?INDEX \w+|PRIMARY KEY) \(/);
      db.close();
    },
  );

  test("what is leased or finished is in no index that a claim reads", () => {
    const { db } = open();
    const index = db.prepare("SELECT sql FROM sqlite_schema WHERE name = 'recipient_free'").pluck().get();
    expect(index).toMatch(/WHERE queue_at IS NOT NULL AND lease_until IS NULL$/);
    db.close();
  });

  test.each([
    ["by state", null, /USING INDEX recipient_by_state \(state=\?/],
    ["by address", "[]", /USING INDEX recipient_by_address \(address_index=\?/],
  ])("a scan %s reads an index that holds the order", (_, addressIndexes, expected) => {
    const { db } = open();
    const sql = scanSql("id", { addressIndexes });
    const query = { state: "held", addressIndexes, fromId: "", beforeId: "~", afterId: "", afterOrdinal: 0, limit: 1 };
    const plan = db.prepare<[object], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(query);
    expect(plan[0]?.detail).toMatch(expected);
    db.close();
  });

  test("the audit refuses to be updated, deleted, replaced, or written out of order", () => {
    const { db } = open();
    const insert = "INTO audit VALUES (%, 2, NULL, NULL, 'alert', '{}', 'p', 'h')";
    db.exec(`INSERT ${insert.replace("%", "1")}`);
    for (const sql of [
      "UPDATE audit SET at = 3",
      "DELETE FROM audit",
      `INSERT OR REPLACE ${insert.replace("%", "1")}`,
      `INSERT ${insert.replace("%", "3")}`,
      `INSERT ${insert.replace("%", "0")}`,
    ]) {
      expect(() => db.exec(sql)).toThrow("the audit is append-only");
    }
    expect(db.prepare("SELECT count(*) FROM audit").pluck().get()).toBe(1);
    db.close();
  });
});
