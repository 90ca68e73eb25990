/**
 * Mailboxes of the SMTP envelope (RFC 5321 section 4.1.2, RFC 6531 section 3.3).
 * Promises: never throws, whatever the text; the domain of a parsed mailbox is an A-label in lower case that DNS can be
 * asked for, or an address literal. Does not know whether the session allows UTF-8; it reports that it is needed.
 */
import { isIPv4, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";
import type { Mailbox } from "../../core/envelope.ts";
import { isPlainName } from "../../core/plain-name.ts";

/** RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.2, in octets. */
const LOCAL_PART_BYTES_MAX = 64;
const DOMAIN_BYTES_MAX = 255;
/** RFC 1035 section 2.3.4: what fits a DNS name when written as text. */
const A_LABELS_LENGTH_MAX = 253;

const DOT_STRING =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u{80}-\u{10ffff}]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u{80}-\u{10ffff}]+)*$/u;
const QUOTED_STRING = /^"(?:[ !\x23-\x5b\x5d-\x7e\u{80}-\u{10ffff}]|\\[ -~])*"$/u;
/** Controls, invisible spaces and direction overrides: no address needs them, and they make one look like another. */
const UNSAFE = /[\p{Cc}\u{200b}\u{2028}-\u{202e}\u{2060}\u{2066}-\u{2069}\u{feff}]|\p{Cs}/u;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

export type MailboxProblem = "syntax" | "local-part-too-long" | "domain-too-long" | "bad-domain";

export type MailboxResult =
  | { readonly kind: "mailbox"; readonly mailbox: Mailbox; readonly needsSmtpUtf8: boolean }
  | { readonly kind: "bad"; readonly problem: MailboxProblem };

/** Parses `local@domain` as it stands between angle brackets, without a source route. */
export function parseMailbox(address: string): MailboxResult {
  const at = address.lastIndexOf("@");
  if (at <= 0 || UNSAFE.test(address)) return bad("syntax");
  const localPart = address.slice(0, at);
  const domainText = address.slice(at + 1);
  if (!DOT_STRING.test(localPart) && !QUOTED_STRING.test(localPart)) return bad("syntax");
  if (Buffer.byteLength(localPart) > LOCAL_PART_BYTES_MAX) return bad("local-part-too-long");
  if (Buffer.byteLength(domainText) > DOMAIN_BYTES_MAX) return bad("domain-too-long");
  const domain = domainText.startsWith("[") ? parseAddressLiteral(domainText) : toALabel(domainText);
  if (domain === null) return bad("bad-domain");
  const mailbox: Mailbox = { address, localPart, domain, isUtf8: !isAscii(localPart) };
  return { kind: "mailbox", mailbox, needsSmtpUtf8: !isAscii(address) };
}

/** The domain as DNS knows it (RFC 5890), lower case; null where it is no mail domain. IPv4 look-alikes are refused. */
export function toALabel(domain: string): string | null {
  // domainToASCII parses like a browser: it would decode `%61` and read `0x7f.1` as an address.
  if (!/^[A-Za-z0-9_.\-\u{80}-\u{10ffff}]+$/u.test(domain) || UNSAFE.test(domain)) return null;
  const lower = domain.toLowerCase();
  const ascii = isPlainName(lower) ? lower : domainToASCII(domain).toLowerCase();
  if (ascii === "" || ascii.length > A_LABELS_LENGTH_MAX) return null;
  const labels = ascii.split(".");
  if (!labels.every((label) => LABEL.test(label))) return null;
  return /^[0-9]+$/.test(labels.at(-1) ?? "") ? null : ascii;
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3); null for any other tag. */
function parseAddressLiteral(text: string): string | null {
  if (!text.endsWith("]")) return null;
  const inside = text.slice(1, -1);
  if (isIPv4(inside)) return `[${inside}]`;
  const match = /^ipv6:(.*)$/i.exec(inside);
  const address = match?.[1];
  return address !== undefined && isIPv6(address) && !address.includes("%") ? `[IPv6:${address.toLowerCase()}]` : null;
}

/** Equal for two mailboxes that differ only in needless quoting or the case of the domain (RFC 5321 section 2.4). */
export function mailboxKey(mailbox: Mailbox): string {
  const { localPart, domain } = mailbox;
  const bare = localPart.startsWith('"') ? localPart.slice(1, -1).replace(/\\(.)/gsu, "$1") : localPart;
  return `${bare}@${domain}`;
}

export function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text);
}

function bad(problem: MailboxProblem): MailboxResult {
  return { kind: "bad", problem };
}
