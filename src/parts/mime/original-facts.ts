/**
 * What a report may repeat of the message it is about: From, To, Date and Message-ID, each reduced to its plain form.
 * Promises: no display name, no Subject, no free text: what is not an address, a date or an id in the strict sense is left out.
 */
import { addressesOf } from "./addresses.ts";
import { readHeaders, valuesOf } from "./header-fields.ts";

export type OriginalFacts = {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly date: string | null;
  readonly messageId: string | null;
};

const ADDRESSES_MAX = 100;
const DATE =
  /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}(?::\d{2})? (?:[+-]\d{4}|GMT|UT)/;
const MESSAGE_ID = /^<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,200}@[A-Za-z0-9.[\]:_-]{1,100}>$/;

export function readOriginalFacts(header: Uint8Array): OriginalFacts {
  const fields = readHeaders(header);
  const first = (name: string): string => valuesOf(fields, name)[0] ?? "";
  const messageId = first("message-id");
  return {
    from: addressesOf(first("from"), ADDRESSES_MAX),
    to: addressesOf(first("to"), ADDRESSES_MAX),
    date: DATE.exec(first("date").replace(/\s+/g, " "))?.[0] ?? null,
    messageId: MESSAGE_ID.test(messageId) ? messageId : null,
  };
}

/** The fields as header lines; empty where nothing could be kept. */
export function originalHeaderLines(facts: OriginalFacts): readonly string[] {
  const lines: string[] = [];
  if (facts.from.length > 0) lines.push(`From: ${facts.from.map((address) => `<${address}>`).join(",\r\n ")}`);
  if (facts.to.length > 0) lines.push(`To: ${facts.to.map((address) => `<${address}>`).join(",\r\n ")}`);
  if (facts.date !== null) lines.push(`Date: ${facts.date}`);
  if (facts.messageId !== null) lines.push(`Message-ID: ${facts.messageId}`);
  return lines;
}
