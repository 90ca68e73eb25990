import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NewMessage } from "../../core/queue-store.ts";
import { alertEvent, LEASE, messageIdAt, sampleMessage, START, testSealer } from "./queue-store.samples.ts";
import { RowCodec } from "./sqlite-codec.ts";
import { RedoRing } from "./redo-ring.ts";
import { openDatabase } from "./sqlite-database.ts";
import { GroupCommitter } from "./writer-group.ts";
import type { GroupConnection } from "./writer-group.ts";
import { WriterOperations } from "./writer-operations.ts";
import type { WriterAnswer, WriterRequest } from "./writer-protocol.ts";

let folder: string;
let db: Database.Database;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-group-"));
  db = openDatabase(join(folder, "gateway.db"), START).db;
});
afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true, force: true });
});

const codec = new RowCodec(testSealer());
let ids = 0;

function accepting(message: NewMessage): WriterRequest {
  return { id: ++ids, isDurable: true, call: { kind: "accept", args: codec.newMessage(message) } };
}

const counting = (): WriterRequest => ({ id: ++ids, isDurable: false, call: { kind: "counts", args: null } });
const claiming = (): WriterRequest => ({
  id: ++ids,
  isDurable: false,
  call: { kind: "claim", args: { now: START, limit: 10, lease: LEASE, shares: null } },
});

/** Records the commands; `fail` may throw instead of running one. */
function connection(fail: (sql: string) => void = () => undefined): GroupConnection & { readonly said: string[] } {
  const said: string[] = [];
  return {
    said,
    get inTransaction() {
      return db.inTransaction;
    },
    exec(sql) {
      said.push(sql);
      fail(sql);
      db.exec(sql);
    },
    setSynchronous: (level) => void said.push(level),
  };
}

function sqliteError(code: string): Error {
  return new Database.SqliteError("injected", code);
}

const codesOf = (answers: readonly WriterAnswer[]): readonly string[] =>
  answers.map((answer) => (answer.kind === "done" ? "done" : answer.failure.code));

describe("a group", () => {
  test("is one transaction, whatever its size", () => {
    const wire = connection();
    const group = new GroupCommitter(wire, new WriterOperations(db, new RedoRing(db)));
    const answers = group.run(Array.from({ length: 50 }, (_, n) => accepting(sampleMessage(n))));
    expect(new Set(codesOf(answers))).toEqual(new Set(["done"]));
    expect(wire.said.filter((sql) => sql === "BEGIN IMMEDIATE" || sql === "COMMIT")).toHaveLength(2);
    expect(answers.map(({ id }) => id)).toEqual(answers.map(({ id }) => id).toSorted((a, b) => a - b));
  });

  test("syncs when one of its requests asks for it, and only then", () => {
    const wire = connection();
    const group = new GroupCommitter(wire, new WriterOperations(db, new RedoRing(db)));
    group.run([counting(), accepting(sampleMessage(1))]);
    group.run([claiming()]);
    group.run([counting()]);
    group.run([claiming(), accepting(sampleMessage(2))]);
    expect(wire.said.filter((sql) => sql === "FULL" || sql === "NORMAL")).toEqual(["NORMAL", "FULL"]);
  });

  test("that only reads takes no part in the writing", () => {
    const wire = connection();
    new GroupCommitter(wire, new WriterOperations(db, new RedoRing(db))).run([counting(), counting()]);
    expect(wire.said).toEqual(["BEGIN", "COMMIT"]);
  });

  test("needs savepoints only where a request failed", () => {
    const wire = connection();
    const group = new GroupCommitter(wire, new WriterOperations(db, new RedoRing(db)));
    group.run([accepting(sampleMessage(1)), accepting(sampleMessage(2))]);
    expect(wire.said).toEqual(["BEGIN IMMEDIATE", "COMMIT"]);
    group.run([accepting(sampleMessage(3)), accepting(sampleMessage(1))]);
    expect(wire.said.slice(2, 5)).toEqual(["BEGIN IMMEDIATE", "ROLLBACK", "BEGIN IMMEDIATE"]);
    expect(wire.said.at(-1)).toBe("COMMIT");
    expect(db.prepare("SELECT count(*) FROM message").pluck().get()).toBe(3);
  });

  test("loses only the request that contradicts the store; the chain has no gap where it was", () => {
    const group = new GroupCommitter(connection(), new WriterOperations(db, new RedoRing(db)));
    const events = [1, 2, 3].map((at) => alertEvent(messageIdAt(1), null, at));
    const answers = group.run([
      accepting(sampleMessage(1, { events })),
      accepting(sampleMessage(1, { events })),
      accepting(sampleMessage(2, { events })),
    ]);
    expect(codesOf(answers)).toEqual(["done", "PST-SPL-062", "done"]);
    expect(db.prepare("SELECT seq FROM audit").pluck().all()).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("a disk error", () => {
  test("a full disk fails the whole group, nothing of it is stored, and the next group works once there is room", () => {
    const group = new GroupCommitter(connection(), new WriterOperations(db, new RedoRing(db)));
    db.pragma(`max_page_count = ${Number(db.pragma("page_count", { simple: true }))}`);
    const many = Array.from({ length: 60 }, (_, n) => accepting(sampleMessage(n)));
    expect(new Set(codesOf(group.run([counting(), ...many])))).toEqual(new Set(["PST-SPL-054"]));
    expect(db.prepare("SELECT count(*) FROM message").pluck().get()).toBe(0);
    expect(group.latched).toBeNull();
    db.pragma("max_page_count = 100000");
    expect(codesOf(group.run([accepting(sampleMessage(1))]))).toEqual(["done"]);
    expect(db.prepare("SELECT seq FROM audit").pluck().all()).toEqual([1]);
  });

  test.each(["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_WRITE", "SQLITE_CORRUPT"])(
    "%s at the commit fails the whole group and latches: nothing is taken afterwards",
    (code) => {
      let isBroken = true;
      const wire = connection((sql) => {
        if (sql === "COMMIT" && isBroken) throw sqliteError(code);
      });
      const group = new GroupCommitter(wire, new WriterOperations(db, new RedoRing(db)));
      const expected = code === "SQLITE_CORRUPT" ? "PST-SPL-060" : "PST-SPL-055";
      expect(codesOf(group.run([accepting(sampleMessage(1)), counting()]))).toEqual([expected, expected]);
      expect(db.inTransaction).toBe(false);
      expect(group.latched).toMatchObject({ code: expected, sqlite: code });
      isBroken = false;
      expect(codesOf(group.run([accepting(sampleMessage(2)), counting()]))).toEqual(["PST-SPL-056", "PST-SPL-056"]);
      expect(db.prepare("SELECT count(*) FROM message").pluck().get()).toBe(0);
    },
  );

  test("an error while rolling back latches, even where the first one alone would not", () => {
    const wire = connection((sql) => {
      if (sql === "COMMIT") throw sqliteError("SQLITE_FULL");
      if (sql === "ROLLBACK") throw sqliteError("SQLITE_ERROR");
    });
    const group = new GroupCommitter(wire, new WriterOperations(db, new RedoRing(db)));
    expect(codesOf(group.run([accepting(sampleMessage(1))]))).toEqual(["PST-SPL-054"]);
    expect(group.latched?.code).toBe("PST-SPL-055");
    db.exec("ROLLBACK");
  });
});
