/** A file that travels by itself, as the message it is or as the attachment it would be. Pure. */
import type { MimePart, MimeStructure } from "../../core/mime-structure.ts";
import { MimeScanner } from "../../parts/mime/mime-scanner.ts";
import type { MimeLimits } from "../../parts/mime/mime-scanner.ts";

export const SCAN_LIMITS: MimeLimits = { depthMax: 20, partsMax: 1_000, headerBytesMax: 1_048_576 };

const KNOWN_FIELD =
  /^(?:from|to|cc|subject|date|received|return-path|message-id|mime-version|delivered-to|sender|reply-to):/im;
const MBOX_LINE = /^>?From [^\r\n]{1,500}\r?\n/;
const LF = 10;
const CR = 13;
const TYPES_BY_NAME: Readonly<Record<string, string>> = {
  txt: "text/plain",
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  htm: "text/html",
  html: "text/html",
  ics: "text/calendar",
  vcf: "text/vcard",
  json: "application/json",
  xml: "application/xml",
};

/** A byte order mark, or the "From " line of a mailbox file, stands before the message. */
export function withoutPrelude(bytes: Buffer): Buffer {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
  const line = MBOX_LINE.exec(start.toString("latin1", 0, 600));
  return line === null ? start : start.subarray(line[0].length);
}

/**
 * The messages of a mailbox file (RFC 4155), the first "From " line taken away already: each begins with such a line behind a blank
 * one, with a header behind it. What lies before the first of them is a message too.
 */
export function messagesOf(
  bytes: Buffer,
  messagesMax: number,
): { readonly messages: readonly Buffer[]; readonly isWhole: boolean } {
  const messages: Buffer[] = [];
  let start = 0;
  let tries = 0;
  for (let at = bytes.indexOf("\nFrom "); at !== -1; at = bytes.indexOf("\nFrom ", at + 1)) {
    const line = MBOX_LINE.exec(bytes.toString("latin1", at + 1, at + 601));
    const isBehindBlank = bytes[at - 1] === LF || (bytes[at - 1] === CR && bytes[at - 2] === LF);
    if (line === null || !isBehindBlank) continue;
    const next = at + 1 + line[0].length;
    tries += 1;
    if (tries >= messagesMax) return { messages: [...messages, bytes.subarray(start)], isWhole: false };
    if (!isMessageFile(bytes.subarray(next), null)) continue;
    messages.push(bytes.subarray(start, at));
    start = next;
  }
  return { messages: [...messages, bytes.subarray(start)], isWhole: true };
}

export function isMessageFile(bytes: Buffer, name: string | null): boolean {
  if (name !== null && /\.eml$/i.test(name)) return true;
  const head = bytes.toString("latin1", 0, 16_384);
  const header = head.split(/\r?\n\r?\n/, 1)[0] ?? "";
  return /^[!-9;-~]{1,76}:/.test(head) && KNOWN_FIELD.test(header);
}

/** A page or a document of XML, whatever it is called: programs that open it look at the text. */
export function isMarkupFile(bytes: Buffer): boolean {
  const head = bytes
    .toString("latin1", 0, 600)
    .replace(/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)/, "")
    .replaceAll("\0", "");
  return /^\s{0,200}<(?:\?xml|!doctype html|html)[\s>]/i.test(head);
}

/** Several messages, each behind a line of its own. */
export function isMailbox(bytes: Buffer): boolean {
  const content = withoutPrelude(bytes);
  return content.length < bytes.length && isMessageFile(content, null) && messagesOf(content, 2).messages.length !== 1;
}

export function structureOf(bytes: Buffer): MimeStructure {
  const scanner = new MimeScanner(SCAN_LIMITS);
  scanner.push(bytes);
  return scanner.end();
}

export function attachmentOf(bytes: Buffer, name: string | null): MimeStructure {
  const extension = /\.([a-z0-9]{1,8})$/i.exec(name ?? "")?.[1]?.toLowerCase() ?? "txt";
  const root: MimePart = {
    path: "1",
    headerStart: 0,
    bodyStart: 0,
    bodyEnd: bytes.length,
    contentType: TYPES_BY_NAME[extension] ?? "application/octet-stream",
    charset: null,
    encoding: "binary",
    disposition: "attachment",
    filename: name,
    parameters: {},
    children: [],
  };
  return { root, sizeBytes: bytes.length, has8bitHeader: false, has8bitBody: false, longestLine: 0, defects: [] };
}
