import { expect, test } from "vitest";
import type { AuditRow } from "../core/event.ts";
import { freshRecipient } from "../core/fresh-recipient.ts";
import { recipientIdOf } from "../core/ids.ts";
import type { StoredRecipient } from "../core/queue-store.ts";
import { RESPONSE_BYTES_MAX } from "../parts/control/control-protocol.ts";
import type { TraceResult } from "../parts/control/reading-requests.ts";
import { messageIdAt } from "../parts/store/queue-store.samples.ts";
import type { Postern } from "../postern.ts";
import { readingHandlers } from "./reading-handlers.ts";

const ID = messageIdAt(1);

/** A message with so many recipients, each put off so often. */
function handlers(recipients: number, rowsEach: number) {
  const mailbox = { address: `${"x".repeat(200)}@a.test`, localPart: "x".repeat(200), domain: "a.test", isUtf8: false };
  const ids = Array.from({ length: recipients }, (_, n) => recipientIdOf(ID, n + 1));
  const stored = ids.map((id): StoredRecipient => {
    const facts = { id, messageId: ID, lane: "l", sender: "s", fence: 1, dueAt: 0, lease: null };
    return freshRecipient({ ...facts, recipient: { mailbox, notify: null, orcpt: null } });
  });
  const body = JSON.stringify({
    kind: "deferred",
    code: "PST-DLV-028",
    status: "4.4.1",
    replyCode: null,
    attempts: 1,
    dueAt: 0,
  });
  const rows = ids.flatMap((recipientId) =>
    Array.from({ length: rowsEach }, () => ({ seq: 1, at: 0, messageId: ID, recipientId, kind: "deferred", body })),
  ) as unknown as readonly AuditRow[];
  const store = { auditOf: async () => rows, recipients: async () => stored };
  return readingHandlers({ store } as unknown as Postern);
}

test.each([
  [1_000, 10],
  [3, 8_000],
])(
  "the story of %i recipients with %i rows each comes in answers that can be read, each recipient once",
  async (count, rows) => {
    const { "queue.trace": trace } = handlers(count, rows);
    const ids: string[] = [];
    for (let after: number | null = 0; after !== null;) {
      const told: TraceResult = await trace({ id: ID, after }, { user: "olga", uid: 1, sudoUser: null });
      expect(Buffer.byteLength(JSON.stringify(told))).toBeLessThan(RESPONSE_BYTES_MAX);
      ids.push(...told.recipients.map(({ recipientId }) => recipientId));
      after = told.next;
    }
    expect(ids).toEqual(Array.from({ length: count }, (_, n) => recipientIdOf(ID, n + 1)));
  },
);

test("of a recipient with very many rows the newest are told, and how many are not", async () => {
  const { "queue.trace": trace } = handlers(1, 700);
  const { recipients } = await trace({ id: `${ID}.1`, after: 0 }, { user: "olga", uid: 1, sudoUser: null });
  expect(recipients[0]?.lines).toHaveLength(501);
  expect(recipients[0]?.lines[0]?.text).toBe("(200 earlier lines are left out)");
});
