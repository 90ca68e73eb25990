import { describe, expect, test } from "vitest";
import { aftermathOf, failed, held, putOff, type Circumstances, type RetryOptions } from "./aftermath.ts";
import { freshRecipient } from "./fresh-recipient.ts";
import { recipientIdOf, toMessageId } from "./ids.ts";
import type { Outcome } from "./outcome.ts";
import type { StoredRecipient } from "./queue-store.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RECEIVED = 1_000_000_000;
const id = toMessageId("01J0000000000000000000000A");

const options: RetryOptions = {
  scheduleMs: [MINUTE, 5 * MINUTE, HOUR],
  jitterShare: 0,
  delayNoticesMs: [HOUR, 24 * HOUR],
  secureHoldMs: 30 * MINUTE,
  ambiguousRetryMs: 15 * MINUTE,
  holdDeadlineMs: 72 * HOUR,
};

const mailbox = { address: "a@b.example", localPart: "a", domain: "b.example", isUtf8: false };
const facts = {
  id: recipientIdOf(id, 1),
  messageId: id,
  lane: "l",
  sender: "s",
  fence: 1,
  dueAt: RECEIVED,
  lease: null,
};
const recipient: StoredRecipient = {
  ...freshRecipient({ ...facts, recipient: { mailbox, notify: null, orcpt: null } }),
  state: "in_dialog",
};

function at(afterMs: number, change: Partial<StoredRecipient> = {}, more: Partial<Circumstances> = {}): Circumstances {
  return {
    recipient: { ...recipient, ...change },
    receivedAt: RECEIVED,
    expiresAt: RECEIVED + 48 * HOUR,
    options,
    now: RECEIVED + afterMs,
    chance: () => 0.5,
    missing: [],
    ...more,
  };
}

const later: Outcome = {
  kind: "deferred",
  scope: "recipient",
  status: "4.2.0",
  code: "PST-PIP-003",
  reply: null,
  host: null,
  unmet: null,
};
const partlyUnmet: Outcome = { ...later, unmet: { bestRung: "plain", missing: [] } };

function unmet(missing: readonly ("8BITMIME" | "SMTPUTF8" | "SIZE" | "REQUIRETLS")[] = []): Outcome {
  return { kind: "unmet", code: "PST-PIP-003", observed: { bestRung: "plain", missing } };
}

describe("retries", () => {
  test.each([
    { attempts: 0, waitMs: MINUTE },
    { attempts: 1, waitMs: 5 * MINUTE },
    { attempts: 2, waitMs: HOUR },
    { attempts: 9, waitMs: HOUR },
  ])("the pause after attempt $attempts follows the schedule and its last entry repeats", ({ attempts, waitMs }) => {
    const after = aftermathOf(later, at(2 * HOUR, { attempts, noticesSent: 1 }));
    expect(after).toMatchObject({
      kind: "settled",
      patch: { state: "deferred", attempts: attempts + 1, dueAt: RECEIVED + 2 * HOUR + waitMs, lease: null },
    });
  });

  test.each([
    ["until the time it names", 2, 4 * HOUR, 4 * HOUR],
    ["no longer than to the next notice", 2, 30 * HOUR, 24 * HOUR],
    ["no longer than its lifetime", 25, 100 * HOUR, 48 * HOUR],
    ["no longer than now where that is over", 2, HOUR, HOUR],
  ])("what knows when it can go on waits %s", (_, afterHours, waitsMs, expectedMs) => {
    const noticesSent = afterHours > 24 ? 2 : 1;
    const after = aftermathOf(
      { ...later, code: "PST-PIP-010", waitsUntil: RECEIVED + waitsMs },
      at(afterHours * HOUR, { noticesSent }),
    );
    expect(after).toMatchObject({ patch: { state: "deferred", dueAt: RECEIVED + expectedMs } });
  });

  test.each(["PST-DLV-029", "PST-DLV-033", "PST-PIP-010"] as const)(
    "%s is no attempt: the pause is the first one and the count stays",
    (code) => {
      expect(aftermathOf({ ...later, code }, at(0, { attempts: 2 }))).toMatchObject({
        patch: { state: "deferred", attempts: 2, dueAt: RECEIVED + MINUTE },
      });
    },
  );

  test("jitter moves the pause by its share at most", () => {
    const jittery = { options: { ...options, jitterShare: 0.2 } };
    const soon = aftermathOf(later, at(0, {}, { ...jittery, chance: () => 0 }));
    const late = aftermathOf(later, at(0, {}, { ...jittery, chance: () => 1 }));
    expect(soon).toMatchObject({ patch: { dueAt: RECEIVED + 0.8 * MINUTE } });
    expect(late).toMatchObject({ patch: { dueAt: RECEIVED + 1.2 * MINUTE } });
  });

  test("a retry never falls behind the end of the lifetime or the next delay notice", () => {
    expect(aftermathOf(later, at(47.5 * HOUR, { attempts: 5, noticesSent: 2 }))).toMatchObject({
      patch: { dueAt: RECEIVED + 48 * HOUR },
    });
    expect(aftermathOf(later, at(50 * MINUTE, { attempts: 5 }))).toMatchObject({ patch: { dueAt: RECEIVED + HOUR } });
  });

  test("past its lifetime a deferral is a failure that the sender is told of", () => {
    expect(aftermathOf(later, at(48 * HOUR))).toMatchObject({
      kind: "settled",
      patch: { state: "failed", lastCode: "PST-PIP-001" },
      tell: { kind: "failure_dsn", status: "5.4.7" },
    });
  });

  test.each([
    { age: HOUR - 1, sent: 0, step: null },
    { age: HOUR, sent: 0, step: 1 },
    { age: 2 * HOUR, sent: 1, step: null },
    { age: 24 * HOUR, sent: 1, step: 2 },
    { age: 30 * HOUR, sent: 0, step: 2 },
    { age: 30 * HOUR, sent: 2, step: null },
  ])("at age $age ms with $sent notices sent the delay notice is $step", ({ age, sent, step }) => {
    const after = aftermathOf(later, at(age, { noticesSent: sent }));
    if (after.kind !== "settled") throw new Error("expected an end");
    expect(after.tell?.step ?? null).toBe(step);
    expect(after.tell?.kind ?? null).toBe(step === null ? null : "delay_dsn");
    expect(after.patch.noticesSent).toBe(step ?? sent);
  });
});

describe("unmet steps", () => {
  test("a step no host can meet gives way to the next one", () => {
    expect(aftermathOf(unmet(), at(0))).toMatchObject({ kind: "advance", patch: { unmetSince: null } });
  });

  test.each([
    ["PST-DLV-028", RECEIVED],
    ["PST-DLV-029", RECEIVED],
    ["PST-DLV-033", RECEIVED],
    ["PST-DLV-001", null],
  ] as const)("after %s the wait for a partly unmet step began at %s", (code, unmetSince) => {
    const after = aftermathOf({ ...later, code }, at(5 * MINUTE, { unmetSince: RECEIVED }));
    expect(after).toMatchObject({ kind: "settled", patch: { unmetSince } });
  });

  test("a step that is only partly unmet is kept until secure_hold has passed since it was first seen", () => {
    expect(aftermathOf(partlyUnmet, at(0))).toMatchObject({ kind: "settled", patch: { unmetSince: RECEIVED } });
    expect(aftermathOf(partlyUnmet, at(29 * MINUTE, { unmetSince: RECEIVED }))).toMatchObject({
      kind: "settled",
      patch: { unmetSince: RECEIVED },
    });
    expect(aftermathOf(partlyUnmet, at(30 * MINUTE, { unmetSince: RECEIVED }))).toMatchObject({ kind: "advance" });
  });

  test.each([
    ["PST-DLV-028", "advance"],
    ["PST-DLV-029", "settled"],
    ["PST-DLV-033", "settled"],
    ["PST-PIP-010", "settled"],
    ["PST-DLV-001", "settled"],
  ] as const)("%s after secure_hold is over: %s", (code, kind) => {
    const after = aftermathOf({ ...later, code }, at(30 * MINUTE, { unmetSince: RECEIVED }));
    expect(after.kind).toBe(kind);
    if (after.kind !== "advance") return;
    expect(after.events).toEqual([{ kind: "unmet", code, bestRung: null, missing: [] }]);
    const frozen = at(30 * MINUTE, { unmetSince: RECEIVED, possibleDuplicate: true });
    expect(aftermathOf({ ...later, code }, frozen).kind).toBe("settled");
  });

  test("it is tried again when secure_hold is over, at the latest, unless it waits for an operator", () => {
    const dueAt = (outcome: Outcome, age: number): number | undefined => {
      const after = aftermathOf(outcome, at(age, { unmetSince: RECEIVED, attempts: 9 }));
      return after.kind === "settled" ? after.patch.dueAt : undefined;
    };
    expect(dueAt({ ...later, code: "PST-DLV-028" }, 5 * MINUTE)).toBe(RECEIVED + 30 * MINUTE);
    expect(dueAt(partlyUnmet, 5 * MINUTE)).toBe(RECEIVED + 30 * MINUTE);
    const waitsUntil = RECEIVED + 20 * HOUR;
    expect(dueAt({ ...later, code: "PST-PIP-010", waitsUntil }, 5 * MINUTE)).toBe(
      Math.min(waitsUntil, RECEIVED + HOUR),
    );
  });

  test("trouble without a host below the floor forgets an earlier one", () => {
    expect(aftermathOf(later, at(MINUTE, { unmetSince: RECEIVED }))).toMatchObject({ patch: { unmetSince: null } });
  });

  test("a missing 8BITMIME asks for other bytes once, then gives way", () => {
    expect(aftermathOf(unmet(["8BITMIME"]), at(0))).toMatchObject({ kind: "rebuild", missing: ["8BITMIME"] });
    expect(aftermathOf(unmet(["8BITMIME"]), at(0, {}, { missing: ["8BITMIME"] }))).toMatchObject({ kind: "advance" });
  });

  test.each(["SIZE", "REQUIRETLS"] as const)("a missing %s cannot be rebuilt away", (name) => {
    expect(aftermathOf(unmet([name]), at(0))).toMatchObject({ kind: "advance" });
  });

  test("after an ambiguous end neither method nor bytes change", () => {
    const frozen = { possibleDuplicate: true, unmetSince: RECEIVED - HOUR };
    expect(aftermathOf(unmet(), at(0, frozen))).toMatchObject({ kind: "settled", patch: { state: "deferred" } });
    expect(aftermathOf(partlyUnmet, at(0, frozen))).toMatchObject({ kind: "settled", patch: { state: "deferred" } });
    expect(aftermathOf(unmet(["8BITMIME"]), at(0, frozen))).toMatchObject({ kind: "settled" });
  });
});

describe("ends", () => {
  test("an ambiguous end is retried after its own pause and marked", () => {
    const outcome: Outcome = { kind: "ambiguous", code: "PST-PIP-003", host: "mx.example", observed: "pkix" };
    expect(aftermathOf(outcome, at(0))).toMatchObject({
      kind: "settled",
      patch: { state: "deferred", possibleDuplicate: true, dueAt: RECEIVED + 15 * MINUTE },
      events: [{ kind: "possible_duplicate" }],
    });
  });

  test("an ambiguous end tells the sender of the delay when that is due, as any other", () => {
    const outcome: Outcome = { kind: "ambiguous", code: "PST-PIP-003", host: "mx.example", observed: "pkix" };
    expect(aftermathOf(outcome, at(HOUR - 1))).toMatchObject({ tell: null });
    expect(aftermathOf(outcome, at(HOUR))).toMatchObject({
      patch: { noticesSent: 1 },
      tell: { kind: "delay_dsn", step: 1, host: "mx.example" },
    });
  });

  test("a delivery after an ambiguous end says so", () => {
    const outcome: Outcome = {
      kind: "delivered",
      status: "2.0.0",
      observed: "pkix",
      host: "mx.example",
      reply: { code: 250, enhanced: "2.0.0", text: "ok" },
      dsnPassedOn: true,
    };
    expect(aftermathOf(outcome, at(0, { possibleDuplicate: true }))).toMatchObject({
      patch: { state: "delivered" },
      events: [{ kind: "delivered", possibleDuplicate: true }],
    });
  });

  test("a next hop without DSN leaves it to us to say that the message was handed over", () => {
    const outcome = { kind: "delivered", status: "2.0.0", observed: "pkix", host: "mx.example" } as const;
    const reply = { code: 250, enhanced: "2.0.0", text: "ok" } as const;
    expect(aftermathOf({ ...outcome, reply, dsnPassedOn: false }, at(0))).toMatchObject({
      tell: { kind: "success_dsn", code: null },
    });
    expect(aftermathOf({ ...outcome, reply, dsnPassedOn: true }, at(0))).toMatchObject({ tell: null });
  });

  test("a hold carries a deadline, an alert and a notice", () => {
    expect(held("PST-DEC-001", at(0))).toMatchObject({
      patch: { state: "held", deadlineAt: RECEIVED + 72 * HOUR, dueAt: RECEIVED + 72 * HOUR, lease: null },
      events: [{ kind: "held" }, { kind: "alert" }],
      tell: { kind: "held_notice" },
    });
  });

  test("held again, the deadline the sender was told of stands and nobody is told twice", () => {
    const again = held("PST-DEC-001", at(HOUR, { deadlineAt: RECEIVED + 2 * HOUR }));
    expect(again).toMatchObject({ patch: { state: "held", deadlineAt: RECEIVED + 2 * HOUR }, tell: null });
    expect(again.events.map(({ kind }) => kind)).toEqual(["held", "alert"]);
  });

  test("every end gives the lease back", () => {
    const why = { code: "PST-PIP-003", reply: null, replyCode: null, host: null } as const;
    for (const settled of [
      failed({ ...why, status: "5.0.0" }, at(0)),
      putOff({ ...why, status: "4.0.0" }, at(0)),
      held("PST-DEC-001", at(0)),
    ]) {
      expect(settled.patch.lease).toBeNull();
    }
  });
});
