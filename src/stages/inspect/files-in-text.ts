/**
 * Files that travel inside a text: `data:` URLs of markup (RFC 2397), attachments and photos of calendars and vCards
 * (RFC 5545, RFC 6350), and files pasted by uuencode, yEnc, BinHex or OpenPGP armour.
 * Promises: never throws; linear time. What the files hold is the caller's to judge.
 */
import { decodeBase64Loosely } from "../../parts/mime/decode-body.ts";
import { decodeUndeclared } from "../../parts/mime/charset.ts";
import { archiveBehind } from "../../parts/extraction/archive-behind.ts";
import { contentKindOf, hasReader, isUtf16, SNIFF_BYTES, unmarkedUtf16 } from "../../parts/extraction/content-kind.ts";
import { isArmouredMessage } from "./protected-content.ts";

/** Media type, parameters, and data up to where markup or a style sheet ends a URL. */
const DATA_URL = /\bdata:[^,;"'()<>\s]{0,100}((?:;[^,;"'()<>]{0,100}){0,5}),([^"'()<>]*)/gi;
/** A property value in base64: RFC 5545 writes BASE64, vCard 3.0 writes b. */
const BASE64_PROPERTY = /^[^\n:]{1,200};ENCODING=(?:BASE64|B)(?:;[^\n:]{0,200})?:([A-Za-z0-9+/= \t\r]*)$/gim;
const UUENCODE = /^begin [0-7]{3,4} [^\r\n]{1,200}\r?\n([ -`])([ -`]*)$/gm;
/** Opens of them all, seen by a plain search faster than by their patterns. */
const ARMOUR = "-----BEGIN PGP MESSAGE-----";
const PASTED_OPENINGS = ["begin ", "=y", "=Y", "(T", "(t", ARMOUR] as const;
const OTHER_PASTED =
  /^=ybegin (?:part=\d{1,9} )?(?:total=\d{1,9} )?line=\d|^\(This file must be converted with BinHex/im;

const ARMOURED = /^-----BEGIN PGP MESSAGE-----[^]*?(?:^-----END PGP MESSAGE-----|$(?![^]))/gm;

/** The content of each `data:` URL in a piece of markup whose entities are decoded. */
export function* dataUrlsIn(text: string): Generator<Buffer, void, undefined> {
  for (const match of text.matchAll(DATA_URL)) {
    const data = percentDecoded(match[2] ?? "");
    yield /;\s*base64\s*$/i.test(match[1] ?? "") ? decodeBase64Loosely(data) : data;
  }
}

/** The content of each base64 property of an unfolded calendar or vCard. */
export function base64PropertiesOf(text: string): readonly Buffer[] {
  return Array.from(text.matchAll(BASE64_PROPERTY), (match) =>
    decodeBase64Loosely(Buffer.from(match[1] ?? "", "latin1")),
  );
}

/** True where a message that OpenPGP encrypted stands in the text, alone or beside other words. */
export function holdsEncrypted(text: string): boolean {
  if (!text.includes(ARMOUR)) return false;
  for (const [block] of text.matchAll(ARMOURED)) if (isArmouredMessage(block)) return true;
  return false;
}

/** True where a file stands in the text in a form that some readers decode. */
export function hasPastedFile(text: string): boolean {
  if (!PASTED_OPENINGS.some((opening) => text.includes(opening))) return false;
  if (OTHER_PASTED.test(text)) return true;
  // Armoured and not encrypted: compressed or literal data that every reader of OpenPGP shows.
  for (const [block] of text.matchAll(ARMOURED)) if (!isArmouredMessage(block)) return true;
  for (const match of text.matchAll(UUENCODE)) {
    // The first character tells how many bytes its line holds; 45 make a full one.
    const sizeBytes = ((match[1] ?? "").charCodeAt(0) - 32) & 63;
    if (sizeBytes === 45 || (sizeBytes > 0 && (match[2] ?? "").length >= Math.ceil((sizeBytes * 4) / 3))) return true;
  }
  return false;
}

/** What stands behind the beginning by which a file was taken for a text: an archive, or bytes that are none. */
export function hiddenBehindText(bytes: Buffer): { readonly archives: readonly Buffer[]; readonly isText: boolean } {
  // Every archive holds one, and hardly a text.
  if (!bytes.includes(0)) return NOTHING_HIDDEN;
  const archive = archiveBehind(bytes, 1);
  return {
    archives: archive === null ? [] : [archive],
    isText: isUtf16(bytes) || unmarkedUtf16(bytes) !== null || isTextBehind(bytes),
  };
}

const NOTHING_HIDDEN = { archives: [], isText: true };

function isTextBehind(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(0, SNIFF_BYTES); at !== -1;) {
    const start = at - (at % SNIFF_BYTES);
    if (contentKindOf(bytes.subarray(start, start + SNIFF_BYTES)).kind === "binary") return false;
    at = bytes.indexOf(0, start + SNIFF_BYTES);
  }
  return true;
}

/** The texts among files, those that a reader process reads, and whether there is one that can hold what is not read. */
export function readFiles(
  files: readonly Buffer[],
  imageBytesMax: number,
): { readonly texts: readonly string[]; readonly containers: readonly Buffer[]; readonly isWhole: boolean } {
  const texts: string[] = [];
  const containers: Buffer[] = [];
  let isWhole = true;
  for (const file of files) {
    const content = contentKindOf(file);
    if (content.kind === "text") texts.push(textOf(file));
    else if (hasReader(content)) containers.push(file);
    else if (content.kind !== "image" || file.length >= imageBytesMax) isWhole = false;
  }
  return { texts, containers, isWhole };
}

/** Markup and plain text are both told as they stand; what stands between tags once more. */
function textOf(file: Buffer): string {
  const text = decodeUndeclared(file);
  return /<[a-z!?]/i.test(text.slice(0, 2_000)) ? `${text}\n${text.replace(/<[^<>]{0,2000}>/g, " ")}` : text;
}

export function percentDecoded(text: string): Buffer {
  const latin = Buffer.from(text, "utf8").toString("latin1");
  const raw = latin.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(raw, "latin1");
}
