/** A recipient as it is before anything happened to it: the one place that knows how every field begins. */
import type { StoredRecipient } from "./queue-store.ts";

export type BirthFacts = Pick<
  StoredRecipient,
  "id" | "messageId" | "lane" | "sender" | "recipient" | "fence" | "dueAt" | "lease"
>;

export function freshRecipient(facts: BirthFacts): StoredRecipient {
  return {
    ...facts,
    state: "received",
    attempts: 0,
    plan: null,
    stepIndex: 0,
    variantId: null,
    unmetSince: null,
    possibleDuplicate: false,
    deadlineAt: null,
    holdReleased: false,
    noticesSent: 0,
    lastCode: null,
    lastReply: null,
    lastHost: null,
  };
}
