import { expect, test } from "vitest";
import { recipientIdOf, toMessageId } from "../../core/ids.ts";
import type { QueueStore, Transition } from "../../core/queue-store.ts";
import { needsSecondPerson } from "../../core/review.ts";
import type { ApprovalQuery, ApprovalRequest } from "../../core/review.ts";
import { expireRequests } from "./review.ts";

const messageId = toMessageId("01J0000000000000000000000A");

test.each([
  ["off", "release", false],
  ["off", "refuse", false],
  ["release", "release", true],
  ["release", "refuse", false],
  ["all", "release", true],
  ["all", "refuse", true],
] as const)("four_eyes %s: %s needs a second person: %s", (fourEyes, act, expected) => {
  expect(needsSecondPerson(fourEyes, act)).toBe(expected);
});

test("requests nobody decided about in time are closed, each with its row", async () => {
  const queries: ApprovalQuery[] = [];
  const written: Transition[] = [];
  const requests = [1, 2].map((ordinal): ApprovalRequest => ({
    id: `R${ordinal}`,
    recipientId: recipientIdOf(messageId, ordinal),
    act: "release",
    requestedBy: { user: "rita", uid: 1001, sudoUser: null },
    reason: "agreed",
    requestedAt: 1,
    expiresAt: 4,
  }));
  const store = {
    approvals: async (query: ApprovalQuery) => {
      queries.push(query);
      return requests;
    },
    commit: async (transition: Transition) => {
      written.push(transition);
      return { stale: [], children: [] };
    },
  } as unknown as QueueStore;
  await expireRequests({ store, clock: { now: () => 5, monotonic: () => 5 } });
  expect(queries).toMatchObject([{ expiredBy: 5 }]);
  expect(written.map(({ events, approvals }) => [events[0]?.body, approvals?.[0]])).toEqual(
    requests.map(({ id, recipientId }) => [
      { kind: "review_expired", act: "release", request: id },
      { kind: "closed", id, recipientId, as: "expired", at: 5 },
    ]),
  );
});
