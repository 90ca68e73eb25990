import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, expect, test } from "vitest";
import { RECIPIENT_STATES, isTerminal } from "../../core/recipient-state.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import { MIGRATIONS, schemaVersion } from "./migrations.ts";
import { openDatabase } from "./sqlite-database.ts";
import { openQueueStore } from "./sqlite-queue-store.ts";
import {
  manualClock,
  messageIdAt,
  recipientAt,
  sampleMessage,
  silentLog,
  START,
  testSealer,
} from "./queue-store.samples.ts";

const folder = mkdtempSync(join(tmpdir(), "postern-migration-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LEASED: readonly RecipientState[] = ["in_dialog", "dot_sent"];

/** A database as schema 1 wrote it, with one message for each state; what is sealed is opened by no step of this test. */
function writeSchema1(path: string): void {
  const { db } = openDatabase(path, START, MIGRATIONS.slice(0, 1));
  const sealer = testSealer();
  for (const [n, state] of RECIPIENT_STATES.entries()) {
    const id = messageIdAt(n);
    db.prepare("INSERT INTO message VALUES (?, 'relay', ?, ?, 'ab', ?, 'sealed', NULL, ?)").run(
      id,
      START + n,
      START + 9e8,
      `body-${n}`,
      isTerminal(state) ? START : null,
    );
    db.prepare("INSERT INTO blob VALUES (?, ?, 4000, 'key')").run(`body-${n}`, id);
    const [recipient] = sampleMessage(n).submission.recipients;
    const isLeased = LEASED.includes(state);
    db.prepare(
      `INSERT INTO recipient (id, message_id, ordinal, address_index, sealed, state, fence, due_at, deadline_at, lease_owner,
         lease_until, ended_at) VALUES (?, ?, 1, 'index', ?, ?, 3, ?, ?, ?, ?, ?)`,
    ).run(
      recipientAt(n),
      id,
      sealer.seal(JSON.stringify(recipient), `recipient ${recipientAt(n)}`),
      state,
      START + n,
      state === "held" ? START + 500 : null,
      isLeased ? "before" : null,
      isLeased ? START + 60_000 : null,
      isTerminal(state) ? START : null,
    );
  }
  db.close();
}

test("a queue written by schema 1 is taken over whole: backed up, every open recipient is found when due, nothing else is", async () => {
  const path = join(folder, "gateway.db");
  writeSchema1(path);
  const store = await openQueueStore({
    path,
    owner: "after",
    sealer: testSealer(),
    clock: manualClock(),
    log: silentLog,
  });
  const backup = new Database(`${path}.schema-1.20231114T221320Z.backup`, { readonly: true });
  expect(schemaVersion(backup)).toBe(1);
  expect(backup.prepare("SELECT count(*) FROM recipient").pluck().get()).toBe(RECIPIENT_STATES.length);
  backup.close();
  const before = await store.counts();
  expect(Object.values(before.byState)).toEqual(RECIPIENT_STATES.map(() => 1));

  expect(await store.nextDueAt()).toBe(START);
  expect(await store.recover({ now: START, ambiguousDueAt: START + 300 })).toEqual({ resumed: 1, ambiguous: 1 });
  const lease = { owner: "after", until: START + 900 };
  const claimedBy = async (now: number): Promise<readonly string[]> =>
    (await store.claim({ now, limit: 100, lease })).recipients
      .map(({ id, state }) => `${id.slice(-3)} ${state}`)
      .toSorted();
  expect(await claimedBy(START + 100)).toEqual(["0.1 received", "1.1 ready", "2.1 ready", "4.1 deferred"]);
  expect(await claimedBy(START + 300)).toEqual(["3.1 deferred"]);
  expect(await claimedBy(START + 500)).toEqual(["5.1 held"]);
  expect(await store.nextDueAt()).toBeNull();
  await store.accept(sampleMessage(50));
  expect(await claimedBy(START + 501)).toEqual(["0.1 received"]);
  await store.close();
});
