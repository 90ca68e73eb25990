/**
 * The text of one leaf part, from the bytes of its body.
 * Promises: never throws; says whether the text is all there is (`isWhole`), and why not; what can be read of a damaged
 * or misnamed part is still given, so that every rule that can run does run. Leaves the walk over parts to extract.ts.
 */
import type { UninspectableReason } from "../../core/findings.ts";
import type { MimePart } from "../../core/mime-structure.ts";
import { decodeCharset, decodeUndeclared } from "../../parts/mime/charset.ts";
import { decodeBase64Loosely, decodeTransfer } from "../../parts/mime/decode-body.ts";
import { contentKindOf, isUtf16, unmarkedUtf16 } from "../../parts/extraction/content-kind.ts";
import type { ContentKind } from "../../parts/extraction/content-kind.ts";
import { encodedRunsOf } from "./encoded-runs.ts";
import { base64PropertiesOf, hasPastedFile, hiddenBehindText, holdsEncrypted, readFiles } from "./files-in-text.ts";
import type { Markup } from "./html-places.ts";
import { htmlToText } from "./html-text.ts";
import { fieldsIn } from "./key-fields.ts";
import { cardTextOf, recordTextOf } from "./records/record-text.ts";
import { hidesInEntities, isXml, retoldTexts } from "./retold-text.ts";
import { layOutTable } from "./tabular-text.ts";
import { tablesIn } from "./text-tables.ts";

export type PartText = {
  readonly texts: readonly string[];
  /** null where the texts tell everything. */
  readonly reason: UninspectableReason | null;
  /** What is known of the first text beside its characters. */
  readonly shown: { /** What HTML says of its lines. */ readonly markup?: () => Markup };
  /** Content-IDs of pictures an HTML text shows. */
  readonly contentIds: ReadonlySet<string>;
  /** What the bytes are, whatever they are called. */
  readonly content: ContentKind;
  /** Files within the text that a reader process reads. */
  readonly files: readonly Buffer[];
  /** A message that the sender encrypted stands in it. */
  readonly holdsEncrypted: boolean;
};

const TEXT_TYPES = new Set([
  "application/json",
  "application/xml",
  "application/xhtml+xml",
  "application/ics",
  "application/x-yaml",
  "application/yaml",
  "application/sql",
  "application/javascript",
  "application/csv",
  "application/ndjson",
  "application/x-ndjson",
  "application/fhir+ndjson",
  "application/hl7-v2",
  "application/x-hl7",
  "application/edi-x12",
  "application/edi-consent",
  "application/edifact",
  "application/pgp-keys",
  "message/delivery-status",
  "message/disposition-notification",
  "message/feedback-report",
  "message/global-delivery-status",
]);
/** Kinds of text whose characters are not yet what a reader sees. */
const CODED_TEXT_TYPES = new Set(["text/rtf", "text/richtext", "text/enriched"]);
const GENERIC_TYPES = new Set([
  "application/octet-stream",
  "application/x-unknown",
  "application/unknown",
  "application/text",
]);
const TEXT_NAMES =
  /\.(?:txt|text|csv|tsv|log|md|json|ndjson|xml|ya?ml|html?|xhtml|ics|vcf|hl7|edi|x12|ccda|cda|fhir|sql|ini|conf|cfg|sh|py|js|ts|c|h|cpp|java|css|patch|diff|pem|pub)$/i;
/** Files inside one text that are looked at. */
const FILES_MAX = 1_000;
/** Rows and fields told once more; later ones are read as they stand, and leave room for the rest of the mail. */
const RETOLD_CHARS_MAX = 1_000_000;
const NOTHING: ReadonlySet<string> = new Set();
/** Charsets in which ASCII bytes are not ASCII text: the raw bytes are a second thing to look at. */
const NOT_ASCII_COMPATIBLE = /^(?:utf-?(?:7|16|32)|ucs|iso-10646|ebcdic|ibm0?37|cp0?37|unicode)/;

const SIGNATURE_TYPES = new Set([
  "application/pgp-signature",
  "application/pkcs7-signature",
  "application/x-pkcs7-signature",
]);

function isSignature(type: string): boolean {
  return SIGNATURE_TYPES.has(type);
}

/** A detached signature, or another short control part, holds a text, or a CMS object without content (RFC 5652 section 5.2). */
export function isControlPart(type: string, kind: ContentKind, head: Buffer): boolean {
  if (type !== "application/pgp-encrypted" && !isSignature(type)) return false;
  if (kind.kind !== "container") return kind.kind === "text";
  return kind.format === "cms" && NO_CONTENT.test(head.toString("hex", 0, 512));
}

/** EncapsulatedContentInfo that ends behind its type, by its length or by the end mark. */
const NO_CONTENT = /(?:300b06092a864886f70d010701|308006092a864886f70d0107010000)/;

/** True where the part is meant to be read as text. */
export function isTextual(part: MimePart): boolean {
  const type = part.contentType;
  if (CODED_TEXT_TYPES.has(type)) return false;
  if (type.startsWith("text/") || TEXT_TYPES.has(type) || /\+(?:json|xml)$/.test(type)) return true;
  return GENERIC_TYPES.has(type) && part.filename !== null && TEXT_NAMES.test(part.filename);
}

type Limits = {
  /** The budget kept the rest of the body away. */
  readonly isCut: boolean;
  /** A picture inside the text below this size is not uninspectable. */
  readonly inlineImageBytesMax: number;
};

/** `bytes` are the body as stored. */
export function readPartText(part: MimePart, bytes: Buffer, { isCut, inlineImageBytesMax }: Limits): PartText {
  const decoded = contentOf(part, bytes);
  const cut: UninspectableReason | null = isCut ? "over_budget" : null;
  const kind = contentKindOf(decoded.bytes);
  if (kind.kind === "container" || kind.kind === "image") return unread(kind);
  if (kind.kind === "binary") return { ...unread(kind), texts: [latin1(decoded.bytes)] };
  const reading = readCharset(part, decoded.bytes);
  const shown = isHtml(part, reading.text) ? htmlShown(reading.text) : plainText(part, reading.text);
  const readable = shown.isHtml ? shown.text : reading.text;
  const record = recordTextOf(readable);
  const encoded = encodedRunsOf(reading.text);
  const hidden = hiddenBehindText(decoded.bytes);
  const files = readFiles([...(shown.embedded ?? []), ...record.files].slice(0, FILES_MAX + 1), inlineImageBytesMax);
  const hasMore = shown.embedded === null || shown.embedded.length + record.files.length > FILES_MAX;
  const markup = !shown.isHtml && isXml(part.contentType, part.filename, reading.text);
  const retold = retoldTexts(reading.text, { isMarkup: markup });
  const hidesFile =
    hasMore ||
    !hidden.isText ||
    (markup && hidesInEntities(reading.text)) ||
    !encoded.isWhole ||
    !files.isWhole ||
    hasPastedFile(reading.text);
  const reason = decoded.reason ?? reading.reason ?? cut ?? (hidesFile ? "unsupported_type" : null);
  return {
    texts: [
      shown.text,
      ...shown.more,
      ...reading.others,
      ...retold,
      ...encoded.texts,
      ...files.texts,
      record.text,
      fieldsIn(readable, RETOLD_CHARS_MAX),
    ].filter((each) => each !== ""),
    reason,
    shown: shown.markup === null || shown.text === "" ? {} : { markup: shown.markup },
    contentIds: shown.contentIds,
    content: kind,
    files: [
      ...files.containers,
      ...hidden.archives,
      ...encoded.containers.filter((file) => !isAmong(files.containers, file)),
    ],
    holdsEncrypted: holdsEncrypted(reading.text),
  };
}

/** Found in another way already, maybe with what stands behind it. */
function isAmong(files: readonly Buffer[], file: Buffer): boolean {
  return files.some((each) => each.subarray(0, SAME_BYTES).equals(file.subarray(0, SAME_BYTES)));
}

const SAME_BYTES = 48;

/** What of a part that is no text can still be read: the characters that stand in it. */
export function readRawText(part: MimePart, bytes: Buffer): readonly string[] {
  const { bytes: content } = contentOf(part, bytes);
  const kind = contentKindOf(content);
  return kind.kind === "text" ? [decodeUndeclared(content)] : [];
}

/** The content without its transfer encoding; damaged base64 is read as far as it goes. */
export function contentOf(
  part: MimePart,
  bytes: Buffer,
): { readonly bytes: Buffer; readonly reason: UninspectableReason | null } {
  const decoded = decodeTransfer(bytes, part.encoding);
  if (decoded.kind === "bytes") return { bytes: decoded.bytes, reason: null };
  const rest = part.encoding === "base64" ? decodeBase64Loosely(bytes) : bytes;
  return { bytes: rest, reason: decoded.reason };
}

function unread(content: ContentKind): PartText {
  return {
    texts: [],
    reason: "unsupported_type",
    shown: {},
    contentIds: NOTHING,
    content,
    files: [],
    holdsEncrypted: false,
  };
}

function latin1(bytes: Buffer): string {
  return bytes.toString("latin1");
}

type CharsetReading = {
  readonly text: string;
  readonly others: readonly string[];
  readonly reason: UninspectableReason | null;
};

export function readCharset(part: MimePart, bytes: Buffer): CharsetReading {
  const charset = part.charset?.trim().toLowerCase() ?? null;
  if (isUtf16(bytes) && (charset === null || !/^(?:utf|ucs)/.test(charset))) {
    const text = decodeCharset(bytes, "utf-16");
    return { text: text ?? latin1(bytes), others: [], reason: text === null ? "unknown_charset" : null };
  }
  const unmarked = bytes.includes(0) ? unmarkedUtf16(bytes) : null;
  if (unmarked !== null) return { text: decodeCharset(bytes, unmarked) ?? "", others: [latin1(bytes)], reason: null };
  const text = isEbcdic(bytes) ? null : decodeCharset(bytes, charset);
  if (text === null) return { text: latin1(bytes), others: [], reason: "unknown_charset" };
  const isCompatible = charset === null || !NOT_ASCII_COMPATIBLE.test(charset);
  return { text, others: isCompatible ? charsetsWithin(bytes, charset) : [latin1(bytes)], reason: null };
}

/** Text of a mainframe: blanks are 0x40 there, letters and digits have the highest bit, and no blank of ASCII stands in it. */
function isEbcdic(bytes: Buffer): boolean {
  const head = bytes.subarray(0, META_WITHIN);
  if (head.length < EBCDIC_BYTES_MIN || head.includes(0x20)) return false;
  let blanks = 0;
  let letters = 0;
  for (const [at, byte] of head.entries()) {
    // Behind 0x81 it is the second byte of a Japanese blank.
    if (byte === 0x40 && head[at - 1] !== 0x81) blanks += 1;
    else if (byte >= 0x81 && byte <= 0xf9) letters += 1;
  }
  return blanks * 50 > head.length && letters * 2 > head.length;
}

const EBCDIC_BYTES_MIN = 32;

/** What the text says of its own charset where the part does not: clients follow a `meta` element, some escape sequences. */
function charsetsWithin(bytes: Buffer, charset: string | null): readonly string[] {
  const head = charset === null ? latin1(bytes.subarray(0, META_WITHIN)) : "";
  const meta = head.includes("<") ? META_CHARSET.exec(head)?.[1]?.toLowerCase() : undefined;
  const named = [meta, bytes.includes("\x1b$") && !charset?.startsWith("iso-2022") ? "iso-2022-jp" : undefined];
  return named.flatMap((each) => (each === undefined || each === "utf-8" ? [] : (decodeCharset(bytes, each) ?? [])));
}

const META_WITHIN = 4_096;
const META_CHARSET = /<meta[^>]{1,300}?charset\s{0,9}=\s{0,9}["']?([a-z0-9_.:-]{1,40})/i;

export function isHtml(part: MimePart, text: string): boolean {
  if (part.contentType === "text/html" || part.contentType === "application/xhtml+xml") return true;
  if (part.filename !== null && /\.x?html?$/i.test(part.filename)) return true;
  return /^\s{0,200}(?:<!doctype html|<html[\s>])/i.test(text.slice(0, 400));
}

type Shown = {
  readonly text: string;
  /** The same, told in another way. */
  readonly more: readonly string[];
  readonly isHtml: boolean;
  readonly markup: (() => Markup) | null;
  readonly contentIds: ReadonlySet<string>;
  readonly embedded: readonly Buffer[] | null;
};

function htmlShown(html: string): Shown {
  return { ...htmlToText(html), more: [], isHtml: true };
}

function plainText(part: MimePart, text: string): Shown {
  const plain = (shown: string, embedded: readonly Buffer[] = [], more: readonly string[] = []): Shown => ({
    text: shown,
    more,
    isHtml: false,
    markup: null,
    contentIds: NOTHING,
    embedded,
  });
  const type = part.contentType;
  const name = part.filename ?? "";
  if (
    /^text\/(?:calendar|x-?vcard|vcard|directory)$/.test(type) ||
    /\.(?:ics|vcf|vcs)$/i.test(name) ||
    /^\s{0,20}BEGIN:V(?:CARD|CALENDAR)\s/i.test(text.slice(0, 40))
  ) {
    // RFC 5545 section 3.1: a line break before white space is not there; \n, \, and \; are escapes.
    const unfolded = text.replace(/\r?\n[ \t]/g, "");
    const shown = unfolded.replace(/\\[nN]/g, "\n").replace(/\\([,;\\])/g, "$1");
    const card = cardTextOf(unfolded);
    return plain(shown, [...base64PropertiesOf(unfolded.replaceAll("\r", "")), ...card.files], [card.text]);
  }
  // RFC 3676 section 4.1: with delsp a line ends in a blank only to be joined to the next, without it.
  if (type === "text/plain" && /^yes$/i.test(part.parameters["delsp"] ?? "")) {
    return plain(`${text.replace(/ \r?\n/g, "")}\n${text}`);
  }
  const isTable =
    /^(?:text\/(?:csv|tab-separated-values|tsv)|application\/csv)$/.test(type) || /\.(?:csv|tsv)$/i.test(name);
  if (isTable) return plain(layOutTable(text, text.length * 4 + 10_000));
  return plain(text, [], [tablesIn(text, RETOLD_CHARS_MAX)]);
}
