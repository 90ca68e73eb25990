/**
 * Who a rule names: `nurse@example.org` exactly, `example.org` and no other domain, `.example.org` for everything below it, `<>`
 * for the null sender. Lower case, domains as A-labels (parts/smtp/address-pattern.ts reads them). Needless quotes and the ways
 * Unicode writes one letter make no other address (RFC 5321 section 4.1.2, RFC 6532 section 3.1). Pure.
 */
import type { Mailbox } from "./envelope.ts";

/** The null sender. */
export const NULL_SENDER = "<>";

export function isAmong(mailbox: Mailbox | null, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return false;
  if (mailbox === null) return patterns.includes(NULL_SENDER);
  const { domain } = mailbox;
  const address = plainAddress(mailbox);
  return patterns.some((pattern) => {
    if (pattern.startsWith(".")) return domain.endsWith(pattern);
    return pattern === (pattern.includes("@") ? address : domain);
  });
}

/** The form in which patterns hold an address. */
export function plainAddress({ localPart, domain }: Mailbox): string {
  return `${plainLocalPart(localPart)}@${domain}`;
}

/** As patterns hold it: `"Nurse"` and `"n\urse"` are `nurse`. */
export function plainLocalPart(localPart: string): string {
  const bare = localPart.startsWith('"') ? localPart.slice(1, -1).replace(/\\(.)/gsu, "$1") : localPart;
  return bare.normalize("NFC").toLowerCase();
}
