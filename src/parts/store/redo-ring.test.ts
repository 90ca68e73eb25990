import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { arm } from "../../core/failpoint.ts";
import type { RedoRecord } from "../../core/blob-store.ts";
import { armFailpoints } from "../failpoint/arm-failpoints.ts";
import { RedoRing, RING_SLOTS } from "./redo-ring.ts";
import { openDatabase } from "./sqlite-database.ts";

let folder: string;
let path: string;
let db: Database;
let ring: RedoRing;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-redo-"));
  path = join(folder, "one.seg");
  writeFileSync(path, "head");
  ({ db } = openDatabase(join(folder, "state.db"), 0));
  ring = new RedoRing(db);
});
afterEach(() => {
  arm(null);
  ring.close();
  db.close();
  rmSync(folder, { recursive: true });
});

function keep(locator: string, position: number, record: Uint8Array): void {
  ring.keep(locator, { path, position, record });
}

function kept(): readonly RedoRecord[] {
  const records: RedoRecord[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page = ring.page(after);
    records.push(...page.records);
    after = page.next;
  }
  return records;
}

const failing = (name: string, action: "eio" | "enospc"): void =>
  armFailpoints([{ name, action, stallMs: 0, nth: 1, isOnce: true } as never]);

test("a record goes to its place, whatever lies before it, and into the ring", () => {
  keep("seg:a", 4, Buffer.from("one"));
  keep("seg:b", 9, Buffer.from("two"));
  expect(readFileSync(path, "latin1")).toBe("headone\0\0two");
  expect(kept()).toEqual([
    { locator: "seg:a", record: Buffer.from("one") },
    { locator: "seg:b", record: Buffer.from("two") },
  ]);
});

test.each([0, 1, 4_020, 4_027, 4_028, 4_040, 8_080, 32_808, 60_000])("a record of %i bytes comes back", (bytes) => {
  const record = randomBytes(bytes);
  keep("seg:a", 4, record);
  expect(kept()).toEqual([{ locator: "seg:a", record }]);
});

test("a record larger than a slot is refused", () => {
  expect(() => keep("seg:a", 4, Buffer.alloc(70_000))).toThrow("PST-SPL-062");
});

test("the ring keeps the newest records, however long those before them were", () => {
  const records = Array.from({ length: 3 * RING_SLOTS }, (_, n) => randomBytes(1 + ((n * 7_919) % 20_000)));
  for (const [n, record] of records.entries()) {
    keep(`seg:${n}`, 4 + 20_000 * n, record);
    if (ring.isSyncDue) ring.sync();
  }
  const found = new Map(kept().map(({ locator, record }) => [locator, Buffer.from(record)]));
  expect(found.size).toBe(RING_SLOTS);
  for (let n = 2 * RING_SLOTS; n < 3 * RING_SLOTS; n += 1) expect(found.get(`seg:${n}`)).toEqual(records[n]);
});

test("writing a full ring again changes the pages of the records and no others", () => {
  const write = (n: number): void => keep(`seg:${n % 10}`, 4, randomBytes(10_000));
  for (let n = 0; n < RING_SLOTS; n += 1) write(n);
  const pages = (): number => Number(db.pragma("page_count", { simple: true }));
  const before = pages();
  db.pragma("wal_checkpoint(TRUNCATE)");
  for (let n = 0; n < 10; n += 1) write(n);
  expect(pages()).toBe(before);
  // Each statement is a transaction of its own here: three chunks, three frames.
  const { size } = statSync(join(folder, "state.db-wal"));
  expect((size - 32) / (24 + 4_096)).toBe(10 * 3);
});

test("no slot is taken again before the body it held was synced", () => {
  for (let n = 0; n < RING_SLOTS; n += 1) keep(`seg:${n}`, 4 + n, Buffer.from("x"));
  expect(ring.isSyncDue).toBe(true);
  failing("record.before-sync", "eio");
  expect(() => keep("seg:next", 500, Buffer.from("x"))).toThrow("PST-SPL-001");
  expect(kept().map(({ locator }) => locator)).not.toContain("seg:next");
  expect(kept()).toHaveLength(RING_SLOTS);
});

test("a segment is synced before the next one is opened", () => {
  const other = join(folder, "two.seg");
  writeFileSync(other, "");
  keep("seg:a", 4, Buffer.from("one"));
  failing("record.before-sync", "eio");
  expect(() => ring.keep("seg:b", { path: other, position: 0, record: Buffer.from("two") })).toThrow("PST-SPL-001");
  expect(readFileSync(other, "latin1")).toBe("");
});

test.each([
  ["a full disk fails the body alone", () => failing("record.before-write", "enospc"), "PST-SPL-002"],
  ["a disk that fails is no matter of one mail", () => failing("record.before-write", "eio"), "PST-SPL-001"],
  ["nor is a segment that is gone", () => rmSync(path), "PST-SPL-001"],
] as const)("%s", (_what, happens, code) => {
  happens();
  expect(() => keep("seg:a", 4, Buffer.from("one"))).toThrow(code);
  expect(kept()).toEqual([]);
});

test("what is forgotten is gone", () => {
  keep("seg:a", 4, Buffer.from("one"));
  ring.forget();
  expect(ring.page(0)).toEqual({ records: [], next: null });
});
