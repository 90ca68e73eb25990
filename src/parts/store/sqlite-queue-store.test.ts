import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, expect, test } from "vitest";
import { describeQueueStore } from "./queue-store.suite.ts";
import { LEASE, manualClock, recipientAt, sampleMessage, silentLog, testSealer } from "./queue-store.samples.ts";
import { openQueueStore } from "./sqlite-queue-store.ts";

const folder = mkdtempSync(join(tmpdir(), "postern-queue-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let stores = 0;
const nextPath = (): string => join(folder, `gateway-${++stores}.db`);

describeQueueStore("sqlite", ({ clock, sealer }) =>
  openQueueStore({ path: nextPath(), owner: "suite", sealer, clock, log: silentLog }),
);

test("accept is refused while too many requests wait for the disk, and taken again afterwards", async () => {
  const options = { path: nextPath(), owner: "suite", sealer: testSealer(), clock: manualClock(), log: silentLog };
  const store = await openQueueStore({ ...options, waitingRequestsMax: 2 });
  const results = await Promise.allSettled([1, 2, 3].map((n) => store.accept(sampleMessage(n))));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  expect(results[2]).toMatchObject({ reason: { code: "PST-SPL-058" } });
  await store.accept(sampleMessage(3));
  await store.close();
});

test("a database opened with another key refuses its fields by row, not by content", async () => {
  const options = { path: nextPath(), owner: "suite", clock: manualClock(), log: silentLog };
  const written = await openQueueStore({ ...options, sealer: testSealer() });
  await written.accept(sampleMessage(1, { lease: LEASE }));
  await written.close();
  const read = await openQueueStore({ ...options, sealer: testSealer("another key") });
  await expect(read.recipients({ limit: 1 })).rejects.toThrow(/PST-SPL-061.*\(recipient 01HSAMPXE0+1\.1\)/);
  await read.close();
});

test("sealed text moved to another row is not opened there", async () => {
  const path = nextPath();
  const options = { path, owner: "suite", sealer: testSealer(), clock: manualClock(), log: silentLog };
  const written = await openQueueStore(options);
  await written.accept(sampleMessage(1, { recipients: 2 }));
  await written.close();
  const db = new Database(path);
  db.exec("UPDATE recipient SET sealed = (SELECT sealed FROM recipient WHERE ordinal = 1) WHERE ordinal = 2");
  db.close();
  const told: unknown[] = [];
  const log = { ...silentLog, error: (...line: unknown[]) => void told.push(line) };
  const alerts: unknown[] = [];
  const read = await openQueueStore({ ...options, log, onUnreadable: (facts) => void alerts.push(facts) });
  await expect(read.recipients({ limit: 2 })).rejects.toThrow(/PST-SPL-061.*\.2\)/);
  // What was claimed with it is handed out all the same.
  const { recipients: claims } = await read.claim({
    now: LEASE.until,
    limit: 10,
    lease: { ...LEASE, until: 2 * LEASE.until },
  });
  expect(claims.map(({ id }) => id.slice(-2))).toEqual([".1"]);
  expect(told).toMatchObject([["recipient_unreadable", { code: "PST-SPL-061" }]]);
  // It is held for a person, in the audit, and not handed out again before its deadline, at which it ends.
  const unreadable = { recipient: recipientAt(1, 2), code: "PST-SPL-061" };
  expect(alerts).toEqual([unreadable]);
  expect((await read.counts()).byState).toEqual({ received: 1, held: 1 });
  const deadlineAt = LEASE.until + 72 * 3_600_000;
  const end = async (now: number) =>
    (await read.claim({ now, limit: 10, lease: { owner: "x", until: now + 1 } })).recipients;
  expect(await end(deadlineAt - 1)).toEqual([]);
  expect((await read.counts()).byState).toEqual({ received: 1, held: 1 });
  expect(await end(deadlineAt)).toEqual([]);
  expect((await read.counts()).byState).toEqual({ received: 1, failed: 1 });
  expect(alerts).toEqual([unreadable, unreadable]);
  const rows = (await read.auditPage(1, 20)).filter(({ recipientId }) => recipientId === recipientAt(1, 2));
  expect(rows.map(({ kind }) => kind)).toEqual(["held", "alert", "failed", "alert"]);
  await read.close();
});
