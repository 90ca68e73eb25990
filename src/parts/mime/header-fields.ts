/**
 * Reading a header section (RFC 5322 section 2.2, RFC 6532) and encoded words (RFC 2047).
 * Promises: never throws; every field carries its byte range, so that an edit can leave all other bytes alone.
 * Does not interpret values; see header-params.ts for Content-Type and Content-Disposition.
 */
import { isAscii } from "node:buffer";
import { decodeCharset, decodeUndeclared } from "./charset.ts";

export type HeaderField = {
  /** As written, without the white space some writers put before the colon. */
  readonly name: string;
  /** Unfolded, otherwise raw: encoded words are not decoded. */
  readonly value: string;
  /** Byte range of the whole field with its last line break. */
  readonly start: number;
  readonly end: number;
};

export type HeaderSection = {
  readonly fields: readonly HeaderField[];
  /** First byte after the blank line, or the length where none was found. */
  readonly bodyStart: number;
  /**
   * Readers disagree on what stands here: a line is neither a field nor a continuation, or nothing but white space (for some
   * the end of the section), or a field that says how to read the body has white space before its colon.
   */
  readonly isMalformed: boolean;
};

const LF = 0x0a;
const COLON = 0x3a;
/** Fields that say how to read the body. */
const CONTENT_FIELD = /^(?:content-.+|mime-version)$/i;

/** The fields of the header section `bytes` begins with. */
export function readHeaders(bytes: Uint8Array): readonly HeaderField[] {
  return readHeaderSection(bytes).fields;
}

export function readHeaderSection(bytes: Uint8Array): HeaderSection {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isPlain = isAscii(buffer);
  const fields: HeaderField[] = [];
  let isMalformed = false;
  let at = 0;
  while (at < buffer.length) {
    const lineEnd = endOfLine(buffer, at);
    if (isBlank(buffer, at, lineEnd)) return { fields, bodyStart: lineEnd, isMalformed };
    let end = lineEnd;
    while (isSpace(buffer[end])) {
      const next = endOfLine(buffer, end);
      isMalformed ||= isWhiteSpaceOnly(buffer, end, next);
      end = next;
    }
    const field = fieldOf(buffer, { start: at, end }, isPlain);
    if (field === null) isMalformed = true;
    else fields.push(field);
    isMalformed ||= field !== null && isDoubtful(buffer, field);
    at = end;
  }
  return { fields, bodyStart: buffer.length, isMalformed };
}

/** The values of every field of that name, in order. */
export function valuesOf(fields: readonly HeaderField[], name: string): readonly string[] {
  const wanted = name.toLowerCase();
  const values: string[] = [];
  for (const field of fields) {
    if (field.name.length === wanted.length && field.name.toLowerCase() === wanted) values.push(field.value);
  }
  return values;
}

function endOfLine(buffer: Buffer, at: number): number {
  const lf = buffer.indexOf(LF, at);
  return lf === -1 ? buffer.length : lf + 1;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

function isBlank(buffer: Buffer, at: number, lineEnd: number): boolean {
  return buffer[at] === LF || (buffer[at] === 0x0d && lineEnd === at + 2 && buffer[at + 1] === LF);
}

function isWhiteSpaceOnly(buffer: Buffer, from: number, lineEnd: number): boolean {
  let at = from;
  while (at < lineEnd && (isSpace(buffer[at]) || buffer[at] === 0x0d)) at++;
  return at >= lineEnd || buffer[at] === LF;
}

/** White space before the colon: a field for some readers, none for others. */
function isDoubtful(buffer: Buffer, { name, start }: HeaderField): boolean {
  return isSpace(buffer[start + name.length]) && CONTENT_FIELD.test(name);
}

function fieldOf(
  buffer: Buffer,
  { start, end }: { readonly start: number; readonly end: number },
  isPlain: boolean,
): HeaderField | null {
  const colon = buffer.indexOf(COLON, start);
  if (colon <= start || colon >= end) return null;
  let nameEnd = colon;
  while (nameEnd > start && isSpace(buffer[nameEnd - 1])) nameEnd--;
  const name = buffer.toString("latin1", start, nameEnd);
  if (!/^[!-9;-~]+$/.test(name)) return null;
  const value = isPlain ? buffer.toString("latin1", colon + 1, end) : decodeUndeclared(buffer.subarray(colon + 1, end));
  return { name, value: unfold(value), start, end };
}

function unfold(value: string): string {
  const line = value.trim();
  return line.includes("\n") ? line.replace(/\r?\n(?=[ \t])/g, "") : line;
}

type Word = { readonly charset: string; readonly bytes: Buffer };

const ENCODED_WORD = /=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?]*)\?=/g;

/** Replaces encoded words by their text; a word in an unknown charset stays as written. */
export function decodeWords(value: string): string {
  return replaceWords(value, (raw) => raw);
}

/** The same, where a word in an unknown charset is told as if its charset were not declared, as some readers show it. */
export function guessWords(value: string): string {
  return replaceWords(value, (_, bytes) => decodeUndeclared(bytes));
}

type Unknown = (raw: string, bytes: Buffer) => string;

function replaceWords(value: string, unknown: Unknown): string {
  if (!value.includes("=?")) return value;
  let text = "";
  let from = 0;
  let run: { words: Word[]; raw: string } | null = null;
  for (const match of value.matchAll(ENCODED_WORD)) {
    const between = value.slice(from, match.index);
    const word = { charset: (match[1] ?? "").toLowerCase(), bytes: wordBytes(match[2] ?? "", match[3] ?? "") };
    // White space between two encoded words is not shown (RFC 2047 section 6.2).
    if (run !== null && /^\s*$/.test(between)) {
      run.words.push(word);
      run.raw += between + match[0];
    } else {
      text += wordsText(run, unknown) + between;
      run = { words: [word], raw: match[0] };
    }
    from = match.index + match[0].length;
  }
  return text + wordsText(run, unknown) + value.slice(from);
}

/** Joins bytes of neighbours in one charset first: writers split characters across words. */
function wordsText(run: { readonly words: readonly Word[]; readonly raw: string } | null, unknown: Unknown): string {
  if (run === null) return "";
  let text = "";
  for (let at = 0; at < run.words.length;) {
    const charset = run.words[at]?.charset ?? "";
    let next = at;
    while (next < run.words.length && run.words[next]?.charset === charset) next++;
    const decoded = decodeCharset(Buffer.concat(run.words.slice(at, next).map((word) => word.bytes)), charset);
    if (decoded === null) return unknown(run.raw, Buffer.concat(run.words.map((word) => word.bytes)));
    text += decoded;
    at = next;
  }
  return text;
}

function wordBytes(encoding: string, text: string): Buffer {
  if (encoding === "B" || encoding === "b") return Buffer.from(text, "base64");
  const spaced = Buffer.from(text.replaceAll("_", " "), "utf8").toString("latin1");
  const raw = spaced.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(raw, "latin1");
}
