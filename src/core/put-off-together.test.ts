import { expect, test } from "vitest";
import type { RetryOptions } from "./aftermath.ts";
import { recipientIdOf, toMessageId } from "./ids.ts";
import { putOffTogether } from "./put-off-together.ts";
import type { WaitingRecipient } from "./queue-store.ts";

const HOUR = 3_600_000;
const NOW = 10 * HOUR;
const options: RetryOptions = {
  scheduleMs: [60_000, HOUR],
  jitterShare: 0.2,
  delayNoticesMs: [HOUR, 24 * HOUR],
  secureHoldMs: HOUR / 2,
  ambiguousRetryMs: 0,
  holdDeadlineMs: 0,
};
const messageId = toMessageId("01J0000000000000000000000A");

function waiting(ordinal: number, change: Partial<WaitingRecipient> = {}): WaitingRecipient {
  return {
    id: recipientIdOf(messageId, ordinal),
    messageId,
    fence: 4,
    state: "deferred",
    attempts: 3,
    unmetSince: null,
    deadlineAt: null,
    noticesSent: 1,
    lastHost: "mx",
    receivedAt: NOW - 2 * HOUR,
    expiresAt: NOW + 40 * HOUR,
    ...change,
  };
}

const together = (rows: readonly WaitingRecipient[], chance = () => 0.5) =>
  putOffTogether(rows, { now: NOW, options, chance });

test("each is put off by the retry schedule, with an event that names why, and nothing but its own times changes", () => {
  const { transitions, left } = together([waiting(1)]);
  expect(left).toEqual([]);
  expect(transitions).toEqual([
    {
      recipientId: recipientIdOf(messageId, 1),
      fence: 4,
      patch: {
        state: "deferred",
        attempts: 4,
        dueAt: NOW + HOUR,
        noticesSent: 1,
        lease: null,
        lastCode: "PST-DLV-028",
        lastHost: "mx",
      },
      events: [
        {
          at: NOW,
          messageId,
          recipientId: recipientIdOf(messageId, 1),
          body: {
            kind: "deferred",
            code: "PST-DLV-028",
            status: "4.4.1",
            replyCode: null,
            attempts: 4,
            dueAt: NOW + HOUR,
          },
        },
      ],
      children: [],
    },
  ]);
});

test("they do not come back together: each has its own jitter", () => {
  let seed = 0;
  const { transitions } = together(
    [1, 2, 3].map((n) => waiting(n)),
    () => (seed += 0.3),
  );
  expect(transitions.map(({ patch }) => (patch.dueAt ?? 0) - NOW)).toEqual(
    [0.3, 0.6, 0.9].map((c) => Math.round(HOUR * (1 + 0.2 * (2 * c - 1)))),
  );
});

test.each<[string, Partial<WaitingRecipient>]>([
  ["whose sender must be told of the delay", { noticesSent: 0 }],
  ["whose lifetime is over", { expiresAt: NOW }],
  ["whose review deadline is over", { expiresAt: 0, deadlineAt: NOW }],
  ["whose next step may follow", { unmetSince: NOW - HOUR / 2 }],
  ["who was never tried", { state: "received" }],
  ["who is held", { state: "held" }],
  ["whose final dot may have been sent", { state: "dot_sent" }],
  ["whose dialog was lost", { state: "in_dialog" }],
])("one %s is left to the pipeline", (_, change) => {
  const { transitions, left } = together([waiting(1, change), waiting(2)]);
  expect(left).toEqual([recipientIdOf(messageId, 1)]);
  expect(transitions.map(({ recipientId }) => recipientId)).toEqual([recipientIdOf(messageId, 2)]);
});

test("nobody is put off beyond the next notice, the next step or the end of the lifetime", () => {
  const dueAt = (change: Partial<WaitingRecipient>) => together([waiting(1, change)]).transitions[0]?.patch.dueAt;
  expect(dueAt({ receivedAt: NOW - 23.9 * HOUR })).toBe(NOW + 0.1 * HOUR);
  expect(dueAt({ unmetSince: NOW - 0.4 * HOUR })).toBe(NOW + 0.1 * HOUR);
  expect(dueAt({ expiresAt: NOW + 60_000 })).toBe(NOW + 60_000);
});
