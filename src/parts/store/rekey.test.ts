import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, expect, test } from "vitest";
import { FieldSealer } from "../keys/field-sealer.ts";
import { KeyRing } from "../keys/key-ring.ts";
import { openBlobStore } from "./blob-store.ts";
import { MIGRATIONS } from "./migrations.ts";
import {
  LEASE,
  manualClock,
  messageIdAt,
  recipientAt,
  sampleMessage,
  silentLog,
  START,
  step,
  transition,
} from "./queue-store.samples.ts";
import { SEALED_COLUMNS } from "./sealed-columns.ts";
import { openQueueReader } from "./sqlite-queue-reader.ts";
import { openQueueStore } from "./sqlite-queue-store.ts";

const folder = mkdtempSync(join(tmpdir(), "postern-rekey-"));
afterAll(() => rmSync(folder, { recursive: true }));

const key = (name: string) => ({ name, bytes: randomBytes(32) });
const old = { spool: key("old spool"), addresses: key("old addresses") };
const present = { spool: key("spool"), addresses: key("addresses") };
const path = join(folder, "gateway.db");

const openAll = async (keyRing: KeyRing) => {
  const store = await openQueueStore({
    path,
    owner: "test",
    sealer: new FieldSealer(keyRing),
    clock: manualClock(),
    log: silentLog,
  });
  return { store, blobs: await openBlobStore({ directory: join(folder, "spool"), keyRing }) };
};

test("after one pass nothing needs the keys of before: rows open, bodies read and addresses are found with the new keys alone", async () => {
  const before = await openAll(new KeyRing(old));
  const writer = before.blobs.create();
  await writer.write(Buffer.from("the body"));
  const body = await writer.seal();
  const message = sampleMessage(1);
  await before.store.accept({ ...message, submission: { ...message.submission, body } });
  await before.store.claim({ now: START, limit: 10, lease: LEASE });
  const reply = { code: 250, enhanced: "2.0.0", text: "fine" } as const;
  await before.store.commit(transition(step(recipientAt(1), 1, { lastReply: reply })), "durable");
  await before.store.close();
  await before.blobs.close();

  const both = new KeyRing({ ...present, previous: { spool: [old.spool], addresses: [old.addresses] } });
  const changing = await openAll(both);
  const [found] = await changing.store.recipients({ limit: 10 });
  const { localPart = "", domain = "" } = found?.recipient.mailbox ?? {};
  const address = `${localPart}@${domain}`;
  expect(await changing.store.recipients({ address, limit: 10 })).toHaveLength(1);
  const { signal } = new AbortController();
  expect(await changing.store.rekey(changing.blobs.rewrapper, signal)).toBeGreaterThan(3);
  expect(await changing.store.rekey(changing.blobs.rewrapper, signal)).toBe(0);
  await changing.store.close();
  await changing.blobs.close();

  const after = await openAll(new KeyRing(present));
  const stored = await after.store.message(messageIdAt(1));
  expect(await after.blobs.readAll(stored?.submission.body ?? body, 100)).toEqual(Buffer.from("the body"));
  expect(await after.store.recipients({ address, limit: 10 })).toMatchObject([{ lastReply: reply }]);
  await after.store.close();
  await after.blobs.close();
  const reader = openQueueReader({ path, sealer: new FieldSealer(new KeyRing(present)) });
  const ids = (await reader.keyUse()).map(({ role, id }) => `${role} ${id}`);
  reader.close();
  const ring = new KeyRing(present);
  expect(ids.toSorted()).toEqual([`addresses ${ring.id("addresses")}`, `spool ${ring.id("spool")}`]);
});

test("every sealed column of the schema is sealed anew", () => {
  const db = new Database(":memory:");
  for (const { sql } of MIGRATIONS) db.exec(sql);
  const columns = db
    .prepare(
      `SELECT t.name || '.' || c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
       WHERE t.type = 'table' AND c.name LIKE 'sealed%'`,
    )
    .pluck()
    .all() as string[];
  db.close();
  expect(columns.toSorted()).toEqual(Object.keys(SEALED_COLUMNS).toSorted());
});
