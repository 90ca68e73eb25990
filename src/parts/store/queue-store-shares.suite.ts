/** Fair shares and resting lanes of a QueueStore in examples and as a property; part of queue-store.suite.ts. */
import { array, assert, asyncProperty, integer, record } from "fast-check";
import { describe, expect, test } from "vitest";
import type { ClaimShares } from "../../core/queue-store.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { Bench } from "./queue-store.suite.ts";
import { LEASE, recipientAt, sampleMessage, START, step, transition } from "./queue-store.samples.ts";

const NOBODY_FULL: ClaimShares = {
  fullLanes: [],
  fullSenders: [],
  perLaneMax: 100,
  perSenderMax: 100,
  knownLanes: [],
  unknownMax: 100,
  perUnknownLaneMax: 100,
};

export function describeShares(bench: Bench): void {
  const claim = async (shares: Partial<ClaimShares> = {}, limit = 100, now = START): Promise<readonly RecipientId[]> =>
    (await bench.store.claim({ now, limit, lease: LEASE, shares: { ...NOBODY_FULL, ...shares } })).recipients.map(
      ({ id }) => id,
    );
  const accept = (n: number, sender: string, ...domains: readonly string[]): Promise<void> =>
    bench.store.accept(sampleMessage(n, { sender, domains, recipients: domains.length }));
  const laneOf = (domain: string): string => {
    const [lane = ""] = bench.store.sharesOf(sampleMessage(1, { domains: [domain] }).submission).lanes;
    return lane;
  };
  /** Tried before, in vain. */
  const deferred = async (n: number, domain: string, dueAt = START): Promise<void> => {
    await bench.store.accept(sampleMessage(n, { domains: [domain], lease: LEASE }));
    const patch = { state: "deferred", dueAt, attempts: 1, noticesSent: 1, lastHost: "mx", lease: null } as const;
    await bench.store.commit(transition(step(recipientAt(n), 1, patch)), "durable");
  };

  test("the domain, whatever its case and form, gives the lane; submitter and sender give the sender; neither shows", async () => {
    const { store } = bench;
    const sharesOf = (sender: string, ...domains: readonly string[]) =>
      store.sharesOf(sampleMessage(1, { sender, domains, recipients: domains.length }).submission);
    const { lanes, sender } = sharesOf("a", "B\u00fccher.example", "xn--bcher-kva.example", "b.example");
    expect(lanes[0]).toBe(lanes[1]);
    expect(lanes[2]).not.toBe(lanes[0]);
    expect(sharesOf("A", "b.example")).toEqual({ sender, lanes: [lanes[2]] });
    expect(sharesOf("b", "b.example").sender).not.toBe(sender);
    expect(`${sender} ${lanes.join()}`).toMatch(/^[0-9a-f, ]+$/);
    await accept(1, "a", "b.example");
    expect(await store.recipients({ limit: 1 })).toMatchObject([{ lane: lanes[2], sender }]);
  });

  test("a single mail of one sender is handed out beside thousands of another that were due before", async () => {
    for (let n = 1; n <= 20; n++) await accept(n, "blast", ...Array.from({ length: 10 }, (_, k) => `d${k}.example`));
    await bench.store.accept(sampleMessage(99, { sender: "single", dueAt: START + 1 }));
    const claims = await claim({ perSenderMax: 10 }, 20, START + 1);
    expect(claims).toContain(recipientAt(99));
    expect(claims).toHaveLength(11);
  });

  test("senders take turns: who was due first does not come first again before the others had theirs", async () => {
    for (const n of [1, 2, 3]) await accept(n, "a", "one.example");
    await bench.store.accept(sampleMessage(4, { sender: "b", dueAt: START + 1 }));
    const order: RecipientId[] = [];
    for (let claims = 0; claims < 4; claims += 1) order.push(...(await claim({}, 1, START + 1)));
    expect(order).toEqual([1, 4, 2, 3].map((n) => recipientAt(n)));
  });

  describe("beside a sender with more due lanes than one walk looks at", () => {
    const LANES = 1_100;
    /** Each lane due a millisecond after the one before, as pauses with jitter make them. */
    const acceptMany = async (first: number, lanes: number, perMessage = 1): Promise<void> => {
      const messages = Array.from({ length: Math.ceil(lanes / perMessage) }, (_, n) => {
        const domains = Array.from({ length: perMessage }, (_, k) => `d${n}-${k}.example`);
        return sampleMessage(first + n, { sender: "blast", domains, recipients: perMessage, dueAt: START + n });
      });
      await Promise.all(messages.map((message) => bench.store.accept(message)));
    };
    const late = START + 100_000;
    const claimLate = async (shares: Partial<ClaimShares>): Promise<{ ids: RecipientId[]; isWhole: boolean }> => {
      const lease = { ...LEASE, until: late + 60_000 };
      const query = { now: late, limit: 100, lease, shares: { ...NOBODY_FULL, ...shares } };
      const { recipients, isWhole } = await bench.store.claim(query);
      return { ids: recipients.map(({ id }) => id), isWhole };
    };

    test("one whose lane was full at its turn comes in the next round, not after the others' queue", async () => {
      await bench.store.accept(sampleMessage(1, { sender: "single", domains: ["alive.example"], dueAt: START - 1 }));
      await acceptMany(2, LANES);
      await bench.store.accept(sampleMessage(5_000, { sender: "last", dueAt: START + 50_000 }));
      const { ids } = await claimLate({ fullLanes: [laneOf("alive.example")], perSenderMax: 10 });
      expect(ids).toHaveLength(10);
      const handed: RecipientId[] = [];
      for (let walks = 0; walks < 2; walks += 1) handed.push(...(await claimLate({ perSenderMax: 10 })).ids);
      expect(handed).toEqual(expect.arrayContaining([recipientAt(1), recipientAt(5_000)]));
    });

    test("who is told that not all was looked at finds the rest with the next claim", async () => {
      await acceptMany(1, LANES, 100);
      const other = { sender: "single", domains: ["alive.example"], dueAt: START + 5_000 };
      await bench.store.accept(sampleMessage(99, other));
      const knownLanes = [laneOf("alive.example")];
      expect(await claimLate({ unknownMax: 0, knownLanes })).toEqual({ ids: [], isWhole: false });
      expect((await claimLate({ unknownMax: 0, knownLanes })).ids).toEqual([recipientAt(99)]);
    });

    test("more lanes than are looked at do not hide one that is known to answer", async () => {
      await acceptMany(1, 4_100, 100);
      const other = { sender: "blast", domains: ["alive.example"], dueAt: START + 5_000 };
      await bench.store.accept(sampleMessage(99, other));
      const knownLanes = [laneOf("alive.example")];
      expect((await claimLate({ unknownMax: 0, knownLanes })).ids).toEqual([recipientAt(99)]);
    });
  });

  test("a full lane and a full sender stay, the others go", async () => {
    await accept(1, "a", "full.example", "free.example");
    await accept(2, "b", "free.example");
    const full = laneOf("full.example");
    expect((await claim({ fullLanes: [full] })).toSorted()).toEqual([recipientAt(1, 2), recipientAt(2)]);
    await accept(3, "a", "free.example");
    await accept(4, "b", "free.example");
    const { sender } = bench.store.sharesOf(sampleMessage(3, { sender: "a" }).submission);
    expect(await claim({ fullSenders: [sender] })).toEqual([recipientAt(4)]);
    expect((await claim()).toSorted()).toEqual([recipientAt(1, 1), recipientAt(3)]);
  });

  test("lanes of which nothing is known get few each and few together, a known one all it may", async () => {
    const domains = ["new-1.example", "new-2.example", "new-3.example", "known.example"];
    const all = domains.flatMap((domain) => Array.from({ length: 5 }, () => domain));
    await Promise.all(all.map((domain, n) => accept(n + 1, "a", domain)));
    const knownLanes = [laneOf("known.example")];
    const lanes = (
      await bench.store.claim({
        now: START,
        limit: 100,
        lease: LEASE,
        shares: { ...NOBODY_FULL, knownLanes, unknownMax: 5, perUnknownLaneMax: 2 },
      })
    ).recipients.map(({ lane }) => lane);
    const counts = domains.map((domain) => lanes.filter((lane) => lane === laneOf(domain)).length);
    expect(counts.slice(0, 3).toSorted((a, b) => a - b)).toEqual([1, 2, 2]);
    expect(counts[3]).toBe(5);
  });

  test("no lane gets more out of one claim than it may", async () => {
    for (let n = 1; n <= 9; n++) await accept(n, `s${n % 3}`, "one.example", "two.example");
    expect(await claim({ perLaneMax: 4 })).toHaveLength(8);
    expect(await claim({ perLaneMax: 4 })).toHaveLength(8);
    expect(await claim({ perLaneMax: 4 })).toHaveLength(2);
  });

  test("a resting lane hands out nothing and says who waits; after its rest one probe goes, and all once it answers", async () => {
    const { store } = bench;
    for (const n of [1, 2, 3]) await deferred(n, "dead.example");
    await deferred(4, "alive.example");
    await store.rest(laneOf("dead.example"), START + 1000);
    expect(await claim()).toEqual([recipientAt(4)]);
    expect((await store.waiting({ now: START, limit: 2 })).map(({ id }) => id)).toEqual(
      [1, 2].map((n) => recipientAt(n)),
    );
    expect((await store.waiting({ now: START, limit: 9 }))[0]).toEqual({
      id: recipientAt(1),
      messageId: sampleMessage(1).submission.id,
      fence: 1,
      state: "deferred",
      attempts: 1,
      unmetSince: null,
      deadlineAt: null,
      noticesSent: 1,
      lastHost: "mx",
      receivedAt: START + 1,
      expiresAt: sampleMessage(1).expiresAt,
    });
    expect(await claim({}, 100, START + 1000)).toEqual([recipientAt(1)]);
    expect(await claim({}, 100, START + 1001)).toEqual([]);
    expect(await store.waiting({ now: START + 1001, limit: 9 })).toEqual([]);
    const over = sampleMessage(1).expiresAt;
    expect((await claim({}, 100, over)).toSorted()).toEqual([1, 4].map((n) => recipientAt(n)));
    expect((await store.waiting({ now: over, limit: 9 })).map(({ id }) => id)).toEqual(
      [2, 3].map((n) => recipientAt(n)),
    );
    await store.rest(laneOf("dead.example"), null);
    const later = { owner: "two", until: over + 1000 };
    expect((await store.claim({ now: over, limit: 9, lease: later })).recipients.map(({ id }) => id)).toContain(
      recipientAt(3),
    );
  });

  test("a rest that a jump of the clock made endless is over; who was put off waits no more", async () => {
    const { store } = bench;
    for (const n of [1, 2]) await deferred(n, "dead.example");
    await store.rest(laneOf("dead.example"), START + 60_000);
    await store.commit(transition(step(recipientAt(1), 1, { dueAt: START + 900_000 })), "ordered");
    expect((await store.waiting({ now: START, limit: 9 })).map(({ id }) => id)).toEqual([recipientAt(2)]);
    const dayBefore = START - 86_400_000;
    await bench.store.accept(sampleMessage(3, { domains: ["dead.example"], dueAt: dayBefore }));
    expect(await claim({}, 100, dayBefore)).toEqual([recipientAt(3)]);
  });

  test("nextDueAt is never later than what a claim would find", async () => {
    const { store } = bench;
    await deferred(1, "a.example", START + 700);
    await deferred(2, "b.example", START + 500);
    expect(await store.nextDueAt()).toBe(START + 500);
    expect(await claim({}, 100, START + 500)).toEqual([recipientAt(2)]);
    expect(await store.nextDueAt()).toBe(START + 700);
  });

  test("every due recipient whose lane and sender have room is claimed within as many claims as there are senders due", async () => {
    const mail = record({
      sender: integer({ min: 0, max: 5 }),
      domains: array(integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 }),
      dueInMs: integer({ min: 0, max: 50 }),
    });
    let used = 0;
    await assert(
      asyncProperty(
        array(mail, { minLength: 1, maxLength: 25 }),
        record({
          limit: integer({ min: 1, max: 12 }),
          perLaneMax: integer({ min: 1, max: 6 }),
          perSenderMax: integer({ min: 1, max: 8 }),
          full: integer({ min: 0, max: 4 }),
        }),
        async (mails, { limit, perLaneMax, perSenderMax, full }) => {
          const { store } = bench;
          const fullLanes = [laneOf(`d${full}.example`)];
          const expected = new Set<string>();
          for (const { sender, domains, dueInMs } of mails) {
            const n = ++used;
            const names = domains.map((domain) => `d${domain}.example`);
            await store.accept(
              sampleMessage(n, {
                sender: `s${sender}`,
                domains: names,
                recipients: names.length,
                dueAt: START + dueInMs,
              }),
            );
            domains.forEach((domain, index) => domain !== full && expected.add(recipientAt(n, index + 1)));
          }
          const claimed: RecipientId[] = [];
          let claims = 0;
          // Each claim looks at one sender at least and hands out one recipient at least of a sender that has any.
          const claimsMax = 6 * (1 + expected.size);
          while (claimed.length < expected.size && claims++ < claimsMax) {
            const some = await claim({ fullLanes, perLaneMax, perSenderMax }, limit, START + 50);
            expect(some.length).toBeLessThanOrEqual(limit);
            claimed.push(...some);
          }
          expect(new Set(claimed)).toEqual(expected);
          expect(claimed).toHaveLength(expected.size);
          // What stayed is the full lane's: taken out, so that the next example begins with an empty queue.
          while ((await claim({}, 100, START + 50)).length > 0);
        },
      ),
      { numRuns: 40 },
    );
  });
}
