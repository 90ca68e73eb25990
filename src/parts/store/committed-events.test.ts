import { expect, test } from "vitest";
import type { NewEvent } from "../../core/event.ts";
import type { MessageId, RecipientId } from "../../core/ids.ts";
import type { NewMessage, RecipientTransition } from "../../core/queue-store.ts";
import { committedEvents } from "./committed-events.ts";

const at = (moment: number): NewEvent => ({
  at: moment,
  messageId: null,
  recipientId: null,
  body: { kind: "alert", code: "PST-SPL-004" },
});
const child = (id: string, moment: number): NewMessage =>
  ({ submission: { id: id as MessageId }, events: [at(moment)] }) as unknown as NewMessage;
const transition = (id: string, moment: number, children: readonly NewMessage[] = []): RecipientTransition => ({
  recipientId: id as RecipientId,
  fence: 1,
  patch: {},
  events: [at(moment)],
  children,
});

test("events of a stale claim and of a child that was there already were not written", () => {
  const recipients = [transition("A.1", 1, [child("B", 2), child("C", 3)]), transition("A.2", 4, [child("D", 5)])];
  const whole = { recipients, variants: [], inspected: null, events: [at(6)] };
  const result = { stale: ["A.2" as RecipientId], children: ["B" as MessageId] };
  expect(committedEvents(whole, result).map((event) => event.at)).toEqual([6, 1, 2]);
});
