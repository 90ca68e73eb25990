import { expect, test } from "vitest";
import { recipientIdOf, toMessageId } from "../../core/ids.ts";
import type { QueueStore, StoredMessage, StoredRecipient, Transition } from "../../core/queue-store.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import { act } from "./operator.ts";
import type { Act } from "./operator.ts";
import type { Ending } from "./settle.ts";

const id = toMessageId("01J0000000000000000000000A");
const [first, second] = [recipientIdOf(id, 1), recipientIdOf(id, 2)];
const who = { actor: "ops", reason: "asked by the ward" };

function recipient(recipientId: typeof first, state: RecipientState): StoredRecipient {
  return { id: recipientId, messageId: id, fence: 3, state } as StoredRecipient;
}

function rig(claimed: readonly StoredRecipient[], unsettled: readonly (typeof first)[] = []) {
  const transitions: Transition[] = [];
  const endings: Ending[] = [];
  const store = {
    claimThese: async () => claimed,
    message: async () => ({}) as StoredMessage,
    commit: async (transition: Transition) => {
      transitions.push(transition);
      return { stale: [], children: [] };
    },
  } as unknown as QueueStore;
  const run = (action: Act["action"]) =>
    act(
      { ...who, action, ids: [first, second] },
      {
        store,
        settle: async (_, given) => {
          endings.push(...given);
          return unsettled.filter((each) => given.some((ending) => ending.recipient.id === each));
        },
        clock: { now: () => 5, monotonic: () => 5 },
        lease: () => ({ owner: "t", until: 9 }),
        wake: () => {},
      },
    );
  return { transitions, endings, run };
}

test("a release makes only held recipients due, with who and why; what else was claimed is given back as it was", async () => {
  const { transitions, run } = rig([recipient(first, "held"), recipient(second, "deferred")]);
  expect(await run("release")).toEqual({ done: [first], skipped: [second] });
  expect(
    transitions.flatMap(({ recipients }) => recipients.map(({ recipientId, patch }) => [recipientId, patch])),
  ).toEqual([
    [second, { lease: null }],
    [first, { holdReleased: true, state: "ready", dueAt: 5, lease: null }],
  ]);
  expect(transitions[1]?.recipients[0]?.events[0]?.body).toEqual({ kind: "operator", action: "release", ...who });
});

test("a retry does not release a review hold", async () => {
  const { transitions, run } = rig([recipient(first, "held")]);
  await run("retry");
  expect(transitions[0]?.recipients[0]?.patch).toEqual({ state: "ready", dueAt: 5, lease: null });
});

test("a drop whose report could not be written is not said to be done", async () => {
  const { endings, run } = rig([recipient(first, "held"), recipient(second, "held")], [second]);
  expect(await run("drop")).toEqual({ done: [first], skipped: [second] });
  expect(endings.map(({ settled, before }) => [settled.patch.state, before[0]?.kind])).toEqual([
    ["failed", "operator"],
    ["failed", "operator"],
  ]);
});
