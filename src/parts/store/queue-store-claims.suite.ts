/** Claims and leases of a QueueStore in examples; part of queue-store.suite.ts. */
import { expect, test } from "vitest";
import type { Lease, RecipientPatch } from "../../core/queue-store.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { Bench } from "./queue-store.suite.ts";
import { LEASE, recipientAt, sampleMessage, START, step, transition } from "./queue-store.samples.ts";

const LATER: Lease = { owner: "two", until: START + 600_000 };

export function describeClaims(bench: Bench): void {
  const claim = async (now = START, limit = 100, lease = LEASE): Promise<readonly RecipientId[]> =>
    (await bench.store.claim({ now, limit, lease })).recipients.map(({ id }) => id);
  const claimed = async (n: number, patch: RecipientPatch): Promise<void> => {
    await bench.store.accept(sampleMessage(n, { lease: LEASE }));
    await bench.store.commit(transition(step(recipientAt(n), 1, patch)), "durable");
  };

  test("the earliest due comes first, and what is not due stays", async () => {
    for (const [n, dueAt] of [
      [1, START + 30],
      [2, START + 10],
      [3, START + 20],
      [4, START + 99],
    ] as const) {
      await bench.store.accept(sampleMessage(n, { dueAt }));
    }
    expect(await claim(START + 50, 2)).toEqual([recipientAt(2), recipientAt(3)]);
    expect(await claim(START + 50)).toEqual([recipientAt(1)]);
    expect(await claim(START + 50)).toEqual([]);
  });

  test("recipients of one message are claimed together where the limit allows", async () => {
    await bench.store.accept(sampleMessage(1, { recipients: 3 }));
    await bench.store.accept(sampleMessage(2, { recipients: 2, dueAt: START + 1 }));
    await bench.store.accept(sampleMessage(3, { recipients: 1, dueAt: START + 2 }));
    expect(await claim(START + 9, 4)).toEqual([1, 2, 3].map((ordinal) => recipientAt(1, ordinal)));
    expect(await claim(START + 9, 1)).toEqual([recipientAt(2, 1)]);
    expect(await claim(START + 9)).toEqual([recipientAt(2, 2), recipientAt(3)]);
  });

  test("a recipient under a live lease is not handed out; when the lease ran out it is, with the next fence", async () => {
    await bench.store.accept(sampleMessage(1));
    expect(await claim()).toEqual([recipientAt(1)]);
    expect(await claim(LEASE.until - 1)).toEqual([]);
    const [again] = (await bench.store.claim({ now: LEASE.until, limit: 1, lease: LATER })).recipients;
    expect(again).toMatchObject({ fence: 2, lease: LATER });
    const late = await bench.store.commit(transition(step(recipientAt(1), 1, { state: "delivered" })), "durable");
    expect(late.stale).toEqual([recipientAt(1)]);
  });

  test("a renewed lease holds longer, also one that ran out; one that was taken over or given back is not renewed", async () => {
    const { store } = bench;
    await store.accept(sampleMessage(1));
    await claim();
    const renew = (fence: number, until: number) => store.renew([{ recipientId: recipientAt(1), fence }], until);
    await renew(1, LEASE.until + 50);
    await renew(9, LEASE.until + 500);
    expect(await claim(LEASE.until + 49)).toEqual([]);
    await renew(1, LEASE.until + 1000);
    expect(await claim(LEASE.until + 999)).toEqual([]);
    expect(await claim(LEASE.until + 1000, 1, LATER)).toEqual([recipientAt(1)]);
    await renew(1, LATER.until + 500);
    await store.commit(transition(step(recipientAt(1), 2, { lease: null })), "durable");
    await renew(2, LATER.until + 500);
    expect(await claim(LATER.until)).toEqual([recipientAt(1)]);
  });

  test("whatever has not ended is claimable when due and free, held at its deadline", async () => {
    const patches: readonly (readonly [RecipientPatch, number | null])[] = [
      [{ state: "received" }, START],
      [{ state: "ready" }, START],
      [{ state: "deferred", dueAt: START + 5 }, START + 5],
      [{ state: "held", deadlineAt: START + 5 }, START + 5],
      [{ state: "in_dialog" }, START],
      [{ state: "dot_sent" }, START],
      [{ state: "delivered" }, null],
      [{ state: "failed" }, null],
      [{ state: "cancelled" }, null],
    ];
    for (const [index, [patch]] of patches.entries()) await claimed(index, { ...patch, lease: null });
    const dueBy = (from: number, to: number): readonly RecipientId[] =>
      patches.flatMap(([, dueAt], n) => (dueAt !== null && dueAt >= from && dueAt <= to ? [recipientAt(n)] : []));
    expect(await claim(START + 4)).toEqual(dueBy(START, START + 4));
    expect(await claim(START + 5)).toEqual(dueBy(START + 5, START + 5));
    expect(await claim(START + 50_000)).toEqual([]);
  });

  test("nextDueAt is the earliest due time of what is free: due, or held until its deadline", async () => {
    const { store } = bench;
    expect(await store.nextDueAt()).toBeNull();
    await claimed(1, { state: "held", deadlineAt: START + 500, lease: null });
    expect(await store.nextDueAt()).toBe(START + 500);
    await claimed(2, { state: "deferred", dueAt: START + 300, lease: null });
    expect(await store.nextDueAt()).toBe(START + 300);
    await claimed(3, { state: "delivered" });
    await store.accept(sampleMessage(4, { dueAt: START + 1, lease: LEASE }));
    expect(await store.nextDueAt()).toBe(START + 300);
  });

  test("claimThese takes what is not due or held, but not what is leased or has ended", async () => {
    const { store } = bench;
    await claimed(1, { state: "held", deadlineAt: START + 500, lease: null });
    await claimed(2, { state: "deferred", dueAt: START + 300, lease: null });
    await claimed(3, { state: "ready" });
    await claimed(4, { state: "delivered" });
    const ids = [1, 2, 3, 4, 99].map((n) => recipientAt(n));
    const taken = await store.claimThese(ids, LATER, START);
    expect(taken.map(({ id, fence, state }) => [id, fence, state])).toEqual([
      [recipientAt(1), 2, "held"],
      [recipientAt(2), 2, "deferred"],
    ]);
  });
}
