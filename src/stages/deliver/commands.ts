/**
 * Writes MAIL and RCPT (RFC 5321 section 4.1.1, RFC 1870, RFC 6152, RFC 6531, RFC 3461, RFC 8689).
 * Promises: a parameter is sent only where the server offers its extension; nothing from an address can end a command.
 */
import type { Envelope, EnvelopeRecipient, Mailbox } from "../../core/envelope.ts";
import { encodeXtext } from "../../parts/smtp/xtext.ts";
import type { Extensions } from "./extensions.ts";

export type MailParameters = {
  readonly sizeBytes: number;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly requireTls: boolean;
};

export function mailCommand(envelope: Envelope, wanted: MailParameters, offered: Extensions): string {
  const words = [`MAIL FROM:<${envelope.sender === null ? "" : pathOf(envelope.sender)}>`];
  if (offered.size) words.push(`SIZE=${wanted.sizeBytes}`);
  if (wanted.eightBitMime) words.push("BODY=8BITMIME");
  if (wanted.smtpUtf8) words.push("SMTPUTF8");
  if (wanted.requireTls) words.push("REQUIRETLS");
  if (offered.dsn && envelope.ret !== null) words.push(`RET=${envelope.ret.toUpperCase()}`);
  if (offered.dsn && envelope.envid !== null) words.push(`ENVID=${encodeXtext(envelope.envid)}`);
  return `${words.join(" ")}\r\n`;
}

export function rcptCommand(recipient: EnvelopeRecipient, offered: Extensions): string {
  const words = [`RCPT TO:<${pathOf(recipient.mailbox)}>`];
  if (offered.dsn && recipient.notify !== null && recipient.notify.length > 0) {
    words.push(`NOTIFY=${recipient.notify.map((word) => word.toUpperCase()).join(",")}`);
  }
  if (offered.dsn && recipient.orcpt !== null) {
    words.push(`ORCPT=${recipient.orcpt.type};${encodeXtext(recipient.orcpt.address)}`);
  }
  return `${words.join(" ")}\r\n`;
}

/** The address with its domain as A-label, so that only the local part can ask for SMTPUTF8. */
export function pathOf(mailbox: Mailbox): string {
  const at = mailbox.address.lastIndexOf("@");
  const path = at < 0 ? mailbox.address : `${mailbox.address.slice(0, at)}@${mailbox.domain}`;
  if (/[\p{Cc}\u2028\u2029]/u.test(path)) throw new Error("an address holds a control character");
  if (!path.startsWith('"') && /[<> ]/.test(path)) throw new Error("an address holds a bracket or a blank");
  return path;
}
