/**
 * Inspects a message, or any other file, that lies in memory: for `postern dlp scan`, benchmarks and tests.
 * Promises: the same verdict the gateway would reach for a message of these bytes; a file that is no message is judged
 * like an attachment of that name. Never rejects for what the bytes say.
 */
import type { Findings, Tier, Verdict } from "../../core/findings.ts";
import type { MimePart, MimeStructure } from "../../core/mime-structure.ts";
import type { Inspect } from "../../core/stages.ts";
import { MimeScanner } from "../../parts/mime/mime-scanner.ts";
import type { MimeLimits } from "../../parts/mime/mime-scanner.ts";

/** One line of `postern dlp scan --json`. */
export type ScanLine = {
  readonly file: string;
  readonly verdict: Verdict;
  readonly tier: Tier;
  /** Ids of the rules that hold, in order of their packs. */
  readonly rules: readonly string[];
};

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

/** `name` is the file's name, or null for standard input. */
export async function scanBytes(bytes: Buffer, name: string | null, inspect: Inspect): Promise<Findings> {
  const content = withoutPrelude(bytes);
  const mime = isMessage(content, name) ? structureOf(content) : attachmentOf(content, name);
  return inspect({ mime, read: (start, end) => Promise.resolve(content.subarray(start, end)) });
}

export function toScanLine(file: string, findings: Findings): ScanLine {
  const rules = findings.hits.map((hit) => hit.rule);
  return { file, verdict: findings.verdict, tier: findings.tier, rules: [...new Set(rules)] };
}

/** A byte order mark, or the "From " line of a mailbox file, stands before the message. */
function withoutPrelude(bytes: Buffer): Buffer {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
  const line = MBOX_LINE.exec(start.toString("latin1", 0, 600));
  return line === null ? start : start.subarray(line[0].length);
}

function isMessage(bytes: Buffer, name: string | null): boolean {
  if (name !== null && /\.eml$/i.test(name)) return true;
  const head = bytes.toString("latin1", 0, 16_384);
  const header = head.split(/\r?\n\r?\n/, 1)[0] ?? "";
  return /^[!-9;-~]{1,76}:/.test(head) && KNOWN_FIELD.test(header);
}

function structureOf(bytes: Buffer): MimeStructure {
  const scanner = new MimeScanner(SCAN_LIMITS);
  scanner.push(bytes);
  return scanner.end();
}

function attachmentOf(bytes: Buffer, name: string | null): MimeStructure {
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
