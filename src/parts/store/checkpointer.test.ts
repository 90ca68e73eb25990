import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, expect, test } from "vitest";
import { eventually } from "../../../test/support/deliver-rig.ts";
import type { CheckpointArguments } from "./checkpoint-thread.ts";
import { Checkpointer } from "./checkpointer.ts";
import { openDatabase } from "./sqlite-database.ts";
import type { StoreError } from "./sqlite-store-error.ts";

const folder = mkdtempSync(join(tmpdir(), "postern-checkpointer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function rig(name: string) {
  const path = join(folder, name);
  const { db } = openDatabase(path, 0);
  db.exec("CREATE TABLE filler (text TEXT)");
  const moved: number[] = [];
  const failed: StoreError[] = [];
  const checkpointer = new Checkpointer({
    path,
    failpoints: [],
    onMoved: (frames) => moved.push(frames),
    onFailed: (error) => failed.push(error),
  });
  const write = (rows: number): void => {
    for (let row = 0; row < rows; row += 1) db.prepare("INSERT INTO filler VALUES (?)").run("x".repeat(3_000));
  };
  return { path, db, checkpointer, moved, failed, write };
}

test("what was written is moved into the database beside an open transaction of the writer", async () => {
  const { path, db, checkpointer, moved, failed, write } = rig("beside.db");
  write(100);
  db.exec("BEGIN IMMEDIATE");
  write(1);
  expect(checkpointer.move()).toBe(true);
  // A second wish while one is under way is the same wish.
  expect(checkpointer.move()).toBe(true);
  await eventually(() => moved.length > 0);
  db.exec("COMMIT");
  expect(moved).toHaveLength(1);
  expect(moved[0]).toBeGreaterThan(100);
  expect(failed).toEqual([]);
  expect(statSync(path).size).toBeGreaterThan(300_000);
  await checkpointer.close();
  db.close();
});

test("after its thread has ended the writer is told to do it itself, and a close without a thread is none", async () => {
  const { db, checkpointer, moved } = rig("ended.db");
  await checkpointer.close();
  checkpointer.move();
  await eventually(() => moved.length > 0);
  await checkpointer.close();
  expect(checkpointer.move()).toBe(false);
  await checkpointer.close();
  db.close();
});

test("the lock that keeps other programs from removing the log of a database in use stands, whatever the thread opens", async () => {
  const { path, db, checkpointer, moved, write } = rig("locked.db");
  const locks = (): readonly string[] =>
    readFileSync("/proc/locks", "latin1")
      .split("\n")
      .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${statSync(path).ino} `));
  expect(locks()).toHaveLength(1);
  write(1);
  checkpointer.move();
  await eventually(() => moved.length > 0);
  expect(locks()).toHaveLength(1);
  await checkpointer.close();
  expect(locks()).toHaveLength(1);
  db.close();
});

test("a database that cannot be synced is told as a failure of the disk", async () => {
  const { path, db } = rig("unsynced.db");
  const closed = 1_000_000;
  const workerData: CheckpointArguments = { path, file: closed, failpoints: [] };
  const thread = new Worker(new URL("./checkpoint-thread.ts", import.meta.url), { workerData });
  thread.postMessage("move", []);
  const [message] = (await once(thread, "message")) as unknown[];
  expect(message).toMatchObject({ kind: "failed", failure: { code: "PST-SPL-055" } });
  thread.postMessage("close", []);
  await once(thread, "exit");
  db.close();
});
