/** TLSA records as text (RFC 6698 section 2.2). */
import type { TlsaRecord } from "../../core/dane.ts";

const SHOWN_DIGITS = 8;

/** As a zone file has it. */
export function tlsaText({ usage, selector, matching, data }: TlsaRecord): string {
  return `${usage} ${selector} ${matching} ${Buffer.from(data).toString("hex")}`;
}

/** `3 1 1 0123abcd…`: enough to find it among the others. */
export function shortTlsa(record: TlsaRecord): string {
  const text = tlsaText(record);
  const end = text.lastIndexOf(" ") + 1 + SHOWN_DIGITS;
  return text.length > end ? `${text.slice(0, end)}…` : text;
}
