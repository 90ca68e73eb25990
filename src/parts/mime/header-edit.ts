/**
 * Edits a header section by byte ranges: fields that must not leave are cut, a tag is taken out of the Subject, and every
 * other byte stays where it was, so that signatures over the rest still hold.
 * Promises: a recipe over the stored blob (core Piece), never a copy of the body. Does not know why a field must go.
 */
import type { BlobRef } from "../../core/blob-store.ts";
import type { Piece } from "../../core/parcel.ts";
import { decodeWords, readHeaders } from "./header-fields.ts";
import type { HeaderField } from "./header-fields.ts";

export type HeaderEditOptions = {
  /** Names of fields to cut, any case. */
  readonly stripNames: readonly string[];
  /** Beginnings of names to cut, any case. */
  readonly stripPrefixes: readonly string[];
  /** Texts taken out of the Subject, any case, such as `[secure]`. */
  readonly subjectTags: readonly string[];
};

/** The options, made ready once for every mail. */
export type HeaderEditRules = {
  /** Lower case. */
  readonly names: ReadonlySet<string>;
  readonly prefixes: readonly string[];
  /** Each tag with the white space behind it; global. Null where there is none. */
  readonly tags: RegExp | null;
};

export type HeaderEdit = {
  readonly start: number;
  readonly end: number;
  /** What stands there instead; empty where the range is only cut. */
  readonly replacement: Buffer;
  /** Lower-cased name of the field that changes. */
  readonly name: string;
};

/** Fields Exchange adds for itself; they tell its inner workings to whoever reads them. */
export const EXCHANGE_INTERNAL_PREFIXES: readonly string[] = [
  "X-MS-Exchange-Organization-",
  "X-MS-Exchange-CrossPremises-",
];

const NOTHING = Buffer.alloc(0);
const ENCODED_BYTES_MAX = 42;
const UNTAG_ROUNDS_MAX = 20;

export function headerEditRules({ stripNames, stripPrefixes, subjectTags }: HeaderEditOptions): HeaderEditRules {
  const tags = subjectTags.filter((tag) => tag !== "").map(escapeRegExp);
  return {
    names: new Set(stripNames.map((name) => name.toLowerCase())),
    prefixes: stripPrefixes.map((prefix) => prefix.toLowerCase()),
    // The white space on one side goes too, so that words do not run together.
    tags: tags.length === 0 ? null : new RegExp(`(?:${tags.join("|")})[ \\t]*`, "gi"),
  };
}

/** What has to change in the header section `header` begins with and `fields` were read from; in order, without overlap. */
export function planHeaderEdit(
  header: Uint8Array,
  fields: readonly HeaderField[],
  { names, prefixes, tags }: HeaderEditRules,
): readonly HeaderEdit[] {
  const edits: HeaderEdit[] = [];
  for (const field of fields) {
    const name = field.name.toLowerCase();
    if (names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) {
      edits.push({ start: field.start, end: field.end, replacement: NOTHING, name });
    } else if (name === "subject" && tags !== null) edits.push(...untag(header, field, tags));
  }
  return edits;
}

/**
 * The message with the edits made. `blobOf` gives the place of a replacement; it is asked only for Subjects that had to
 * be written anew, because those bytes are content and belong in the encrypted store, not in a row.
 */
export async function editedPieces(args: {
  readonly ref: BlobRef;
  readonly end: number;
  readonly edits: readonly HeaderEdit[];
  readonly blobOf: (bytes: Buffer) => Promise<BlobRef>;
}): Promise<readonly Piece[]> {
  const { ref, end, edits, blobOf } = args;
  const pieces: Piece[] = [];
  let at = 0;
  for (const edit of edits) {
    if (edit.start > at) pieces.push({ kind: "blob", ref, start: at, end: edit.start });
    if (edit.replacement.length > 0) {
      const written = await blobOf(edit.replacement);
      pieces.push({ kind: "blob", ref: written, start: 0, end: edit.replacement.length });
    }
    at = edit.end;
  }
  if (at < end) pieces.push({ kind: "blob", ref, start: at, end });
  return pieces;
}

/** The same edits on bytes in memory. */
export function applyEdits(bytes: Uint8Array, edits: readonly HeaderEdit[]): Buffer {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const edit of edits) {
    chunks.push(bytes.subarray(at, edit.start), edit.replacement);
    at = edit.end;
  }
  chunks.push(bytes.subarray(at));
  return Buffer.concat(chunks);
}

function untag(header: Uint8Array, field: HeaderField, tags: RegExp): readonly HeaderEdit[] {
  const text = decodeWords(field.value);
  const clean = withoutTags(text, tags);
  if (clean === text) return [];
  const bytes = Buffer.from(header.buffer, header.byteOffset + field.start, field.end - field.start);
  // Latin-1 keeps one character per byte: what is found here can be cut by offset.
  const raw = bytes.toString("latin1");
  const cuts = tagRanges(raw, raw.indexOf(":") + 1, tags);
  if (cuts.length > 0 && readsAs(without(raw, cuts), clean)) {
    return cuts.map(([from, to]) => ({
      start: field.start + from,
      end: field.start + to,
      replacement: NOTHING,
      name: "subject",
    }));
  }
  return [{ start: field.start, end: field.end, replacement: subjectField(field.name, clean), name: "subject" }];
}

/** Again while cutting one tag lets another come together, within reason: a tag left over harms nobody. */
function withoutTags(text: string, tags: RegExp): string {
  let clean = text;
  for (let round = 0; round < UNTAG_ROUNDS_MAX; round++) {
    const found = tagRanges(clean, 0, tags);
    if (found.length === 0) break;
    clean = without(clean, found).trim();
  }
  return clean;
}

/** Ranges of the tags from `from` on. */
function tagRanges(text: string, from: number, tags: RegExp): readonly (readonly [number, number])[] {
  const ranges: (readonly [number, number])[] = [];
  tags.lastIndex = from;
  for (let match = tags.exec(text); match !== null; match = tags.exec(text)) {
    ranges.push([match.index, match.index + match[0].length]);
  }
  return ranges;
}

/** True where the cut field says what it should: no tag in an encoded word, no continuation line left empty. */
function readsAs(rest: string, clean: string): boolean {
  if (/\n[ \t]*\r?\n/.test(rest)) return false;
  const value = readHeaders(Buffer.from(rest, "latin1"))[0]?.value ?? "";
  return decodeWords(value) === clean;
}

function without(text: string, ranges: readonly (readonly [number, number])[]): string {
  let kept = "";
  let at = 0;
  for (const [from, to] of ranges) {
    kept += text.slice(at, from);
    at = to;
  }
  return kept + text.slice(at);
}

function subjectField(name: string, text: string): Buffer {
  const line = `${name}: ${text}`;
  if (/^[\x20-\x7e]*$/.test(line) && line.length <= 900 && !line.includes("=?")) return Buffer.from(`${line}\r\n`);
  return Buffer.from(`${name}: ${encodeWords(text)}\r\n`);
}

/** Text as encoded words, one a line, characters whole (RFC 2047 sections 2 and 5). */
export function encodeWords(text: string): string {
  const words: string[] = [];
  let piece = "";
  for (const char of text) {
    if (Buffer.byteLength(piece + char) > ENCODED_BYTES_MAX) {
      words.push(piece);
      piece = "";
    }
    piece += char;
  }
  if (piece !== "" || words.length === 0) words.push(piece);
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString("base64")}?=`).join("\r\n ");
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
