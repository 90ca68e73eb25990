/**
 * Reads tar archives (POSIX.1-2024 ustar and pax, GNU long names, and the format of the seventh edition).
 * Promises: each header is held against its checksum; names from the header, from pax records and from GNU entries are all told,
 * links too; a sparse file is `unsupported_type`; what stands behind the end is a `structure_defect`, a cut archive `damaged`.
 */
import { attempt, readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { TAR_BLOCK_BYTES, tarChecksumFits } from "./tar-checksum.ts";

const SIZE_AT = 124;
const SIZE_BYTES = 12;
/** A file of names only, for the entry after it. */
const EXTENSION_BYTES_MAX = 1024 * 1024;

type Header = {
  readonly name: string;
  readonly link: string;
  readonly type: string;
  readonly sizeBytes: number;
};
type Extension = {
  readonly names: readonly string[];
  readonly remarks: readonly string[];
  readonly sizeBytes: number | null;
};

const NO_EXTENSION: Extension = { names: [], remarks: [], sizeBytes: null };

export async function readTar(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  let extension = NO_EXTENSION;
  let index = 0;
  let at = 0;
  for (; at + TAR_BLOCK_BYTES <= bytes.length && bytes[at] !== 0;) {
    if (!tarChecksumFits(bytes.subarray(at, at + TAR_BLOCK_BYTES))) throw new Unreadable("damaged");
    const header = headerOf(bytes.subarray(at, at + TAR_BLOCK_BYTES));
    const start = at + TAR_BLOCK_BYTES;
    const sizeBytes = extendsNext(header.type) ? header.sizeBytes : (extension.sizeBytes ?? header.sizeBytes);
    reading.spendEntries(1);
    reading.checkTime();
    if (start + sizeBytes > bytes.length) throw new Unreadable("damaged");
    const data = bytes.subarray(start, start + sizeBytes);
    at = start + Math.ceil(sizeBytes / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
    if (extendsNext(header.type)) {
      extension = extended(extension, header.type, data);
      continue;
    }
    index += 1;
    await readEntry({ header, extension, data }, { ...content, place: within(content.place, index) }, reading);
    extension = NO_EXTENSION;
  }
  if (at < bytes.length && bytes[at] !== 0) throw new Unreadable("damaged");
  // The end is marked by zeros; some writers fill up to a block of their own.
  if (bytes.subarray(at).some((byte) => byte !== 0)) reading.unread(content.place, "structure_defect");
}

/** Pax records, for the next entry or for all; a long name or link of GNU. */
function extendsNext(type: string): boolean {
  return type === "x" || type === "g" || type === "L" || type === "K";
}

function headerOf(block: Buffer): Header {
  const type = String.fromCharCode(block[156] ?? 0).replace("\0", "0");
  const isUstar = block.toString("latin1", 257, 262) === "ustar";
  const folder = isUstar && block.toString("latin1", 257, 263) === "ustar\0" ? text(block.subarray(345, 500)) : "";
  const name = text(block.subarray(0, 100));
  return {
    name: folder === "" ? name : `${folder}/${name}`,
    link: text(block.subarray(157, 257)),
    type,
    sizeBytes: sizeOf(block.subarray(SIZE_AT, SIZE_AT + SIZE_BYTES)),
  };
}

/** Octal digits, or where the first bit is set a number of eleven bytes (GNU). */
function sizeOf(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    if ((field[0] ?? 0) !== 0x80 || field.subarray(1, 6).some((byte) => byte !== 0)) throw new Unreadable("damaged");
    return field.readUIntBE(6, 6);
  }
  const digits = text(field).trim();
  if (!/^[0-7]{0,12}$/.test(digits)) throw new Unreadable("damaged");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** Up to the first NUL. */
function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? field.length : end);
}

function extended(before: Extension, type: string, data: Buffer): Extension {
  if (data.length > EXTENSION_BYTES_MAX) throw new Unreadable("over_budget");
  if (type === "L" || type === "K") return { ...before, names: [...before.names, text(data)] };
  const records = paxRecords(data);
  const names = records.filter(([key]) => key === "path" || key === "linkpath" || key === "GNU.sparse.name");
  const rest = records.filter((record) => !names.includes(record));
  const size = records.findLast(([key]) => key === "size")?.[1];
  return {
    names: [...before.names, ...names.map(([, value]) => value)],
    remarks: [...before.remarks, ...rest.map(([key, value]) => `${key}: ${value}`)],
    sizeBytes: size !== undefined && /^\d{1,15}$/.test(size) ? Number(size) : before.sizeBytes,
  };
}

/** `LENGTH KEY=VALUE\n`, the length counting all of it. */
function paxRecords(data: Buffer): readonly (readonly [string, string])[] {
  const records: (readonly [string, string])[] = [];
  for (let at = 0; at < data.length;) {
    const length = /^(\d{1,8}) /.exec(data.toString("latin1", at, at + 10))?.[1];
    if (length === undefined || Number(length) < 5 || at + Number(length) > data.length)
      throw new Unreadable("damaged");
    const record = data.toString("utf8", at + length.length + 1, at + Number(length) - 1);
    const equals = record.indexOf("=");
    records.push([record.slice(0, Math.max(0, equals)), record.slice(equals + 1)]);
    at += Number(length);
  }
  return records;
}

type Entry = { readonly header: Header; readonly extension: Extension; readonly data: Buffer };

async function readEntry({ header, extension, data }: Entry, content: Content, reading: Reading): Promise<void> {
  const { place, depth } = content;
  const isSparse = header.type === "S" || extension.remarks.some((remark) => remark.startsWith("GNU.sparse"));
  for (const name of new Set([header.name, header.link, ...extension.names]))
    if (name !== "") reading.name(place, name);
  reading.text(place, extension.remarks.join("\n"));
  if (isSparse) return reading.unread(place, "unsupported_type");
  if (data.length === 0) return;
  const name = extension.names.at(-1) ?? header.name;
  await attempt(place, reading, () => readContent(data, { place, name, depth: depth + 1 }, reading));
}
