/**
 * `value; name=value` fields: Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183, RFC 2231).
 * Promises: never throws; where writers and readers differ, it says so (`isDamaged`, `duplicates`) instead of choosing in silence.
 */
import { decodeCharset } from "./charset.ts";

export type ParameterisedValue = {
  /** Lower case, comments removed. */
  readonly value: string;
  /** Lower-cased names; values decoded by RFC 2231, not by RFC 2047. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Names given more than once. */
  readonly duplicates: ReadonlySet<string>;
  /** An open quotation, an escape, or an unquoted value with characters that end it for some readers. */
  readonly damaged: ReadonlySet<string>;
  /** Where the parameters end is anyone's guess: a quotation is never closed, or there are more than are read. */
  readonly isBroken: boolean;
};

/** More than this in one field is not read. */
const PARAMETERS_MAX = 100;
/** Unquoted, these end a value, or are taken off it, in one reader or another; `=?` begins an encoded word. */
const AMBIGUOUS_TOKEN = /[\s"(),<>\\]|^'|=\?/;

type RawValue = {
  readonly value: string;
  readonly isDamaged: boolean;
  readonly isOpen: boolean;
  readonly end: number;
};
type RawParameter = RawValue & { readonly name: string };

type Segment = { readonly index: number; readonly isEncoded: boolean; readonly value: string };

export function parseParameterised(text: string): ParameterisedValue {
  const { head, rest } = splitHead(text);
  const plain = new Map<string, string>();
  const segmented = new Map<string, Segment[]>();
  const duplicates = new Set<string>();
  const damaged = new Set<string>();
  const { found, isCut } = readParameters(rest);
  for (const { name, value, isDamaged } of found) {
    const match = /^([^*]+)(?:\*(\d{1,3}))?(\*)?$/.exec(name);
    const base = match?.[1] ?? name;
    if (isDamaged) damaged.add(base);
    if (match !== null && (match[2] !== undefined || match[3] !== undefined)) {
      const segment = { index: Number(match[2] ?? 0), isEncoded: match[3] !== undefined, value };
      const list = segmented.get(base) ?? [];
      if (list.some((other) => other.index === segment.index)) duplicates.add(base);
      segmented.set(base, [...list, segment]);
    } else if (plain.has(name)) duplicates.add(name);
    else plain.set(name, value);
  }
  for (const [base, segments] of segmented) {
    // RFC 2231 prefers the segments; readers that do not know them take the plain value.
    if (plain.has(base)) duplicates.add(base);
    plain.set(base, joinSegments(segments));
  }
  const isBroken = isCut || found.some(({ isOpen }) => isOpen);
  return { value: head, parameters: plain, duplicates, damaged, isBroken };
}

function splitHead(text: string): { readonly head: string; readonly rest: string } {
  if (!text.includes("(")) {
    const semicolon = text.indexOf(";");
    const end = semicolon === -1 ? text.length : semicolon;
    return { head: text.slice(0, end).trim().toLowerCase(), rest: text.slice(end + 1) };
  }
  let head = "";
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "(") depth++;
    else if (char === ")" && depth > 0) depth--;
    else if (depth === 0 && char === ";") return { head: head.trim().toLowerCase(), rest: text.slice(at + 1) };
    else if (depth === 0) head += char;
  }
  return { head: head.trim().toLowerCase(), rest: "" };
}

function readParameters(text: string): { readonly found: readonly RawParameter[]; readonly isCut: boolean } {
  const found: RawParameter[] = [];
  let at = 0;
  while (at < text.length) {
    const equals = text.indexOf("=", at);
    if (equals === -1) break;
    if (found.length === PARAMETERS_MAX) return { found, isCut: true };
    const semicolon = text.indexOf(";", at);
    if (semicolon !== -1 && semicolon < equals) {
      at = semicolon + 1;
      continue;
    }
    const name = withoutComments(text.slice(at, equals)).trim().toLowerCase();
    const read = readValue(text, equals + 1);
    if (name !== "") found.push({ name, ...read });
    at = read.end;
  }
  return { found, isCut: false };
}

function readValue(text: string, from: number): RawValue {
  let at = from;
  while (/\s/.test(text[at] ?? "")) at++;
  if (text[at] === '"') return readQuoted(text, at + 1);
  const semicolon = text.indexOf(";", at);
  const end = semicolon === -1 ? text.length : semicolon;
  const value = text.slice(at, end).trim();
  return { value, isDamaged: AMBIGUOUS_TOKEN.test(value), isOpen: false, end: end + 1 };
}

function readQuoted(text: string, from: number): RawValue {
  let value = "";
  let hasEscape = false;
  let at = from;
  let kept = from;
  for (; at < text.length && text[at] !== '"'; at++) {
    if (text[at] !== "\\" || at + 1 === text.length) continue;
    hasEscape = true;
    value += text.slice(kept, at);
    at++;
    kept = at;
  }
  value += text.slice(kept, at);
  const isOpen = at >= text.length;
  const semicolon = text.indexOf(";", at);
  const end = semicolon === -1 ? text.length : semicolon;
  const tail = withoutComments(text.slice(at + 1, end)).trim();
  const isDamaged = isOpen || hasEscape || tail !== "" || value.includes("=?");
  return { value, isDamaged, isOpen, end: end + 1 };
}

/** Those without comments inside. */
export function withoutComments(text: string): string {
  return text.includes("(") ? text.replace(/\([^()]*\)/g, "") : text;
}

/** RFC 2231 sections 3 and 4: numbered pieces in order, percent-decoded where marked, charset named by the first. */
function joinSegments(segments: readonly Segment[]): string {
  const ordered = segments.toSorted((a, b) => a.index - b.index);
  const chunks: Buffer[] = [];
  let charset: string | null = null;
  for (const [place, { isEncoded, value }] of ordered.entries()) {
    let encoded = value;
    if (isEncoded && place === 0) {
      const match = /^([^']*)'[^']*'(.*)$/s.exec(value);
      charset = match?.[1] || null;
      encoded = match?.[2] ?? value;
    }
    chunks.push(isEncoded ? percentBytes(encoded) : Buffer.from(value, "utf8"));
  }
  const bytes = Buffer.concat(chunks);
  return decodeCharset(bytes, charset ?? "utf-8") ?? bytes.toString("latin1");
}

function percentBytes(text: string): Buffer {
  const latin = Buffer.from(text, "utf8").toString("latin1");
  const raw = latin.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(raw, "latin1");
}
