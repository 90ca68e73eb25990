/**
 * The directory of a ZIP archive (PKWARE APPNOTE 6.3, sections 4.3 to 4.5), held against what stands before each entry.
 * Promises: linear in the number of entries; every entry lies inside the archive, before the directory, and apart from all
 * others. Where readers would disagree on what the archive holds, `isAmbiguous` says so. Leaves inflating to zip-entry.ts.
 */
import { Unreadable } from "./reading.ts";
import { extraField, nameOfEntry } from "./zip-name.ts";

export type ZipEntry = {
  readonly name: string;
  /** The names before the content and beside the one in Unicode, where they are others. */
  readonly otherNames: readonly string[];
  readonly comment: string;
  readonly isEncrypted: boolean;
  readonly isFolder: boolean;
  readonly method: number;
  readonly crc32: number;
  readonly compressed: Buffer;
  /** As the directory says. */
  readonly sizeBytes: number;
};

export type ZipDirectory = {
  readonly entries: readonly ZipEntry[];
  readonly comment: string;
  readonly isAmbiguous: boolean;
};

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 65_535;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
/** Signature, checksum and two sizes of eight bytes: what may stand behind an entry whose sizes were not known before it. */
const DESCRIPTOR_BYTES_MAX = 24;
/** The end of a block, and nothing in it. */
const NOTHING_DEFLATED_BYTES = 2;
const UNKNOWN_32 = 0xffff_ffff;
const ENCRYPTED = 0x0001;
const SIZES_FOLLOW = 0x0008;
/** Central directory encryption, and strong encryption. */
const HIDDEN = 0x2040;

type End = { readonly count: number; readonly size: number; readonly offset: number; readonly at: number };

/** Throws Unreadable. `onEntries` is told their number before they are read. */
export function readZipDirectory(bytes: Buffer, onEntries: (count: number) => void): ZipDirectory {
  const endAt = findEnd(bytes);
  const end = endOf(bytes, endAt);
  if (end.offset + end.size !== end.at || end.count * CENTRAL_BYTES > end.size) throw new Unreadable("damaged");
  onEntries(end.count);
  const entries: ZipEntry[] = [];
  const spans: Span[] = [];
  let at = end.offset;
  let isAmbiguous = false;
  for (let index = 0; index < end.count; index += 1) {
    const central = centralAt(bytes, at, end.at);
    const local = localAt(bytes, central, end.offset);
    spans.push(local);
    isAmbiguous ||= !local.agrees;
    entries.push(entryOf(central, local, bytes));
    at = central.next;
  }
  if (at !== end.at) throw new Unreadable("damaged");
  const comment = bytes.subarray(endAt + END_BYTES);
  return {
    entries,
    comment: nameOfEntry(comment, { isUtf8: false, extra: comment.subarray(comment.length) }),
    isAmbiguous: isAmbiguous || !areApart(spans, end.offset),
  };
}

/** The last end record whose comment reaches to the end of the archive. Behind it nothing may stand. */
function findEnd(bytes: Buffer): number {
  const lowest = Math.max(0, bytes.length - END_BYTES - COMMENT_BYTES_MAX);
  for (let at = bytes.length - END_BYTES; at >= lowest; at -= 1) {
    if (bytes[at] !== 0x50 || bytes.readUInt32LE(at) !== END_SIGNATURE) continue;
    if (at + END_BYTES + bytes.readUInt16LE(at + 20) === bytes.length) return at;
  }
  throw new Unreadable("damaged");
}

function endOf(bytes: Buffer, at: number): End {
  const count = bytes.readUInt16LE(at + 10);
  const size = bytes.readUInt32LE(at + 12);
  const offset = bytes.readUInt32LE(at + 16);
  // Parts on several disks.
  if (bytes.readUInt32LE(at + 4) !== 0 || bytes.readUInt16LE(at + 8) !== count) throw new Unreadable("damaged");
  const locator = at - LOCATOR_BYTES;
  if (locator < 0 || bytes.readUInt32LE(locator) !== LOCATOR_SIGNATURE) return { count, size, offset, at };
  const at64 = smallNumber(bytes, locator + 8);
  if (at64 + END64_BYTES > locator || bytes.readUInt32LE(at64) !== END64_SIGNATURE) throw new Unreadable("damaged");
  const end64 = {
    count: smallNumber(bytes, at64 + 32),
    size: smallNumber(bytes, at64 + 40),
    offset: smallNumber(bytes, at64 + 48),
    at: at64,
  };
  const agrees = (short: number, long: number, unknown: number): boolean => short === unknown || short === long;
  if (!agrees(count, end64.count, 0xffff) || !agrees(offset, end64.offset, UNKNOWN_32)) throw new Unreadable("damaged");
  return end64;
}

/** A number of eight bytes; no archive in memory needs the upper ones. */
function smallNumber(bytes: Buffer, at: number): number {
  if (at + 8 > bytes.length || bytes.readUInt32LE(at + 4) !== 0) throw new Unreadable("damaged");
  return bytes.readUInt32LE(at);
}

type Central = {
  readonly flags: number;
  readonly method: number;
  readonly crc32: number;
  readonly compressedBytes: number;
  readonly sizeBytes: number;
  readonly localAt: number;
  readonly rawName: Buffer;
  readonly extra: Buffer;
  readonly comment: Buffer;
  readonly next: number;
};

function centralAt(bytes: Buffer, at: number, end: number): Central {
  if (at + CENTRAL_BYTES > end || bytes.readUInt32LE(at) !== CENTRAL_SIGNATURE) throw new Unreadable("damaged");
  const nameEnd = at + CENTRAL_BYTES + bytes.readUInt16LE(at + 28);
  const extraEnd = nameEnd + bytes.readUInt16LE(at + 30);
  const next = extraEnd + bytes.readUInt16LE(at + 32);
  if (next > end || bytes.readUInt16LE(at + 34) !== 0) throw new Unreadable("damaged");
  const extra = bytes.subarray(nameEnd, extraEnd);
  const [sizeBytes = 0, compressedBytes = 0, localHeaderAt = 0] = sizesOf(
    [bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42)],
    extra,
  );
  return {
    flags: bytes.readUInt16LE(at + 8),
    method: bytes.readUInt16LE(at + 10),
    crc32: bytes.readUInt32LE(at + 16),
    compressedBytes,
    sizeBytes,
    localAt: localHeaderAt,
    rawName: bytes.subarray(at + CENTRAL_BYTES, nameEnd),
    extra,
    comment: bytes.subarray(extraEnd, next),
    next,
  };
}

/** Numbers that do not fit stand in the ZIP64 extra field (4.5.3), in this order and only those. */
function sizesOf(short: readonly number[], extra: Buffer): readonly number[] {
  const field = extraField(extra, 0x0001);
  let at = 0;
  return short.map((value) => {
    if (value !== UNKNOWN_32) return value;
    if (field === null) throw new Unreadable("damaged");
    at += 8;
    return smallNumber(field, at - 8);
  });
}

/** From the local header to the end of the content. */
type Span = {
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;
  readonly rawName: Buffer;
  readonly sizesFollow: boolean;
  readonly agrees: boolean;
};

function localAt(bytes: Buffer, central: Central, directoryAt: number): Span {
  const at = central.localAt;
  if (at + LOCAL_BYTES > directoryAt || bytes.readUInt32LE(at) !== LOCAL_SIGNATURE) throw new Unreadable("damaged");
  const nameEnd = at + LOCAL_BYTES + bytes.readUInt16LE(at + 26);
  const contentStart = nameEnd + bytes.readUInt16LE(at + 28);
  const end = contentStart + central.compressedBytes;
  if (end > directoryAt) throw new Unreadable("damaged");
  const flags = bytes.readUInt16LE(at + 6);
  const rawName = bytes.subarray(at + LOCAL_BYTES, nameEnd);
  const agreesOn = (offset: number, value: number): boolean => {
    const said = bytes.readUInt32LE(at + offset);
    return said === value || said === UNKNOWN_32 || (said === 0 && (flags & SIZES_FOLLOW) !== 0);
  };
  const agrees =
    rawName.equals(central.rawName) &&
    flags === central.flags &&
    bytes.readUInt16LE(at + 8) === central.method &&
    agreesOn(18, central.compressedBytes) &&
    agreesOn(22, central.sizeBytes);
  return { start: at, contentStart, end, rawName, sizesFollow: (flags & SIZES_FOLLOW) !== 0, agrees };
}

/** No two entries share a byte (that would be throwing), and nothing lies hidden between them. */
function areApart(spans: readonly Span[], directoryAt: number): boolean {
  let at = 0;
  let room = 0;
  let isTight = true;
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    if (span.start < at) throw new Unreadable("damaged");
    isTight &&= span.start - at <= room;
    at = span.end;
    room = span.sizesFollow ? DESCRIPTOR_BYTES_MAX : 0;
  }
  return isTight && directoryAt - at <= room;
}

function entryOf(central: Central, local: Span, bytes: Buffer): ZipEntry {
  const naming = { isUtf8: (central.flags & 0x0800) !== 0, extra: central.extra };
  const name = nameOfEntry(central.rawName, naming);
  const alone = { ...naming, extra: central.extra.subarray(central.extra.length) };
  return {
    name,
    otherNames: [...new Set([local.rawName, central.rawName].map((raw) => nameOfEntry(raw, alone)))].filter(
      (other) => other !== name,
    ),
    comment: nameOfEntry(central.comment, alone),
    isEncrypted: (central.flags & (ENCRYPTED | HIDDEN)) !== 0,
    isFolder: /[/\\]$/.test(name) && central.sizeBytes === 0 && central.compressedBytes <= NOTHING_DEFLATED_BYTES,
    method: central.method,
    crc32: central.crc32,
    compressed: bytes.subarray(local.contentStart, local.end),
    sizeBytes: central.sizeBytes,
  };
}
