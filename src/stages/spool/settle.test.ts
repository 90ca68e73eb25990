import { expect, test } from "vitest";
import type { Settled } from "../../core/aftermath.ts";
import { recipientIdOf, toMessageId } from "../../core/ids.ts";
import type { BlobRef } from "../../core/blob-store.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { ChildKind } from "../../core/origin.ts";
import type { NewMessage, QueueStore, StoredMessage, StoredRecipient, Transition } from "../../core/queue-store.ts";
import type { WriteReport } from "../../core/stages.ts";
import { createSettle } from "./settle.ts";
import type { Ending } from "./settle.ts";

const id = toMessageId("01J0000000000000000000000A");
const sender = { address: "s@own.example", localPart: "s", domain: "own.example", isUtf8: false };
const message = {
  submission: { id, origin: "relay", envelope: { sender } },
  expiresAt: 1_000_000,
} as unknown as StoredMessage;

function recipient(ordinal: number): StoredRecipient {
  const mailbox = { address: `r${ordinal}@b.example`, localPart: `r${ordinal}`, domain: "b.example", isUtf8: false };
  const notify = ["success", "failure", "delay"] as const;
  return {
    id: recipientIdOf(id, ordinal),
    messageId: id,
    fence: 1,
    recipient: { mailbox, notify, orcpt: null },
    deadlineAt: null,
  } as unknown as StoredRecipient;
}

function ending(ordinal: number, state: "delivered" | "failed" | "deferred"): Ending {
  const kind = { delivered: "success_dsn", failed: "failure_dsn", deferred: "delay_dsn" } as const;
  const status = { delivered: "2.0.0", failed: "5.0.0", deferred: "4.0.0" } as const;
  const settled: Settled = {
    kind: "settled",
    patch: { state },
    events: [],
    tell: { kind: kind[state], step: 1, status: status[state], code: "PST-PIP-001", replyCode: null, host: null },
  };
  return { recipient: recipient(ordinal), before: [], settled };
}

type Rig = {
  readonly transitions: Transition[];
  /** Bodies told of, by what was said of them. */
  readonly kept: string[];
  readonly disowned: string[];
  readonly settle: ReturnType<typeof createSettle>;
};

/** A store that finds the claims of `stale` stale, and a writer that cannot write `unwritable`. */
function rig({
  stale = [],
  unwritable = [],
  now = 1,
  isFull = false,
}: { stale?: RecipientId[]; unwritable?: ChildKind[]; now?: number; isFull?: boolean } = {}): Rig {
  const transitions: Transition[] = [];
  const commit = async (transition: Transition) => {
    if (isFull) throw new Error("disk full");
    transitions.push(transition);
    const taken = transition.recipients.filter(({ recipientId }) => !stale.includes(recipientId));
    return {
      stale: transition.recipients.map(({ recipientId }) => recipientId).filter((each) => stale.includes(each)),
      children: taken.flatMap(({ children }) => children.map(({ submission }) => submission.id)),
    };
  };
  let reports = 0;
  const writeReport: WriteReport = async ({ kind, step, subjects }) => {
    if (unwritable.includes(kind)) throw new Error("disk full");
    reports += 1;
    const parent = { messageId: id, recipientId: subjects[0].recipient.id, kind, step };
    const body = { locator: `report ${reports}`, sizeBytes: 1, wrappedKey: "" };
    const submission = { id: toMessageId(`01J000000000000000000000R${reports}`), parent, body };
    return { submission } as unknown as NewMessage;
  };
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const clock = { now: () => now, monotonic: () => 1 };
  const store = { commit } as unknown as QueueStore;
  const [kept, disowned]: [string[], string[]] = [[], []];
  const told = (list: string[]) => (refs: readonly BlobRef[]) => void list.push(...refs.map(({ locator }) => locator));
  const blobs = { keep: told(kept), disown: told(disowned) };
  return {
    transitions,
    kept,
    disowned,
    settle: createSettle({ store, blobs, writeReport, log, clock, wake: () => {}, settled: () => {} }),
  };
}

function childEventsOf(transitions: readonly Transition[]): readonly (string | null)[] {
  const events = transitions.flatMap(({ recipients, events: others }) => [
    ...recipients.flatMap((each) => each.events),
    ...others,
  ]);
  return events.filter(({ body }) => body.kind === "child").map(({ recipientId }) => recipientId);
}

const [first, second, third] = [recipientIdOf(id, 1), recipientIdOf(id, 2), recipientIdOf(id, 3)];

test("a report that cannot be written holds back its own recipients and nobody else's", async () => {
  const { transitions, settle } = rig({ unwritable: ["failure_dsn"] });
  const unsettled = await settle(message, [ending(1, "delivered"), ending(2, "failed"), ending(3, "deferred")]);
  expect(unsettled).toEqual([second]);
  expect(transitions[0]?.recipients.map(({ recipientId }) => recipientId)).toEqual([first, third]);
});

test("a report that can never be written ends with an alert a day after the lifetime, and not before", async () => {
  const day = 24 * 3_600_000;
  const soon = rig({ unwritable: ["failure_dsn"], now: message.expiresAt + day - 1 });
  expect(await soon.settle(message, [ending(1, "failed")])).toEqual([recipientIdOf(id, 1)]);
  const late = rig({ unwritable: ["failure_dsn"], now: message.expiresAt + day });
  expect(await late.settle(message, [ending(1, "failed")])).toEqual([]);
  const [written] = late.transitions.flatMap(({ recipients }) => recipients);
  expect(written?.patch.state).toBe("failed");
  expect(written?.events.map(({ body }) => body)).toContainEqual({ kind: "alert", code: "PST-PIP-007" });
});

test("delivered stays delivered when its report cannot be written, with an alert, so that nothing is delivered twice", async () => {
  const { transitions, settle } = rig({ unwritable: ["success_dsn"] });
  expect(await settle(message, [ending(1, "delivered")])).toEqual([]);
  const [written] = transitions[0]?.recipients ?? [];
  expect(written?.patch.state).toBe("delivered");
  expect(written?.events.map(({ body }) => body)).toEqual([{ kind: "alert", code: "PST-PIP-007" }]);
});

test("everyone a shared report speaks of has it in the audit", async () => {
  const { transitions, settle } = rig();
  await settle(message, [ending(1, "failed"), ending(2, "failed")]);
  expect(childEventsOf(transitions)).toEqual([first, second]);
});

test("a report whose parent is stale is written anew for the others, and no other report is written twice", async () => {
  const { transitions, settle } = rig({ stale: [first] });
  await settle(message, [ending(1, "failed"), ending(2, "failed"), ending(3, "deferred")]);
  const parents = transitions.flatMap(({ recipients }) => recipients.filter(({ children }) => children.length > 0));
  expect(parents.map(({ recipientId }) => recipientId)).toEqual([first, third, second]);
});

test("the body of a report whose row was written is kept, one whose row was not is disowned, also where the commit failed", async () => {
  const { settle, kept, disowned } = rig({ stale: [first] });
  await settle(message, [ending(1, "failed"), ending(3, "deferred")]);
  expect([kept, disowned]).toEqual([["report 2"], ["report 1"]]);
  const failing = rig({ isFull: true });
  await expect(failing.settle(message, [ending(1, "failed")])).rejects.toThrow("disk full");
  expect([failing.kept, failing.disowned]).toEqual([[], ["report 1"]]);
});

test("nothing to write is not a transaction", async () => {
  const { transitions, settle } = rig();
  expect(await settle(message, [])).toEqual([]);
  expect(transitions).toEqual([]);
});
