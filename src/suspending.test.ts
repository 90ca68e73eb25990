import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RecipientId } from "./core/ids.ts";
import type { DeliveryRequest } from "./core/stages.ts";
import {
  LEASE,
  manualClock,
  messageIdAt,
  recipientAt,
  sampleMessage,
  silentLog,
  START,
  step,
  testSealer,
  transition,
} from "./parts/store/queue-store.samples.ts";
import { openQueueStore } from "./parts/store/sqlite-queue-store.ts";
import type { SqliteQueueStore } from "./parts/store/sqlite-queue-store.ts";
import { Suspending } from "./suspending.ts";

const HOUR_MS = 3_600_000;
const TO = { side: "to", pattern: "rcpt.example" } as const;
const BY = { actor: { user: "olga", uid: 1, sudoUser: null }, reason: "their migration" };
const FIRST = recipientAt(1);

let folder: string;
let store: SqliteQueueStore;
let suspending: Suspending;
const clock = manualClock();
const inHand = new Set<RecipientId>();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-suspending-"));
  store = await openQueueStore({
    path: join(folder, "gateway.db"),
    owner: "one",
    sealer: testSealer(),
    clock,
    log: silentLog,
  });
  suspending = new Suspending({
    store,
    record: async () => undefined,
    lease: () => ({ owner: "one", until: clock.now() + 60_000 }),
    wake: () => undefined,
    isWorkedOn: (id) => inHand.has(id),
    clock,
    log: silentLog,
  });
  inHand.clear();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** As pipeline does: asks for the delivery of a message that was just accepted. */
async function waitsUntil(): Promise<number | undefined> {
  const { submission } = sampleMessage(1);
  const recipients = submission.recipients.map((recipient) => ({ id: FIRST, recipient }));
  const deliver = suspending.deliver(async () => {
    throw new Error("nobody is dialled");
  });
  const { outcomes } = await deliver({ envelope: submission.envelope, recipients } as unknown as DeliveryRequest);
  const outcome = outcomes.get(FIRST);
  return outcome?.kind === "deferred" ? outcome.waitsUntil : undefined;
}

async function look(): Promise<{ readonly dueAt: number | undefined; readonly kept: number }> {
  await suspending.letGo(new AbortController().signal);
  const [row] = await store.recipients({ messageId: messageIdAt(1), limit: 1 });
  const { facts } = await store.domainFacts.list("suspended", { after: null, limit: 10 });
  return { dueAt: row?.dueAt, kept: facts.length };
}

test("mail that two suspensions make wait waits for the later end", async () => {
  await suspending.suspend({ ...TO, ...BY, until: START + HOUR_MS });
  await suspending.suspend({ side: "from", pattern: "sender.example", ...BY, until: START + 2 * HOUR_MS });
  expect(await waitsUntil()).toBe(START + 2 * HOUR_MS);
});

test("who was told to wait, and is written only after the suspension was lifted, is let go too", async () => {
  await store.accept(sampleMessage(1, { lease: LEASE }));
  inHand.add(FIRST);
  await suspending.suspend({ ...TO, ...BY, until: START + HOUR_MS });
  const dueAt = await waitsUntil();
  expect(dueAt).toBe(START + HOUR_MS);
  clock.advance(1);
  await suspending.resume({ ...TO, ...BY });
  // Nobody waits in the queue yet; the suspension is not forgotten.
  expect((await look()).kept).toBe(1);
  const put = { state: "deferred", lastCode: "PST-PIP-010", dueAt: START + HOUR_MS, lease: null } as const;
  await store.commit(transition(step(FIRST, 1, put)), "ordered");
  inHand.delete(FIRST);
  expect(await look()).toEqual({ dueAt: clock.now(), kept: 0 });
});
