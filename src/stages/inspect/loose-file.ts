/** A file that travels by itself, as the message it is or as the attachment it would be. Pure. */
import type { MimePart, MimeStructure } from "../../core/mime-structure.ts";
import { MimeScanner } from "../../parts/mime/mime-scanner.ts";
import type { MimeLimits } from "../../parts/mime/mime-scanner.ts";

export const SCAN_LIMITS: MimeLimits = { depthMax: 20, partsMax: 1_000, headerBytesMax: 1_048_576 };

const KNOWN_FIELD =
  /^(?:from|to|cc|subject|date|received|return-path|message-id|mime-version|delivered-to|sender|reply-to):/im;
const MBOX_LINE = /^>?From [^\r\n]{1,500}\r?\n/;
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

export function isMessageFile(bytes: Buffer, name: string | null): boolean {
  if (name !== null && /\.eml$/i.test(name)) return true;
  const head = bytes.toString("latin1", 0, 16_384);
  const header = head.split(/\r?\n\r?\n/, 1)[0] ?? "";
  return /^[!-9;-~]{1,76}:/.test(head) && KNOWN_FIELD.test(header);
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
