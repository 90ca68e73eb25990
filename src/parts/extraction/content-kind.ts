/**
 * Tells what bytes are by how they begin, whatever name or type they travel under.
 * Promises: pure; looks at the first SNIFF_BYTES only; a text is a text only when it holds no control characters.
 */
import { holdsControl } from "./four-bytes.ts";
import { tarChecksumFits } from "./tar-checksum.ts";

export const SNIFF_BYTES = 4_096;

export type ContentKind =
  | { readonly kind: "container"; readonly format: string }
  | { readonly kind: "image" }
  | { readonly kind: "text" }
  | { readonly kind: "binary" };

/** Formats the reader processes read. */
const READ_FORMATS: ReadonlySet<string> = new Set([
  "zip",
  "ole",
  "tnef",
  "rtf",
  "pdf",
  "dicom",
  "gzip",
  "zstd",
  "tar",
  "cms",
]);

export function hasReader(kind: ContentKind): boolean {
  return kind.kind === "container" && READ_FORMATS.has(kind.format);
}

const PDF_HEADER_WITHIN = 1_024;

type Magic = { readonly format: string; readonly bytes: readonly number[]; readonly at?: number };

const ascii = (text: string): readonly number[] => Array.from(text, (character) => character.charCodeAt(0));

/** Formats that hold text which only their own reader can show. */
const CONTAINERS: readonly Magic[] = [
  { format: "zip", bytes: [0x50, 0x4b, 0x03, 0x04] },
  { format: "zip", bytes: [0x50, 0x4b, 0x05, 0x06] },
  { format: "zip", bytes: [0x50, 0x4b, 0x07, 0x08] },
  { format: "pdf", bytes: ascii("%PDF-") },
  { format: "ole", bytes: [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1] },
  { format: "gzip", bytes: [0x1f, 0x8b] },
  { format: "bzip2", bytes: ascii("BZh") },
  { format: "xz", bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { format: "7z", bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] },
  { format: "rar", bytes: ascii("Rar!\x1a\x07") },
  // Word asks for no more.
  { format: "rtf", bytes: ascii("{\\rt") },
  { format: "postscript", bytes: ascii("%!PS") },
  { format: "tnef", bytes: [0x78, 0x9f, 0x3e, 0x22] },
  { format: "rpmsg", bytes: [0x76, 0xe8, 0x04, 0x60, 0xc4, 0x11, 0xe3, 0x86] },
  { format: "dicom", bytes: ascii("DICM"), at: 128 },
  { format: "cab", bytes: ascii("MSCF") },
  { format: "zstd", bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { format: "sqlite", bytes: ascii("SQLite format 3\0") },
  { format: "tar", bytes: ascii("ustar"), at: 257 },
];

const IMAGES: readonly Magic[] = [
  { format: "png", bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { format: "jpeg", bytes: [0xff, 0xd8, 0xff] },
  { format: "gif", bytes: ascii("GIF8") },
  { format: "bmp", bytes: ascii("BM") },
  { format: "webp", bytes: ascii("WEBP"), at: 8 },
  { format: "tiff", bytes: [0x49, 0x49, 0x2a, 0x00] },
  { format: "tiff", bytes: [0x4d, 0x4d, 0x00, 0x2a] },
  { format: "ico", bytes: [0x00, 0x00, 0x01, 0x00] },
  { format: "heif", bytes: ascii("ftyp"), at: 4 },
];

export function contentKindOf(bytes: Uint8Array): ContentKind {
  const container = CONTAINERS.find((magic) => startsWith(bytes, magic)) ?? latePdf(bytes);
  if (container !== undefined) return { kind: "container", format: container.format };
  // What is signed may be a text, and most of its bytes with it.
  if (isCms(bytes)) return { kind: "container", format: "cms" };
  // A text may begin with "BM" or "GIF8" too; a picture's next bytes are no text.
  const isText = looksLikeText(bytes.subarray(0, SNIFF_BYTES));
  if (!isText && IMAGES.some((magic) => startsWith(bytes, magic))) return { kind: "image" };
  if (isText) return { kind: "text" };
  const unmarked = UNMARKED.find(({ isIt }) => isIt(bytes));
  return unmarked === undefined ? { kind: "binary" } : { kind: "container", format: unmarked.format };
}

/** Formats told by their structure. */
const UNMARKED: readonly { readonly format: string; readonly isIt: (bytes: Uint8Array) => boolean }[] = [
  { format: "dicom", isIt: isBareDicom },
  { format: "tar", isIt: tarChecksumFits },
];

/** A data set without preamble (PS3.5 section 7.1): file meta information, or the first elements of group 0008. */
function isBareDicom(bytes: Uint8Array): boolean {
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
  const isBig = first === 0;
  const [group, element] = isBig ? [second, fourth] : [first, third];
  const isFirst = (group === 2 || group === 8) && element < 0xf0 && (isBig ? third : second + fourth) === 0;
  if (!isFirst) return false;
  const vr = String.fromCharCode(bytes[4] ?? 0, bytes[5] ?? 0);
  if (/^(?:UL|CS|UI|OB|DA|SH|LO)$/.test(vr)) return true;
  // Without representations the length stands there, and behind the value an element of the same group.
  const length = (bytes[4] ?? 0) + (bytes[5] ?? 0) * 256;
  if (isBig || length > 256 || length % 2 === 1 || bytes[6] !== 0 || bytes[7] !== 0) return false;
  return bytes[8 + length] === group && bytes[9 + length] === 0;
}

/** ContentInfo (RFC 5652 section 3): a sequence that begins with an object identifier below PKCS #7 or S/MIME's types. */
function isCms(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x30) return false;
  const length = bytes[1] ?? 0;
  const at = length > 0x80 ? 2 + (length & 0x7f) : 2;
  const oid = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 32)).toString("hex", at, at + 12);
  return oid.startsWith("06092a864886f70d0107") || oid.startsWith("060b2a864886f70d01091001");
}

/** Readers of PDF take its header anywhere in the first kibibyte (ISO 32000-1 annex H.3.4.1). */
function latePdf(bytes: Uint8Array): Pick<Magic, "format"> | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, PDF_HEADER_WITHIN));
  return /%PDF-[12]\.\d/.test(head.toString("latin1")) ? { format: "pdf" } : undefined;
}

function startsWith(bytes: Uint8Array, { bytes: magic, at = 0 }: Magic): boolean {
  return bytes[at] === magic[0] && magic.every((byte, index) => bytes[at + index] === byte);
}

/** Control characters that texts do hold are 0: bell to carriage return, shift in and out, escape (ISO-2022), separators (X12). */
const STRANGE_CONTROLS = Uint8Array.from({ length: 128 }, (_, byte) =>
  (byte >= 7 && byte <= 15) || (byte >= 27 && byte <= 31) ? 0 : 1,
);

function looksLikeText(bytes: Uint8Array): boolean {
  return isUtf16(bytes) || strangeBytesOf(bytes) * 50 <= bytes.length || unmarkedUtf16(bytes) !== null;
}

const headFours = new Int32Array(SNIFF_BYTES / 4);
const head = Buffer.from(headFours.buffer);

/** Of at most SNIFF_BYTES. */
function strangeBytesOf(bytes: Uint8Array): number {
  head.set(bytes);
  const fours = (bytes.length + 3) >> 2;
  head.fill(32, bytes.length, fours * 4);
  let strange = 0;
  for (let at = 0; at < fours; at += 1) if (holdsControl(headFours[at] ?? 0)) strange += strangeOfFour(at * 4);
  return strange;
}

function strangeOfFour(start: number): number {
  let strange = 0;
  for (let at = start; at < start + 4; at += 1) {
    const byte = head[at] ?? 0;
    if (byte < 32 || byte === 127) strange += STRANGE_CONTROLS[byte] ?? 0;
  }
  return strange;
}

/** A byte order mark of UTF-16. */
export function isUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

/** UTF-16 without a mark, of mostly western text: every other byte is zero, and hardly one of the rest a control character. */
export function unmarkedUtf16(bytes: Uint8Array): "utf-16le" | "utf-16be" | null {
  const end = Math.min(bytes.length, SNIFF_BYTES) & ~1;
  if (end < 8 || bytes.length % 2 === 1) return null;
  const zeros = [0, 0];
  let strange = 0;
  for (let at = 0; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) zeros[at & 1] = (zeros[at & 1] ?? 0) + 1;
    else if (byte < 32) strange += STRANGE_CONTROLS[byte] ?? 0;
  }
  const [even = 0, odd = 0] = zeros;
  const pairs = end / 2;
  if (strange * 50 > pairs || Math.min(even, odd) > 0 || Math.max(even, odd) < pairs * 0.8) return null;
  return odd > even ? "utf-16le" : "utf-16be";
}

/** What a file of such a name is meant to be; a name not listed promises nothing. */
const PROMISES: ReadonlyMap<string, readonly string[]> = new Map([
  ...pairs("zip docx xlsx pptx docm xlsm pptm dotx xltx potx ppsx odt ods odp odg jar epub", ["zip"]),
  // An Office document with a password is a compound file.
  ...pairs("docx xlsx pptx docm xlsm pptm", ["zip", "ole"]),
  ...pairs("doc xls ppt msg", ["ole"]),
  ...pairs("tnef", ["tnef"]),
  ...pairs("pdf", ["pdf"]),
  ...pairs("rtf", ["rtf"]),
  ...pairs("gz tgz", ["gzip"]),
  ...pairs("tar", ["tar"]),
  ...pairs("bz2 tbz2 tbz", ["bzip2"]),
  ...pairs("xz txz", ["xz"]),
  ...pairs("zst tzst", ["zstd"]),
  ...pairs("7z", ["7z"]),
  ...pairs("rar", ["rar"]),
  ...pairs("cab", ["cab"]),
  ...pairs("dcm dicom", ["dicom"]),
  // In PEM it is a text.
  ...pairs("p7m p7s p7c", ["cms", "text"]),
  ...pairs("ps eps", ["postscript", "binary"]),
  // Films begin like pictures of one family.
  ...pairs("mp3 mp4 m4a m4v mov wav avi mkv webm ogg flac", ["image", "binary"]),
  ...pairs("png jpg jpeg gif bmp webp tif tiff ico heic heif", ["image"]),
  ...pairs("txt text csv tsv log md json xml yaml yml html htm ics vcf hl7 eml mbox edi x12 svg ini conf sql", [
    "text",
  ]),
]);

function pairs(names: string, formats: readonly string[]): readonly (readonly [string, readonly string[]])[] {
  return names.split(" ").map((name) => [name, formats] as const);
}

/** True where the name promises another kind of content. */
export function isMisnamed(name: string | null, kind: ContentKind): boolean {
  const extension = /\.([a-z0-9]{1,5})$/i.exec(name ?? "")?.[1]?.toLowerCase();
  const promised = extension === undefined ? undefined : PROMISES.get(extension);
  return promised !== undefined && !promised.includes(kind.kind === "container" ? kind.format : kind.kind);
}
