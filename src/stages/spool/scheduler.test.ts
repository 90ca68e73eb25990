import { afterEach, expect, test } from "vitest";
import { recipientIdOf, toMessageId } from "../../core/ids.ts";
import type { MessageId } from "../../core/ids.ts";
import type {
  Claimed,
  ClaimQuery,
  MessageShares,
  QueueStore,
  StoredMessage,
  StoredRecipient,
} from "../../core/queue-store.ts";
import { Scheduler } from "./scheduler.ts";
import type { SchedulerOptions, WorkOn } from "./scheduler.ts";

const FIRST = toMessageId("01J0000000000000000000000A");
const SECOND = toMessageId("01J0000000000000000000000B");
const options: SchedulerOptions = {
  owner: "test",
  leaseMs: 60_000,
  claimLimit: 10,
  inFlightRecipientsMax: 3,
  arrivalsShare: 0,
  laneShare: 1,
  senderShare: 1,
  recipientsPerDelivery: 100,
  windowInitial: 5,
  perUnknownLaneMax: 100,
  unknownMax: 1000,
  unknownMs: 30_000,
  unknownShare: 1,
  perLaneMax: 100,
  pollMsMax: 5,
  blockedMs: 5,
  gatherMs: 1,
  claimDuty: 1,
  quietMs: 1_000,
  retry: {
    scheduleMs: [60_000],
    jitterShare: 0,
    delayNoticesMs: [3_600_000],
    secureHoldMs: 0,
    ambiguousRetryMs: 0,
    holdDeadlineMs: 0,
  },
  portionMax: { quiet: 2, beside: 1 },
  portionPauseMs: 1,
  portionDuty: 1,
  lookMs: 1,
};

/** Only what the scheduler asks. */
class FakeQueue {
  due: StoredRecipient[] = [];
  readonly limits: number[] = [];
  failures = 0;
  /** Claims that end before all was looked at. */
  cut = 0;

  async claim({ limit }: ClaimQuery): Promise<Claimed> {
    this.limits.push(limit);
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error("busy");
    }
    if (this.cut > 0) {
      this.cut -= 1;
      return { recipients: [], isWhole: false };
    }
    return { recipients: this.due.splice(0, limit), isWhole: true };
  }

  async nextDueAt(): Promise<number | null> {
    return this.due.length > 0 ? 0 : null;
  }

  async renew(): Promise<void> {}
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let running: Scheduler | null = null;

function start(queue: FakeQueue, workOn: WorkOn, how: SchedulerOptions = options): Scheduler {
  const store = queue as unknown as QueueStore;
  const clock = { now: () => 0, monotonic: () => 0 };
  running = new Scheduler(how, { store, workOn, log: silent, clock, chance: () => 0.5 });
  running.start();
  return running;
}

afterEach(async () => {
  await running?.stop();
  running = null;
});

function recipient(messageId: MessageId, ordinal: number): StoredRecipient {
  const shares = { lane: "lane", sender: "sender" };
  return { id: recipientIdOf(messageId, ordinal), messageId, fence: 1, lease: null, ...shares } as StoredRecipient;
}

function arriving(recipients: number): MessageShares {
  return { sender: "sender", lanes: Array.from({ length: recipients }, () => "lane") };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isTrue(); i++) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(isTrue()).toBe(true);
}

test("recipients of one message are worked on together", async () => {
  const queue = new FakeQueue();
  queue.due = [recipient(FIRST, 1), recipient(SECOND, 1), recipient(FIRST, 2)];
  const seen: string[] = [];
  start(queue, async (messageId, claims) => void seen.push(`${messageId} ${claims.length}`));
  await until(() => seen.length === 2);
  expect(seen.toSorted()).toEqual([`${FIRST} 2`, `${SECOND} 1`]);
});

test("no more than the limit is in flight, and the rest stays in the queue until there is room", async () => {
  const queue = new FakeQueue();
  queue.due = [1, 2, 3, 4, 5].map((n) => recipient(FIRST, n));
  const { promise, resolve } = Promise.withResolvers<void>();
  const scheduler = start(queue, () => promise);
  await until(() => scheduler.inFlight === 3);
  expect(queue.due).toHaveLength(2);
  expect(scheduler.reserve(arriving(1))).toBeNull();
  resolve();
  await until(() => queue.due.length === 0 && scheduler.inFlight === 0);
  const places = scheduler.reserve(arriving(2));
  expect(places?.lease).toEqual({ owner: "test", until: 60_000 });
  expect(scheduler.reserve(arriving(2))).toBeNull();
  places?.giveBack();
  expect(scheduler.reserve(arriving(3))).not.toBeNull();
});

test("work that throws frees its place and the queue goes on", async () => {
  const queue = new FakeQueue();
  queue.due = [recipient(FIRST, 1), recipient(SECOND, 1)];
  let calls = 0;
  const scheduler = start(queue, async () => {
    calls += 1;
    throw new Error("broken");
  });
  await until(() => calls === 2 && scheduler.inFlight === 0);
  expect(queue.due).toEqual([]);
});

test("a claim that fails is tried again", async () => {
  const queue = new FakeQueue();
  queue.failures = 2;
  queue.due = [recipient(FIRST, 1)];
  let calls = 0;
  start(queue, async () => void (calls += 1));
  await until(() => calls === 1);
  expect(queue.failures).toBe(0);
});

test("stop waits for what is in flight and claims nothing more", async () => {
  const queue = new FakeQueue();
  queue.due = [recipient(FIRST, 1)];
  const { promise, resolve } = Promise.withResolvers<void>();
  let isDone = false;
  const scheduler = start(queue, async () => {
    await promise;
    isDone = true;
  });
  await until(() => scheduler.inFlight === 1);
  const stopped = scheduler.stop();
  queue.due = [recipient(SECOND, 1)];
  resolve();
  await stopped;
  expect(isDone).toBe(true);
  expect(queue.due).toHaveLength(1);
  expect(scheduler.reserve(arriving(1))).toBeNull();
});

test("a recipient claimed again while others of its message are still worked on keeps its lease", async () => {
  const queue = new FakeQueue();
  const { promise: slow, resolve: endSlow } = Promise.withResolvers<void>();
  const { promise: again, resolve: endAgain } = Promise.withResolvers<void>();
  queue.due = [recipient(FIRST, 1), recipient(FIRST, 2)];
  let passes = 0;
  const scheduler = start(queue, () => {
    passes += 1;
    return passes === 1 ? slow : again;
  });
  await until(() => scheduler.inFlight === 2);
  queue.due = [{ ...recipient(FIRST, 1), fence: 2 }];
  scheduler.wake();
  await until(() => passes === 2);
  endSlow();
  await until(() => scheduler.inFlight < 2);
  expect(scheduler.inFlight).toBe(1);
  endAgain();
  await until(() => scheduler.inFlight === 0);
});

test("who is settled gives place and lease back while others of the message are still worked on", async () => {
  const queue = new FakeQueue();
  const { promise, resolve } = Promise.withResolvers<void>();
  queue.due = [1, 2, 3, 4].map((n) => recipient(FIRST, n));
  const scheduler = start(queue, () => promise);
  await until(() => scheduler.inFlight === 3);
  scheduler.settled([recipient(FIRST, 1), { ...recipient(FIRST, 2), fence: 9 }]);
  await until(() => queue.due.length === 0);
  expect(scheduler.inFlight).toBe(3);
  resolve();
  await until(() => scheduler.inFlight === 0);
  expect(scheduler.reserve(arriving(3))).not.toBeNull();
});

test.each([
  ["jumps ahead by a day", 86_400_000],
  ["falls back by an hour", -3_600_000],
])(
  "when the clock %s, who is worked on is renewed before anything is claimed, and never claimed twice",
  async (_, jumpMs) => {
    const queue = new FakeQueue();
    const { promise, resolve } = Promise.withResolvers<void>();
    let now = 1_000_000;
    queue.due = [{ ...recipient(FIRST, 1), lease: { owner: "test", until: now + 60_000 } }];
    const calls: string[] = [];
    const store = {
      claim: async (query: ClaimQuery) => {
        calls.push(`claim at ${query.now - 1_000_000}`);
        return queue.claim(query);
      },
      nextDueAt: async () => null,
      renew: async (claims: readonly unknown[], until: number) => {
        calls.push(`renew ${claims.length} until ${until - 1_000_000}`);
      },
    } as unknown as QueueStore;
    const clock = { now: () => now, monotonic: () => 0 };
    const how = { ...options, pollMsMax: 60_000 };
    running = new Scheduler(how, { store, workOn: () => promise, log: silent, clock, chance: () => 0.5 });
    running.start();
    await until(() => running?.inFlight === 1);
    await new Promise((done) => setTimeout(done, 5));
    calls.length = 0;
    now += jumpMs;
    running.wake();
    await until(() => calls.some((call) => call.startsWith("claim")));
    const renewal = jumpMs > 0 ? [`renew 1 until ${jumpMs + 60_000}`] : [];
    expect(calls.slice(0, 1 + renewal.length)).toEqual([...renewal, `claim at ${jumpMs}`]);
    resolve();
  },
);

test("a queue that cannot be read is not asked without pause", async () => {
  const queue = new FakeQueue();
  queue.failures = 1_000_000;
  queue.due = [recipient(FIRST, 1)];
  const scheduler = start(queue, async () => {}, { ...options, pollMsMax: 60_000 });
  await until(() => queue.limits.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(queue.limits).toHaveLength(1);
  queue.failures = 0;
  scheduler.wake();
  await until(() => queue.due.length === 0);
});

test("a claim that found nothing and did not look at all is followed by the next, as if nothing were blocked", async () => {
  const queue = new FakeQueue();
  queue.cut = 5;
  queue.due = [recipient(FIRST, 1)];
  start(queue, async () => undefined, { ...options, blockedMs: 60_000, pollMsMax: 60_000 });
  await until(() => queue.due.length === 0);
  expect(queue.limits.length).toBeGreaterThan(5);
});

test("mail that passes by makes nobody look again at a queue of which nothing may go", async () => {
  const queue = new FakeQueue();
  queue.nextDueAt = async () => 0;
  const slow = { ...options, inFlightRecipientsMax: 100, blockedMs: 60_000, pollMsMax: 60_000 };
  const scheduler = start(queue, async () => undefined, slow);
  const claims = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, 40));
    return queue.limits.length;
  };
  expect(await claims()).toBe(1);
  const passBy = async (known: StoredMessage | null): Promise<void> => {
    scheduler.dispatch(FIRST, [recipient(FIRST, 1)], known);
    await until(() => scheduler.inFlight === 0);
  };
  for (let mail = 0; mail < 5; mail++) await passBy({} as StoredMessage);
  expect(await claims()).toBe(1);
  // What came from the queue made room in it.
  await passBy(null);
  expect(await claims()).toBe(2);
});
