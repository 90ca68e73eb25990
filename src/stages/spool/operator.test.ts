import { expect, test } from "vitest";
import type { RetryOptions } from "../../core/aftermath.ts";
import { recipientIdOf, toMessageId } from "../../core/ids.ts";
import type { Plan } from "../../core/plan.ts";
import type { QueueStore, StoredMessage, StoredRecipient, Transition } from "../../core/queue-store.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import { act } from "./operator.ts";
import type { Action, OperatorDeps } from "./operator.ts";
import { decideReview } from "./review.ts";
import type { ReviewAct } from "../../core/review.ts";
import type { Ending } from "./settle.ts";

const id = toMessageId("01J0000000000000000000000A");
const [first, second] = [recipientIdOf(id, 1), recipientIdOf(id, 2)];
const actor = { user: "ops", uid: 1001, sudoUser: null };
const reason = "asked by the ward";
const told = { actor: "ops", uid: 1001, reason };
const retry: RetryOptions = {
  scheduleMs: [1000],
  jitterShare: 0,
  delayNoticesMs: [],
  secureHoldMs: 0,
  ambiguousRetryMs: 1,
  holdDeadlineMs: 100,
};

function recipient(recipientId: typeof first, state: RecipientState, plan: Plan | null = null): StoredRecipient {
  return {
    id: recipientId,
    messageId: id,
    fence: 3,
    state,
    plan,
    holdReleased: false,
    deadlineAt: null,
  } as StoredRecipient;
}

const REVIEW: Plan = {
  floor: { profile: "standard", minRung: "pkix" },
  reasons: [{ kind: "rule", pack: "house", rule: "review" }],
  steps: [{ kind: "hold", code: "PST-DEC-002" }],
};

function rig(claimed: readonly StoredRecipient[], unsettled: readonly (typeof first)[] = [], known = claimed) {
  const transitions: Transition[] = [];
  const endings: Ending[] = [];
  const store = {
    claimThese: async () => claimed,
    recipients: async () => known,
    approvals: async () => [],
    message: async () => ({}) as StoredMessage,
    commit: async (transition: Transition) => {
      transitions.push(transition);
      return { stale: [], children: [] };
    },
  } as unknown as QueueStore;
  const deps: OperatorDeps = {
    store,
    settle: async (_, given) => {
      endings.push(...given);
      return unsettled.filter((each) => given.some((ending) => ending.recipient.id === each));
    },
    retry,
    clock: { now: () => 5, monotonic: () => 5 },
    lease: () => ({ owner: "t", until: 9 }),
    wake: () => {},
  };
  const ids = [first, second];
  return {
    transitions,
    endings,
    run: (action: Action) => act({ actor, reason, action, ids }, deps),
    review: (decision: ReviewAct) =>
      decideReview(
        { actor, reason, act: decision, ids },
        { ...deps, fourEyes: () => "off", requestMs: () => 1, newRequestId: () => id },
      ),
  };
}

test("a release makes only held recipients due, with who and why; what else was claimed is given back as it was", async () => {
  const { transitions, run } = rig([recipient(first, "held"), recipient(second, "deferred")]);
  expect(await run("release")).toEqual({ done: [first], skipped: [{ id: second, why: "not_held" }] });
  expect(
    transitions.flatMap(({ recipients }) => recipients.map(({ recipientId, patch }) => [recipientId, patch])),
  ).toEqual([
    [second, { lease: null }],
    [first, { state: "ready", dueAt: 5, lease: null }],
  ]);
  expect(transitions[1]?.recipients[0]?.events[0]?.body).toEqual({ kind: "operator", action: "release", ...told });
});

test.each(["retry", "hold", "release", "drop"] as const)(
  "a %s leaves what is under review to the reviewers, whatever state it is in",
  async (action) => {
    const { transitions, endings, run } = rig([recipient(first, "held", REVIEW), recipient(second, "ready", REVIEW)]);
    expect(await run(action)).toEqual({
      done: [],
      skipped: [first, second].map((each) => ({ id: each, why: "under_review" })),
    });
    expect(endings).toEqual([]);
    expect(transitions.flatMap(({ recipients }) => recipients.map(({ patch }) => patch))).toEqual([
      { lease: null },
      { lease: null },
    ]);
  },
);

test("a reviewer's release lifts the rule's hold, and touches nothing that is not under review", async () => {
  const { transitions, review } = rig([recipient(first, "held", REVIEW), recipient(second, "held")]);
  expect(await review("release")).toEqual({
    done: [first],
    requested: [],
    skipped: [{ id: second, why: "not_under_review" }],
  });
  expect(transitions[1]?.recipients[0]).toMatchObject({
    patch: { holdReleased: true, state: "ready", dueAt: 5, lease: null },
    events: [{ body: { kind: "review", action: "released", ...told } }],
  });
});

test("a reviewer's refusal fails the recipient and tells its sender", async () => {
  const { endings, review } = rig([recipient(first, "held", REVIEW)], [], []);
  expect(await review("refuse")).toEqual({ done: [first], requested: [], skipped: [{ id: second, why: "unknown" }] });
  expect(endings).toMatchObject([
    {
      before: [{ kind: "review", action: "refused", ...told }],
      settled: { patch: { state: "failed", lastCode: "PST-PIP-009" }, tell: { kind: "failure_dsn", status: "5.7.1" } },
    },
  ]);
});

test("who is put aside has a deadline and its sender is told; a dialog is left alone", async () => {
  const { endings, run } = rig([recipient(first, "deferred"), recipient(second, "in_dialog")]);
  expect(await run("hold")).toEqual({ done: [first], skipped: [{ id: second, why: "busy" }] });
  expect(endings).toMatchObject([
    {
      before: [{ kind: "operator", action: "hold", ...told }],
      settled: {
        patch: { state: "held", deadlineAt: 105, lastCode: "PST-PIP-008" },
        events: [{ kind: "held", code: "PST-PIP-008", deadlineAt: 105 }],
        tell: { kind: "held_notice" },
      },
    },
  ]);
});

test("what could not be claimed says why", async () => {
  const { run } = rig([], [], [recipient(first, "delivered"), recipient(second, "in_dialog")]);
  expect(await run("retry")).toEqual({
    done: [],
    skipped: [
      { id: first, why: "finished" },
      { id: second, why: "busy" },
    ],
  });
});

test("a drop whose report could not be written is not said to be done", async () => {
  const { endings, run } = rig([recipient(first, "held"), recipient(second, "held")], [second]);
  expect(await run("drop")).toEqual({ done: [first], skipped: [{ id: second, why: "unreported" }] });
  expect(endings.map(({ settled, before }) => [settled.patch.state, before[0]?.kind])).toEqual([
    ["failed", "operator"],
    ["failed", "operator"],
  ]);
});
