import { describe, expect, test } from "vitest";
import { eventually } from "../../test/support/deliver-rig.ts";
import { freshRecipient } from "./fresh-recipient.ts";
import { recipientIdOf, toMessageId } from "./ids.ts";
import { NOTHING_TO_WRITE } from "./pass-transitions.ts";
import type { Transition } from "./queue-store.ts";
import { DialogRecord } from "./dialog-record.ts";

const messageId = toMessageId("01J0000000000000000000000A");
const mailbox = { address: "a@b.example", localPart: "a", domain: "b.example", isUtf8: false };
const [first, second] = [1, 2].map((ordinal) =>
  freshRecipient({
    id: recipientIdOf(messageId, ordinal),
    messageId,
    lane: "lane",
    sender: "sender",
    recipient: { mailbox, notify: null, orcpt: null },
    fence: 7,
    dueAt: 0,
    lease: { owner: "t", until: 1 },
  }),
) as [ReturnType<typeof freshRecipient>, ReturnType<typeof freshRecipient>];

const SEEN = { host: "mx", rung: "pkix" } as const;
const LONG_MS = 60_000;

const begun: Transition = {
  ...NOTHING_TO_WRITE,
  recipients: [first, second].map(({ id: recipientId, fence }) => ({
    recipientId,
    fence,
    patch: { state: "in_dialog", stepIndex: 0 },
    events: [],
    children: [],
  })),
};

type Written = { readonly transition: Transition; readonly wait: string };

function rig(patienceMs: number, unwritten = begun, refusals = 0) {
  const written: Written[] = [];
  let left = refusals;
  const record = new DialogRecord(
    unwritten,
    async (transition, wait) => {
      if (left-- > 0) throw new Error("the disk");
      written.push({ transition, wait });
      return { stale: [], children: [] };
    },
    patienceMs,
  );
  const states = (): unknown => written.map(({ transition, wait }) => [wait, ...statesOf(transition)]);
  return { record, states };
}

function statesOf({ recipients }: Transition): readonly unknown[] {
  return recipients.map(({ patch }) => patch.state);
}

describe("what a dialog needs is written once", () => {
  test("with the intent: who gets no dot is on record as in the dialog, and nothing is left for the end", async () => {
    const { record, states } = rig(LONG_MS);
    await record.announce([first], SEEN, 5);
    expect(states()).toEqual([["durable", "dot_sent", "in_dialog"]]);
    expect(await record.close()).toEqual(NOTHING_TO_WRITE);
  });

  test("with the end, where no dot was announced", async () => {
    const { record, states } = rig(LONG_MS);
    expect(await record.close()).toEqual(begun);
    expect(states()).toEqual([]);
  });

  test("by itself, where the dialog takes long; the intent is then alone", async () => {
    const { record, states } = rig(1);
    await eventually(() => (states() as unknown[]).length > 0);
    await record.announce([first], SEEN, 5);
    expect(states()).toEqual([
      ["ordered", "in_dialog", "in_dialog"],
      ["durable", "dot_sent"],
    ]);
  });
});

describe("what could not be written is not forgotten", () => {
  test("an intent that failed leaves everything for the end", async () => {
    const { record } = rig(LONG_MS, begun, 1);
    await expect(record.announce([first], SEEN, 5)).rejects.toThrow("the disk");
    expect(await record.close()).toEqual(begun);
  });

  test("a slow dialog that could not be put on record is written with its intent", async () => {
    const { record, states } = rig(1, begun, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await record.announce([first, second], SEEN, 5);
    expect(states()).toEqual([["durable", "dot_sent", "dot_sent"]]);
  });
});
