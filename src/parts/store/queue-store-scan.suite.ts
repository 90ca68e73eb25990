/** Walking a QueueStore page by page, in examples; part of queue-store.suite.ts. */
import { expect, test } from "vitest";
import { createdAtOf } from "../../core/ids.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { QueueStore } from "../../core/queue-store.ts";
import type { Bench } from "./queue-store.suite.ts";
import { messageIdAt, recipientAt, sampleMessage } from "./queue-store.samples.ts";

export function describeScans(bench: Bench): void {
  test("a scan pages through one state in order, by address, message and time, and ends", async () => {
    const { store } = bench;
    await store.accept(sampleMessage(1, { recipients: 3 }));
    await store.accept(sampleMessage(2, { recipients: 12 }));
    await store.accept(sampleMessage(3));
    const walk = async (query: Omit<Parameters<QueueStore["scan"]>[0], "state" | "after">) => {
      const pages: string[][] = [];
      let after: RecipientId | null = null;
      do {
        const page = await store.scan({ state: "received", after, ...query });
        pages.push(page.recipients.map(({ id }) => id));
        after = page.next;
      } while (after !== null);
      return pages;
    };
    const second = Array.from({ length: 12 }, (_, index) => recipientAt(2, index + 1));
    expect(await walk({ limit: 4 })).toEqual([
      [recipientAt(1, 1), recipientAt(1, 2), recipientAt(1, 3), second[0]],
      second.slice(1, 5),
      second.slice(5, 9),
      [...second.slice(9), recipientAt(3)],
      [],
    ]);
    expect(await walk({ limit: 7, messageId: messageIdAt(2) })).toEqual([second.slice(0, 7), second.slice(7)]);
    expect(await walk({ limit: 7, address: "canary-recipient-2-11@rcpt.example" })).toEqual([[recipientAt(2, 11)]]);
    const made = createdAtOf(messageIdAt(1));
    expect((await walk({ limit: 99, from: made })).flat()).toHaveLength(16);
    expect((await walk({ limit: 99, from: made + 1 })).flat()).toEqual([]);
    expect((await walk({ limit: 99, before: made })).flat()).toEqual([]);
    expect((await walk({ limit: 99, before: made + 1 })).flat()).toHaveLength(16);
    expect(await store.scan({ state: "held", after: null, limit: 5 })).toEqual({ recipients: [], next: null });
  });
}
