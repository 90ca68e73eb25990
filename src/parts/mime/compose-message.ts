/**
 * The frame of mail Postern writes itself: fields, text parts, multipart/report (RFC 6522), CRLF throughout.
 * Promises: bodies are 7-bit; a header beyond ASCII appears only where an address is (RFC 6532); values cannot break out of
 * their line; Auto-Submitted is always there (RFC 3834). What it says is the caller's.
 */
import { isAscii } from "node:buffer";
import { isPlainAddress } from "./addresses.ts";
import { mailDate } from "./trace-field.ts";
import { Base64Encoder, QuotedPrintableEncoder } from "./transfer-encode.ts";

export type OwnMailFields = {
  /** Bare address the mail is from. */
  readonly from: string;
  /** Bare addresses it goes to. */
  readonly to: string | readonly string[];
  /** ASCII. */
  readonly subject: string;
  /** Left part and domain of the new Message-ID. */
  readonly id: string;
  readonly hostname: string;
  readonly now: number;
  /** Message-ID of the message this is about, in angle brackets. */
  readonly inReplyTo: string | null;
  readonly autoSubmitted: "auto-replied" | "auto-generated";
  /** Further fields of one line each; ASCII. */
  readonly further?: readonly (readonly [name: string, value: string])[];
};

/** Text, or the bytes of a file with the name it is to be kept under. */
export type OwnPart =
  | { readonly contentType: string; readonly lines: readonly string[] }
  | { readonly contentType: string; readonly fileName: string; readonly bytes: Uint8Array };

/** A message of one text. */
export function composeText(fields: OwnMailFields, lines: readonly string[]): Buffer {
  return Buffer.from(joinLines([...headerLines(fields), ...partLines(textPart(lines)), ""]), "utf8");
}

/** A multipart/report of that type; the first part is the text for people. */
export function composeReport(fields: OwnMailFields, reportType: string, parts: readonly OwnPart[]): Buffer {
  const boundary = `=_postern-${fields.id}`;
  const lines = [
    ...headerLines(fields),
    `Content-Type: multipart/report; report-type=${reportType};`,
    ` boundary="${boundary}"`,
    "",
  ];
  for (const part of parts) lines.push(`--${boundary}`, ...partLines(part));
  lines.push(`--${boundary}--`, "");
  return Buffer.from(joinLines(lines), "utf8");
}

export function textPart(lines: readonly string[]): OwnPart {
  return { contentType: "text/plain; charset=utf-8", lines };
}

/** One line of text with everything that could end it taken out. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- the point is to find them
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
}

/** Asserts what every caller has to know: a report to nobody, or to what is no address, is never written. */
export function assertReportable(address: string | null): string {
  if (address === null || address === "")
    throw new Error("a report to the null sender is never composed (RFC 5321 6.1)");
  if (!isWritableAddress(address)) {
    throw new Error("a report needs an address to go to");
  }
  return address;
}

/** Looser than isPlainAddress: a quoted local part, brackets and all, is an address like any other. */
export function isWritableAddress(address: string): boolean {
  const isOneLine = address.length <= 320 && oneLine(address) === address;
  return isOneLine && /^(?:"(?:[^"\\]|\\.)*"|[^<>"\s]+)@[^<>"\s]+$/.test(address);
}

function headerLines(fields: OwnMailFields): readonly string[] {
  if (!isPlainAddress(fields.from)) throw new Error("a report needs a plain address to come from");
  const lines = [
    `From: Mail gateway <${fields.from}>`,
    `To: ${[fields.to].flat().map(bracketed).join(",\r\n ")}`,
    `Subject: ${oneLine(fields.subject)}`,
    `Date: ${mailDate(fields.now)}`,
    `Message-ID: <${oneLine(fields.id)}@${oneLine(fields.hostname)}>`,
  ];
  if (fields.inReplyTo !== null) {
    lines.push(`In-Reply-To: ${oneLine(fields.inReplyTo)}`, `References: ${oneLine(fields.inReplyTo)}`);
  }
  for (const [name, value] of fields.further ?? []) lines.push(`${name}: ${oneLine(value)}`);
  lines.push(`Auto-Submitted: ${fields.autoSubmitted}`, "X-Auto-Response-Suppress: All", "MIME-Version: 1.0");
  return lines;
}

function bracketed(address: string): string {
  return `<${address}>`;
}

function partLines(part: OwnPart): readonly string[] {
  if ("bytes" in part) return fileLines(part);
  const text = joinLines([...part.lines, ""]);
  const bytes = Buffer.from(text, "utf8");
  const isPlain = isAscii(bytes) && part.lines.every((line) => line.length <= 900);
  const encoding = isPlain ? "7bit" : "quoted-printable";
  const body = isPlain ? text : quoted(bytes);
  return [`Content-Type: ${part.contentType}`, `Content-Transfer-Encoding: ${encoding}`, "", body.replace(/\r\n$/, "")];
}

function fileLines({ contentType, fileName, bytes }: Extract<OwnPart, { bytes: Uint8Array }>): readonly string[] {
  const encoder = new Base64Encoder();
  const name = oneLine(fileName).replace(/["\\]/g, "_");
  return [
    `Content-Type: ${contentType};`,
    ` name="${name}"`,
    "Content-Disposition: attachment;",
    ` filename="${name}"`,
    "Content-Transfer-Encoding: base64",
    "",
    Buffer.concat([encoder.push(bytes), encoder.end()]).toString("latin1"),
  ];
}

function quoted(bytes: Buffer): string {
  const encoder = new QuotedPrintableEncoder();
  return Buffer.concat([encoder.push(bytes), encoder.end()]).toString("latin1");
}

function joinLines(lines: readonly string[]): string {
  return lines.join("\r\n");
}
