/** The behaviour every QueueStore has, whatever it is built on: core/queue-store.ts in examples. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Clock } from "../../core/clock.ts";
import { messageIdOf } from "../../core/ids.ts";
import type { QueueStore, StoredRecipient } from "../../core/queue-store.ts";
import type { Sealer } from "../../core/sealer.ts";
import type { AuditSource } from "./audit-chain.ts";
import { describeApprovals } from "./queue-store-approvals.suite.ts";
import { describeScans } from "./queue-store-scan.suite.ts";
import { describeShares } from "./queue-store-shares.suite.ts";
import { describeClaims } from "./queue-store-claims.suite.ts";
import {
  alertEvent,
  causing,
  dsnOf,
  LEASE,
  manualClock,
  messageIdAt,
  recipientAt,
  sampleBlob,
  sampleFindings,
  sampleMessage,
  samplePlan,
  sampleVariant,
  START,
  step,
  testSealer,
  transition,
} from "./queue-store.samples.ts";

export type StoreUnderTest = QueueStore & AuditSource;
export type OpenStore = (deps: { clock: Clock; sealer: Sealer }) => Promise<StoreUnderTest>;
export type Bench = { store: StoreUnderTest; clock: ReturnType<typeof manualClock> };

export function describeQueueStore(name: string, open: OpenStore): void {
  const bench = {} as Bench;
  beforeEach(async () => {
    bench.clock = manualClock();
    bench.store = await open({ clock: bench.clock, sealer: testSealer() });
  });
  afterEach(() => bench.store.close());

  describe(`${name}: accepting and reading back`, () => {
    describeAccept(bench);
  });
  describe(`${name}: claims and leases`, () => {
    describeClaims(bench);
  });
  describe(`${name}: fair shares and resting lanes`, () => {
    describeShares(bench);
  });
  describe(`${name}: scans`, () => {
    describeScans(bench);
  });
  describe(`${name}: requests for approval`, () => {
    describeApprovals(bench);
  });
  describe(`${name}: transitions`, () => {
    describeCommit(bench);
  });
  describe(`${name}: recovery and forgetting`, () => {
    describeEndings(bench);
  });
}

async function only(store: QueueStore, n: number, ordinal = 1): Promise<StoredRecipient> {
  const found = (await store.recipients({ messageId: messageIdAt(n), limit: 10 }))[ordinal - 1];
  if (found === undefined) throw new Error(`recipient ${ordinal} of sample ${n} is not there`);
  return found;
}

function describeAccept(bench: Bench): void {
  test("a message reads back as it was accepted, with its recipients in RCPT order", async () => {
    const { store } = bench;
    const accepted = sampleMessage(1, { recipients: 3 });
    await store.accept(accepted);
    const { recipients, ...submission } = accepted.submission;
    expect(await store.message(messageIdAt(1))).toEqual({
      submission,
      expiresAt: accepted.expiresAt,
      findings: null,
      variants: [],
    });
    const stored = await store.recipients({ messageId: messageIdAt(1), limit: 10 });
    expect(stored.map(({ recipient }) => recipient)).toEqual(recipients);
    expect(stored.map(({ id, state, fence, lease }) => [id, state, fence, lease])).toEqual([
      [recipientAt(1, 1), "received", 0, null],
      [recipientAt(1, 2), "received", 0, null],
      [recipientAt(1, 3), "received", 0, null],
    ]);
  });

  test("a message accepted with a lease is claimed at birth with fence 1", async () => {
    const { store } = bench;
    await store.accept(sampleMessage(1, { lease: LEASE }));
    expect(await only(store, 1)).toMatchObject({ fence: 1, lease: LEASE });
    expect(await store.claim({ now: START, limit: 10, lease: LEASE })).toEqual({ recipients: [], isWhole: true });
  });

  test("the same message id twice is refused, and the refusal leaves others of the group alone", async () => {
    const { store } = bench;
    const results = await Promise.allSettled([1, 1, 2].map((n) => store.accept(sampleMessage(n))));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await store.counts()).toEqual({
      byState: { received: 2 },
      oldestReceivedAt: START + 1,
      queuedBytes: 8000,
    });
    expect((await store.auditPage(1, 10)).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("a message without recipients is refused: nothing would ever end it", async () => {
    await expect(bench.store.accept(sampleMessage(1, { recipients: 0 }))).rejects.toThrow("PST-SPL-062");
  });

  test("recipients are found by exact address whatever its case, by state, by message, and up to a limit", async () => {
    const { store } = bench;
    await store.accept(sampleMessage(1, { recipients: 2 }));
    await store.accept(sampleMessage(2));
    const find = async (filter: Parameters<QueueStore["recipients"]>[0]) =>
      (await store.recipients(filter)).map(({ id }) => id);
    expect(await find({ address: "Canary-Recipient-1-2@RCPT.example", limit: 10 })).toEqual([recipientAt(1, 2)]);
    expect(await find({ address: "nobody@rcpt.example", limit: 10 })).toEqual([]);
    expect(await find({ states: ["held", "received"], limit: 10 })).toHaveLength(3);
    expect(await find({ states: ["held"], limit: 10 })).toEqual([]);
    expect(await find({ messageId: messageIdAt(2), limit: 10 })).toEqual([recipientAt(2)]);
    expect(await find({ limit: 2 })).toEqual([recipientAt(1, 1), recipientAt(1, 2)]);
  });

  test("an unknown message is null", async () => {
    expect(await bench.store.message(messageIdAt(99))).toBeNull();
  });
}

function describeCommit(bench: Bench): void {
  beforeEach(() => bench.store.accept(sampleMessage(1, { recipients: 2, lease: LEASE })));

  test("everything a transition says is read back; what it leaves out stays", async () => {
    const { store } = bench;
    const patch = {
      state: "deferred",
      dueAt: START + 5,
      attempts: 2,
      plan: samplePlan,
      stepIndex: 1,
      variantId: sampleVariant(1).id,
      unmetSince: START + 1,
      possibleDuplicate: true,
      deadlineAt: START + 9,
      holdReleased: true,
      noticesSent: 3,
      lastCode: "PST-DEC-002",
      lastReply: { code: 451, enhanced: "4.7.1", text: "later" },
      lastHost: "mx1.rcpt.example",
      lease: null,
    } as const;
    await store.commit({ ...transition(step(recipientAt(1), 1, patch)), variants: [sampleVariant(1)] }, "durable");
    expect(await only(store, 1)).toMatchObject({ ...patch, fence: 1 });
    await store.commit(transition(step(recipientAt(1), 1, { attempts: 4 })), "ordered");
    expect(await only(store, 1)).toMatchObject({ ...patch, attempts: 4 });
    await store.commit(transition(step(recipientAt(1), 1, { plan: null, lastReply: null })), "ordered");
    expect(await only(store, 1)).toMatchObject({ plan: null, lastReply: null });
  });

  test("a stale fence writes nothing: no state, no event, no child; current recipients of the same transition are written", async () => {
    const { store } = bench;
    const before = (await store.auditHead()).seq;
    const result = await store.commit(
      transition(
        causing(step(recipientAt(1, 1), 7, { state: "failed" }), dsnOf(recipientAt(1, 1), 50, { step: 1 })),
        step(recipientAt(1, 2), 1, { state: "ready" }),
      ),
      "durable",
    );
    expect(result).toEqual({ stale: [recipientAt(1, 1)], children: [] });
    expect((await only(store, 1, 1)).state).toBe("received");
    expect((await only(store, 1, 2)).state).toBe("ready");
    expect((await store.auditHead()).seq).toBe(before + 1);
    expect(await store.message(messageIdAt(50))).toBeNull();
  });

  test("an ended recipient stays as it ended: a second end with the same fence is stale", async () => {
    const { store } = bench;
    await store.commit(transition(step(recipientAt(1), 1, { state: "delivered" })), "durable");
    const again = await store.commit(transition(step(recipientAt(1), 1, { state: "failed" })), "durable");
    expect(again.stale).toEqual([recipientAt(1)]);
    expect(await only(store, 1)).toMatchObject({ state: "delivered", lease: null });
  });

  test("a child is inserted once for parent, kind and step, and its events with it", async () => {
    const { store } = bench;
    const cause = (n: number, at: number) =>
      store.commit(transition(causing(step(recipientAt(1), 1, {}), dsnOf(recipientAt(1), n, { step: at }))), "durable");
    expect((await cause(50, 1)).children).toEqual([messageIdAt(50)]);
    const before = (await store.auditHead()).seq;
    expect((await cause(51, 1)).children).toEqual([]);
    expect((await store.auditHead()).seq).toBe(before + 1);
    expect((await cause(52, 2)).children).toEqual([messageIdAt(52)]);
    expect(await store.message(messageIdAt(51))).toBeNull();
    expect((await store.message(messageIdAt(52)))?.submission.parent).toMatchObject({ kind: "delay_dsn", step: 2 });
  });

  test("variants and findings are stored once: the first stays", async () => {
    const { store } = bench;
    const inspected = { messageId: messageIdAt(1), findings: sampleFindings };
    const second = { ...inspected, findings: { ...sampleFindings, verdict: "clean" } } as const;
    const variants = [sampleVariant(1, 1), sampleVariant(1, 2, "other-body")];
    await store.commit({ ...transition(), variants, inspected }, "durable");
    await store.commit(
      { ...transition(), variants: [{ ...sampleVariant(1, 1), sizeBytes: 1 }], inspected: second },
      "durable",
    );
    expect(await store.message(messageIdAt(1))).toMatchObject({ findings: sampleFindings, variants });
  });

  test("a transition that contradicts the store is refused whole, its events included", async () => {
    const { store } = bench;
    const head = await store.auditHead();
    const refused = [{ state: "held", deadlineAt: null }, { variantId: sampleVariant(1).id }] as const;
    for (const patch of refused) {
      const both = transition(step(recipientAt(1, 1), 1, { state: "ready" }), step(recipientAt(1, 2), 1, patch));
      await expect(store.commit({ ...both, events: [alertEvent(null, null)] }, "durable")).rejects.toThrow(
        "PST-SPL-062",
      );
    }
    expect((await only(store, 1, 1)).state).toBe("received");
    expect(await store.auditHead()).toEqual(head);
    await store.commit(transition(step(recipientAt(1, 1), 1, { state: "ready" })), "durable");
    expect((await store.auditPage(head.seq + 1, 9)).map(({ previousHash }) => previousHash)).toEqual([head.hash]);
  });

  test("events follow the order of requests, one dense chain, found again by message", async () => {
    const { store } = bench;
    const work = Array.from({ length: 20 }, (_, n) => [
      store.accept(sampleMessage(100 + n)),
      store.commit(transition(step(recipientAt(1), 1, { attempts: n })), n % 2 === 0 ? "ordered" : "durable"),
    ]);
    await Promise.all(work.flat());
    const rows = await store.auditPage(1, 100);
    expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 41 }, (_, n) => n + 1));
    expect(rows.slice(1).map(({ previousHash }) => previousHash)).toEqual(rows.slice(0, -1).map(({ hash }) => hash));
    expect((await store.auditOf(messageIdAt(107), 10)).map(({ seq }) => seq)).toEqual([16]);
    expect((await only(store, 1)).attempts).toBe(19);
  });
}

function describeEndings(bench: Bench): void {
  test("recovery resumes dialogs, marks announced dots as possible duplicates, ends all leases and says so in the audit", async () => {
    const { store } = bench;
    await store.accept(sampleMessage(1, { recipients: 3, lease: LEASE }));
    await store.commit(
      transition(
        step(recipientAt(1, 1), 1, { state: "in_dialog" }),
        step(recipientAt(1, 2), 1, { state: "dot_sent" }),
        step(recipientAt(1, 3), 1, { state: "ready" }),
      ),
      "durable",
    );
    const before = (await store.auditHead()).seq;
    const result = await store.recover({ now: START + 10, ambiguousDueAt: START + 900 });
    expect(result).toEqual({ resumed: 1, ambiguous: 1 });
    const stored = await store.recipients({ messageId: messageIdAt(1), limit: 10 });
    expect(stored.map((r) => [r.state, r.dueAt, r.possibleDuplicate, r.lease])).toEqual([
      ["ready", START + 10, false, null],
      ["deferred", START + 900, true, null],
      ["ready", START, false, null],
    ]);
    const events = await store.auditPage(before + 1, 10);
    expect(events.map(({ kind, recipientId }) => [kind, recipientId])).toEqual([
      ["possible_duplicate", recipientAt(1, 2)],
      ["recovered", recipientAt(1, 1)],
    ]);
    const late = await store.commit(transition(step(recipientAt(1, 2), 1, { state: "delivered" })), "durable");
    expect(late.stale).toEqual([recipientAt(1, 2)]);
  });

  test("a message is forgotten once all its recipients ended long enough ago; its blobs are handed back", async () => {
    const { store, clock } = bench;
    await store.accept(sampleMessage(1, { recipients: 2, lease: LEASE }));
    const variants = [sampleVariant(1, 1, "converted-1")];
    expect((await store.counts()).queuedBytes).toBe(4000);
    await store.commit({ ...transition(step(recipientAt(1, 1), 1, { state: "delivered" })), variants }, "durable");
    expect((await store.counts()).queuedBytes).toBe(8000);
    expect(await store.reap(START + 1_000_000, 10)).toEqual([]);
    clock.advance(1000);
    await store.commit(transition(step(recipientAt(1, 2), 1, { state: "failed" })), "durable");
    expect((await store.counts()).queuedBytes).toBe(0);
    expect(await store.reap(START + 1000, 10)).toEqual([]);
    const released = await store.reap(START + 1001, 10);
    expect(released.toSorted((a, b) => (a.locator < b.locator ? -1 : 1))).toEqual([
      sampleBlob("body-1"),
      sampleBlob("converted-1"),
    ]);
    expect(await store.message(messageIdAt(1))).toBeNull();
    expect(await store.counts()).toEqual({ byState: {}, oldestReceivedAt: null, queuedBytes: 0 });
    expect(await store.auditOf(messageIdOf(recipientAt(1)), 10)).not.toEqual([]);
    expect(await store.reap(START + 1001, 10)).toEqual([]);
  });

  test("a child forgotten before its parent is not caused again", async () => {
    const { store } = bench;
    await store.accept(sampleMessage(1, { lease: LEASE }));
    const cause = (n: number) =>
      store.commit(transition(causing(step(recipientAt(1), 1, {}), dsnOf(recipientAt(1), n, { step: 1 }))), "durable");
    await cause(50);
    const [claimed] = (await store.claim({ now: START, limit: 1, lease: LEASE })).recipients;
    expect(claimed?.id).toBe(recipientAt(50));
    await store.commit(transition(step(recipientAt(50), 1, { state: "delivered" })), "durable");
    expect(await store.reap(START + 1, 10)).toEqual([sampleBlob("body-50")]);
    expect((await cause(51)).children).toEqual([]);
  });

  test("a blob that another message still refers to is not handed back", async () => {
    const { store } = bench;
    await store.accept(sampleMessage(1, { lease: LEASE }));
    await store.accept(sampleMessage(2));
    await store.commit({ ...transition(), variants: [sampleVariant(2, 1, "body-1")] }, "durable");
    await store.commit(transition(step(recipientAt(1), 1, { state: "cancelled" })), "durable");
    expect(await store.reap(START + 1, 10)).toEqual([]);
    expect([...(await store.referredTo(["body-1", "body-2", "body-3"]))]).toEqual(["body-1", "body-2"]);
  });

  test("references are found by the beginning of their locator, in order and page by page", async () => {
    const { store } = bench;
    for (const n of [3, 1, 2]) await store.accept(sampleMessage(n));
    await store.commit(
      { ...transition(), variants: [sampleVariant(1, 1, "body-2"), sampleVariant(1, 2, "other-1")] },
      "durable",
    );
    const under = async (prefix: string, after: string, limit: number): Promise<readonly string[]> =>
      (await store.refsUnder({ prefix, after, limit })).map(({ locator }) => locator);
    expect(await store.refsUnder({ prefix: "body-3", after: "", limit: 9 })).toEqual([sampleBlob("body-3")]);
    expect(await under("", "", 9)).toEqual(["body-1", "body-2", "body-3", "other-1"]);
    expect(await under("body-", "", 2)).toEqual(["body-1", "body-2"]);
    expect(await under("body-", "body-2", 2)).toEqual(["body-3"]);
    expect(await under("other", "body-2", 2)).toEqual(["other-1"]);
    expect(await under("nobody", "", 2)).toEqual([]);
  });

  test("rows that referred to a body at its old place refer to it at its new one, variants too, and only those that did are told", async () => {
    const { store } = bench;
    const place = (segment: string, blobId: string): string => `seg:${segment.repeat(16)}:0:${blobId.repeat(32)}`;
    const at = (n: number, locator: string) => {
      const message = sampleMessage(n);
      return { ...message, submission: { ...message.submission, body: sampleBlob(locator) } };
    };
    await store.accept(at(1, place("a", "1")));
    await store.accept(at(2, place("a", "2")));
    await store.commit({ ...transition(), variants: [sampleVariant(1, 1, place("a", "1"))] }, "durable");
    const moves = [1, 3].map((n) => ({ from: place("a", `${n}`), to: place("b", `${n}`) }));
    expect([...(await store.repoint(moves))]).toEqual([place("a", "1")]);
    const moved = await store.message(messageIdAt(1));
    expect(moved?.submission.body.locator).toBe(place("b", "1"));
    expect(moved?.variants[0]?.pieces[1]).toMatchObject({ ref: { locator: place("b", "1") } });
    // A variant built by who still knew the old place does not bring it back.
    await store.commit({ ...transition(), variants: [sampleVariant(1, 2, place("a", "1"))] }, "durable");
    expect((await store.message(messageIdAt(1)))?.variants[1]?.pieces[1]).toMatchObject({
      ref: { locator: place("b", "1") },
    });
    expect((await store.refsUnder({ prefix: "", after: "", limit: 9 })).map(({ locator }) => locator)).toEqual([
      place("a", "2"),
      place("b", "1"),
    ]);
  });

  test("after close every call is refused", async () => {
    const { store } = bench;
    await store.close();
    await store.close();
    await expect(store.accept(sampleMessage(1))).rejects.toThrow("PST-SPL-057");
    await expect(store.counts()).rejects.toThrow("PST-SPL-057");
  });
}
