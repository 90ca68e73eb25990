import { expect, test } from "vitest";
import { freshRecipient } from "../../core/fresh-recipient.ts";
import { recipientIdOf, toMessageId } from "../../core/ids.ts";
import type { Companion, Plan } from "../../core/plan.ts";
import type { NewMessage, StoredMessage, StoredRecipient, Transition } from "../../core/queue-store.ts";
import type { WriteCompanion } from "../../core/stages.ts";
import { createAccompany } from "./accompany.ts";
import type { AccompanyDeps, Planned } from "./accompany.ts";

const id = toMessageId("01J0000000000000000000000A");
const mailbox = { address: "a@b.example", localPart: "a", domain: "b.example", isUtf8: false };
const message = { submission: { id } } as unknown as StoredMessage;

function recipient(ordinal: number, plan: Plan | null = null): StoredRecipient {
  const facts = { messageId: id, lane: "", sender: "", fence: 1, dueAt: 0, lease: null };
  const born = freshRecipient({
    ...facts,
    id: recipientIdOf(id, ordinal),
    recipient: { mailbox, notify: null, orcpt: null },
  });
  return { ...born, plan };
}

function planWith(profile: "standard" | "content", ...companions: readonly Companion[]): Plan {
  const [first, ...more] = companions;
  return {
    floor: { profile, minRung: profile === "content" ? null : "pkix" },
    reasons: [{ kind: "profile", profile, because: "test" }],
    steps: [{ kind: "hold", code: "PST-DEC-001" }],
    ...(first !== undefined && { companions: [first, ...more] }),
  };
}

const planned = (ordinal: number, plan: Plan): Planned => ({
  recipient: recipient(ordinal),
  plan,
  stepIndex: 0,
  events: [],
});

type Rig = {
  readonly asked: Parameters<WriteCompanion>[0][];
  readonly transitions: Transition[];
  readonly disowned: unknown[];
  readonly deps: AccompanyDeps;
};

function rig({ siblings = [] as readonly StoredRecipient[], failsAt = Infinity } = {}): Rig {
  const asked: Parameters<WriteCompanion>[0][] = [];
  const transitions: Transition[] = [];
  const disowned: unknown[] = [];
  const deps = {
    store: {
      recipients: async () => siblings,
      commit: async (transition: Transition) => {
        transitions.push(transition);
        return { stale: [], children: [] };
      },
    },
    blobs: { keep: () => {}, disown: (refs: readonly unknown[]) => disowned.push(...refs) },
    clock: { now: () => 0, monotonic: () => 0 },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    wake: () => {},
    writeCompanion: async (request: Parameters<WriteCompanion>[0]) => {
      asked.push(request);
      if (asked.length >= failsAt) throw new Error("disk full");
      return { submission: { id: `child${asked.length}`, body: `body${asked.length}` } } as unknown as NewMessage;
    },
  } as unknown as AccompanyDeps;
  return { asked, transitions, disowned, deps };
}

const copy = (...rules: readonly string[]): Companion => ({ kind: "copy", rules });
const notice = (...rules: readonly string[]): Companion => ({ kind: "sender_notice", rules });

test("one of each kind, with the rules of all recipients and the strongest floor of them; every transition carries it", async () => {
  const { asked, transitions, deps } = rig();
  const plans = [
    planned(1, planWith("standard", copy("p/a"))),
    planned(2, planWith("content", copy("p/b"), notice("p/a"))),
  ] as const;
  await createAccompany(deps)(message, [...plans], null);
  expect(asked.map(({ companion, floor }) => [companion, floor.profile])).toEqual([
    [copy("p/a", "p/b"), "content"],
    [notice("p/a"), "content"],
  ]);
  expect(transitions[0]?.recipients.map(({ children, patch }) => [children.length, patch.plan])).toEqual([
    [2, plans[0].plan],
    [2, plans[1].plan],
  ]);
});

test("what another recipient of the message caused before is not made again", async () => {
  const { asked, transitions, deps } = rig({
    siblings: [recipient(1, planWith("standard", copy("p/a"))), recipient(2)],
  });
  await createAccompany(deps)(message, [planned(2, planWith("standard", copy("p/a"), notice("p/a")))], null);
  expect(asked.map(({ companion }) => companion.kind)).toEqual(["sender_notice"]);
  expect(transitions).toHaveLength(1);
});

test("where one cannot be written nothing is, and no body is left behind", async () => {
  const { transitions, disowned, deps } = rig({ failsAt: 2 });
  const work = createAccompany(deps)(message, [planned(1, planWith("standard", copy("p/a"), notice("p/a")))], null);
  await expect(work).rejects.toThrow("disk full");
  expect([transitions, disowned]).toEqual([[], ["body1"]]);
});
