/**
 * Delivery status notifications (RFC 3464, RFC 6522, RFC 6533) and the notice about held mail.
 * Promises: our own words only; of the original nothing but bare From, To, Date and Message-ID; of a remote answer nothing
 * but its codes. Never composed for the null sender. Envelope, transport and whether a report is due are the caller's.
 */
import { isAscii } from "node:buffer";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { EnhancedStatus } from "../../core/status.ts";
import {
  assertReportable,
  composeReport,
  composeText,
  isWritableAddress,
  oneLine,
  textPart,
} from "./compose-message.ts";
import type { OwnMailFields, OwnPart } from "./compose-message.ts";
import { originalHeaderLines } from "./original-facts.ts";
import type { OriginalFacts } from "./original-facts.ts";
import { mailDate } from "./trace-field.ts";

export type ReportBase = {
  /** Unique; becomes the Message-ID and the boundary. The new message's own id serves. */
  readonly id: string;
  /** Name of this gateway. */
  readonly hostname: string;
  /** Bare address reports come from, such as `postmaster@example.org`. */
  readonly from: string;
  /** Envelope sender of the original. */
  readonly to: string | null;
  /** Queue id of the original. */
  readonly queueId: string;
  readonly arrivedAt: number;
  readonly now: number;
  readonly original: OriginalFacts;
};

export type DsnRecipient = {
  readonly address: string;
  readonly orcpt: { readonly type: string; readonly address: string } | null;
  readonly status: EnhancedStatus;
  readonly code: ReasonCode | null;
  /** Code of the remote answer; its text is never taken. */
  readonly replyCode: number | null;
  /** Name of the remote server. */
  readonly host: string | null;
  /** As `pack/rule`, where a rule refused it. */
  readonly rule?: string;
};

export type DsnInput = ReportBase & {
  /** ENVID of the original (RFC 3461 section 4.4). */
  readonly envid: string | null;
  readonly recipients: readonly [DsnRecipient, ...DsnRecipient[]];
};

export type DelayDsnInput = DsnInput & {
  /** When delivery is given up. */
  readonly until: number;
};

export type HeldNoticeInput = ReportBase & {
  readonly recipients: readonly [HeldRecipient, ...HeldRecipient[]];
  /** When the message fails by itself. */
  readonly until: number;
};

export type HeldRecipient = { readonly address: string; readonly code: ReasonCode };

type Action = "failed" | "delayed" | "relayed";

export function composeFailureDsn(input: DsnInput): Buffer {
  return composeDsn(input, {
    action: "failed",
    subject: "Your message could not be delivered",
    intro: ["Your message could not be delivered to the recipients below.", "It is not tried again."],
    until: null,
  });
}

export function composeDelayDsn(input: DelayDsnInput): Buffer {
  return composeDsn(input, {
    action: "delayed",
    subject: "Your message is delayed",
    intro: [
      "Your message has not been delivered to the recipients below yet.",
      `It is tried again until ${mailDate(input.until)}. You need not do anything.`,
    ],
    until: input.until,
  });
}

/** For recipients with NOTIFY=SUCCESS: the next server does not report by itself, or we cannot know (RFC 3461 section 5.2.2). */
export function composeSuccessDsn(input: DsnInput): Buffer {
  return composeDsn(input, {
    action: "relayed",
    subject: "Your message was handed over",
    intro: [
      "Your message was handed over to the mail servers of the recipients below.",
      "Those servers may not report whether it was delivered or read.",
    ],
    until: null,
  });
}

/** Tells the sender that a message waits for a person, for whom, why in general, and what happens when nobody acts. */
export function composeHeldNotice(input: HeldNoticeInput): Buffer {
  const fields = fieldsOf(input, "Your message is held", "auto-generated");
  return composeText(fields, [
    "Your message has not been sent to the recipients below. It is held by the",
    "mail gateway until it can be sent with the protection it needs, or until a",
    "person decides about it.",
    "",
    ...input.recipients.flatMap((recipient) => [`  <${plain(recipient.address)}>`, ...reasonLines(recipient.code)]),
    "",
    `If nothing else happens by ${mailDate(input.until)},`,
    "it is not sent and you are told so. To speed this up, contact your mail",
    `administrator and name the queue id ${oneLine(input.queueId)}.`,
    "",
    ...aboutLines(input),
  ]);
}

type DsnWords = {
  readonly action: Action;
  readonly subject: string;
  readonly intro: readonly string[];
  readonly until: number | null;
};

function composeDsn(input: DsnInput, { action, subject, intro, until }: DsnWords): Buffer {
  const fields = fieldsOf(input, subject, "auto-replied");
  return composeReport(fields, "delivery-status", [
    textPart(humanLines(input, intro)),
    { contentType: "message/delivery-status", lines: statusLines(input, action, until) },
    originalPart(input.original),
  ]);
}

function fieldsOf(input: ReportBase, subject: string, autoSubmitted: OwnMailFields["autoSubmitted"]): OwnMailFields {
  const { from, id, hostname, now } = input;
  const to = assertReportable(input.to);
  return { from, to, subject, id: oneLine(id), hostname, now, inReplyTo: input.original.messageId, autoSubmitted };
}

function humanLines(input: DsnInput, intro: readonly string[]): readonly string[] {
  return [
    ...intro,
    "",
    ...input.recipients.flatMap((recipient) => [
      `  <${plain(recipient.address)}>`,
      ...(recipient.code === null ? [] : reasonLines(recipient.code)),
      ...(recipient.rule === undefined ? [] : [`    Rule ${oneLine(recipient.rule)}`]),
      `    Status ${recipient.status}${remote(recipient)}`,
    ]),
    "",
    `Queue id: ${oneLine(input.queueId)}`,
    ...aboutLines(input),
  ];
}

function reasonLines(code: ReasonCode): readonly string[] {
  return [`    ${REASON_CODES[code].what}`, `    (${code})`];
}

function remote(recipient: DsnRecipient): string {
  const answer = recipient.replyCode === null ? "" : `, answer ${recipient.replyCode}`;
  return `${answer}${recipient.host === null ? "" : `, server ${oneLine(recipient.host)}`}`;
}

function aboutLines(input: ReportBase): readonly string[] {
  const lines = [`Received by the gateway: ${mailDate(input.arrivedAt)}`];
  if (input.original.messageId !== null) lines.push(`Message-ID: ${input.original.messageId}`);
  return lines;
}

/** RFC 3464 sections 2.2 and 2.3. */
function statusLines(input: DsnInput, action: Action, until: number | null): readonly string[] {
  const lines: string[] = [];
  if (input.envid !== null) lines.push(`Original-Envelope-Id: ${xtextless(input.envid)}`);
  lines.push(`Reporting-MTA: dns; ${xtextless(input.hostname)}`, `Arrival-Date: ${mailDate(input.arrivedAt)}`);
  for (const recipient of input.recipients) {
    lines.push("");
    if (recipient.orcpt !== null) {
      lines.push(`Original-Recipient: ${originalRecipient(recipient.orcpt)}`);
    }
    lines.push(
      `Final-Recipient: ${typedAddress(plain(recipient.address))}`,
      `Action: ${action}`,
      `Status: ${recipient.status}`,
    );
    if (recipient.host !== null) lines.push(`Remote-MTA: dns; ${xtextless(recipient.host)}`);
    lines.push(`Diagnostic-Code: ${diagnostic(recipient)}`, `Last-Attempt-Date: ${mailDate(input.now)}`);
    if (until !== null) lines.push(`Will-Retry-Until: ${mailDate(until)}`);
  }
  return lines;
}

function diagnostic(recipient: DsnRecipient): string {
  if (recipient.replyCode !== null) return `smtp; ${recipient.replyCode} ${recipient.status}`;
  return `x-postern; ${recipient.code ?? recipient.status}`;
}

function originalRecipient(orcpt: { readonly type: string; readonly address: string }): string {
  const type = /^[A-Za-z0-9-]{1,20}$/.test(orcpt.type) ? orcpt.type.toLowerCase() : "unknown";
  if (type === "rfc822" || type === "utf-8") return typedAddress(oneLine(orcpt.address));
  return `${type}; ${xtextless(orcpt.address)}`;
}

/** `utf-8` with escapes keeps the report 7-bit for every reader (RFC 6533 section 3). */
function typedAddress(address: string): string {
  if (isAscii(Buffer.from(address, "utf8"))) return `rfc822; ${address}`;
  const escaped = Array.from(address, (char) =>
    /^[!-*,-<>-[\]-~]$/.test(char)
      ? char
      : `\\x{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, "0")}}`,
  );
  return `utf-8; ${escaped.join("")}`;
}

/** Printable ASCII of a value the submitter chose; anything else becomes a question mark. */
function xtextless(text: string): string {
  return text.replace(/[^!-~]/g, "?").slice(0, 500);
}

/** Three header lines are no message: text/rfc822-headers, or message/global-headers beyond ASCII (RFC 6533 section 6.3). */
function originalPart(original: OriginalFacts): OwnPart {
  const lines = originalHeaderLines(original);
  const ascii = isAscii(Buffer.from(lines.join(""), "utf8"));
  return { contentType: ascii ? "text/rfc822-headers" : "message/global-headers", lines };
}

function plain(address: string): string {
  return isWritableAddress(address) ? address : oneLine(address).replace(/[<>]/g, "");
}
