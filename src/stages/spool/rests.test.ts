import { afterEach, expect, test } from "vitest";
import { recipientIdOf, toMessageId } from "../../core/ids.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { Transition, WaitingRecipient } from "../../core/queue-store.ts";
import { Rests } from "./rests.ts";

const messageId = toMessageId("01J0000000000000000000000A");
const HOUR = 3_600_000;

/** Only what a rest asks; a recipient that was put off or taken waits no more. */
class FakeQueue {
  due: WaitingRecipient[] = [];
  readonly told: [string, number | null][] = [];
  readonly commits: Transition[] = [];
  failures = 0;

  async rest(lane: string, until: number | null): Promise<void> {
    this.told.push([lane, until]);
  }

  async waiting({ limit }: { limit: number }): Promise<readonly WaitingRecipient[]> {
    if (this.failures-- > 0) throw new Error("busy");
    return this.due.slice(0, limit);
  }

  async commit(transition: Transition): Promise<{ stale: []; children: [] }> {
    this.commits.push(transition);
    this.take(transition.recipients.map(({ recipientId }) => recipientId));
    return { stale: [], children: [] };
  }

  take(ids: readonly RecipientId[]): void {
    this.due = this.due.filter(({ id }) => !ids.includes(id));
  }
}

let running: Rests | null = null;
afterEach(() => running?.stop());

function rig({ isQuiet = true, tookMs = 0, portionDuty = 1 } = {}) {
  const queue = new FakeQueue();
  const worked: RecipientId[] = [];
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const retry = {
    scheduleMs: [60_000],
    jitterShare: 0,
    delayNoticesMs: [HOUR],
    secureHoldMs: 0,
    ambiguousRetryMs: 0,
    holdDeadlineMs: 0,
  } as const;
  const workOn = async (ids: readonly RecipientId[]): Promise<void> => {
    worked.push(...ids);
    queue.take(ids);
  };
  // Each look at the time takes as long as a portion does.
  let monotonic = 0;
  const clock = { now: () => 2 * HOUR, monotonic: () => (monotonic += tookMs) };
  const deps = { store: queue, clock, chance: () => 0.5, log, isQuiet: () => isQuiet, workOn };
  running = new Rests({ retry, portionMax: { quiet: 50, beside: 5 }, portionPauseMs: 1, portionDuty, lookMs: 1 }, deps);
  return { queue, worked, rests: running };
}

function waiting(ordinal: number, noticesSent = 1): WaitingRecipient {
  const id = recipientIdOf(messageId, ordinal);
  const stands = { state: "deferred", attempts: 1, unmetSince: null, deadlineAt: null, lastHost: null } as const;
  return { id, messageId, fence: 1, noticesSent, receivedAt: 0, expiresAt: 48 * HOUR, ...stands };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isTrue(); i++) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(isTrue()).toBe(true);
}

test("a thousand recipients of a dead destination are put off in twenty transactions, without one attempt", async () => {
  const { queue, rests, worked } = rig();
  queue.due = Array.from({ length: 1000 }, (_, n) => waiting(n + 1));
  await rests.learn("lane", { kind: "rests", forMs: 60_000 });
  await until(() => queue.due.length === 0);
  expect(queue.commits).toHaveLength(20);
  expect(queue.commits.flatMap(({ recipients }) => recipients.flatMap(({ events }) => events))).toHaveLength(1000);
  expect(worked).toEqual([]);
});

test("who must be told of goes through the pipeline", async () => {
  const { queue, rests, worked } = rig();
  queue.due = [waiting(1), waiting(2, 0)];
  await rests.learn("lane", { kind: "rests", forMs: 60_000 });
  await until(() => queue.due.length === 0);
  expect(worked).toEqual([recipientIdOf(messageId, 2)]);
});

test("the store hears of each change once, and that a lane answers only where it rested", async () => {
  const { queue, rests } = rig();
  for (const forMs of [60_000, 60_001, 59_000]) await rests.learn("a", { kind: "rests", forMs });
  await rests.learn("b", { kind: "answers", window: 5 });
  await rests.learn("b", { kind: "unknown" });
  await rests.learn("a", { kind: "rests", forMs: 120_000 });
  for (const window of [1, 2]) await rests.learn("a", { kind: "answers", window });
  expect(queue.told).toEqual([
    ["a", 2 * HOUR + 60_000],
    ["a", 2 * HOUR + 120_000],
    ["a", null],
  ]);
  expect(rests.size).toBe(0);
});

test("a queue that cannot be read for a while is asked again", async () => {
  const { queue, rests } = rig();
  queue.failures = 3;
  queue.due = [waiting(1)];
  await rests.learn("lane", { kind: "rests", forMs: 60_000 });
  await until(() => queue.due.length === 0);
  expect(queue.commits).toHaveLength(1);
});

test("beside mail that comes in portions are small and take a share of the time, and follow closely once none does", async () => {
  const hour = { tookMs: 3_600, portionDuty: 1 / 1_000 };
  const busy = rig({ ...hour, isQuiet: false });
  const quiet = rig({ ...hour, isQuiet: true });
  for (const { queue, rests } of [busy, quiet]) {
    queue.due = Array.from({ length: 200 }, (_, n) => waiting(n + 1));
    await rests.learn("lane", { kind: "rests", forMs: 60_000 });
  }
  await until(() => quiet.queue.due.length === 0);
  expect(busy.queue.commits.map(({ recipients }) => recipients.length)).toEqual([5]);
  await busy.rests.stop();
});
