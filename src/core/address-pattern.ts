/**
 * Who a rule names: `nurse@example.org` exactly, `example.org` and no other domain, `.example.org` for everything below it, `<>`
 * for the null sender. Lower case, domains as A-labels (parts/smtp/address-pattern.ts reads them). Pure.
 */
import type { Mailbox } from "./envelope.ts";

/** The null sender. */
export const NULL_SENDER = "<>";

export function isAmong(mailbox: Mailbox | null, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => fits(mailbox, pattern));
}

function fits(mailbox: Mailbox | null, pattern: string): boolean {
  if (mailbox === null) return pattern === NULL_SENDER;
  const { localPart, domain } = mailbox;
  if (pattern.startsWith(".")) return domain.endsWith(pattern);
  return pattern.includes("@") ? pattern === `${localPart.toLowerCase()}@${domain}` : pattern === domain;
}
