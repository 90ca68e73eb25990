/**
 * Reads single compressed files: gzip (RFC 1952) and Zstandard (RFC 8878).
 * Promises: what inflates is read as a file of its own, also where the stream is damaged behind it, and the damage is told.
 */
import { inflate } from "./inflate.ts";
import { readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";

const HEADER_BYTES = 10;
const FLAG = { headerSum: 2, extra: 4, name: 8, comment: 16 } as const;
type Header = { readonly name: string | null; readonly comment: string | null; readonly bodyAt: number };
const NO_HEADER: Header = { name: null, comment: null, bodyAt: 0 };
const INNER_NAMES: Readonly<Record<string, string>> = { tgz: "tar", tzst: "tar" };

export async function readCompressed(
  bytes: Buffer,
  content: Content,
  { coding, reading }: { readonly coding: "gzip" | "zstd"; readonly reading: Reading },
): Promise<void> {
  reading.spendEntries(1);
  const place = within(content.place, 1);
  const { name, comment, bodyAt } = coding === "gzip" ? gzipHeader(bytes) : NO_HEADER;
  for (const text of [name, comment]) if (text !== null) reading.name(place, text);
  let inner = await inflate(bytes, coding, reading);
  // A cut or followed member: its stream alone, without what checks it.
  if (!inner.isWhole && bodyAt > 0) {
    inner = { ...(await inflate(bytes.subarray(bodyAt), "deflate", reading)), isWhole: false };
  }
  if (!inner.isWhole) reading.unread(content.place, "damaged");
  if (inner.bytes.length === 0 && !inner.isWhole) return;
  await readContent(inner.bytes, { place, name: name ?? innerName(content.name), depth: content.depth + 1 }, reading);
}

/** `a.txt.gz` holds `a.txt`. */
function innerName(name: string | null): string | null {
  const match = /^(.*)\.([a-z0-9]{1,5})$/i.exec(name ?? "");
  if (match === null) return null;
  const inner = INNER_NAMES[match[2]?.toLowerCase() ?? ""];
  return inner === undefined ? (match[1] ?? null) : `${match[1] ?? ""}.${inner}`;
}

/** What the header of the first member says; both are Latin-1 by the standard, and UTF-8 in practice. */
function gzipHeader(bytes: Buffer): Header {
  const flags = bytes[3] ?? 0;
  let at = HEADER_BYTES;
  if ((flags & FLAG.extra) !== 0) at += 2 + (at + 2 <= bytes.length ? bytes.readUInt16LE(at) : 0);
  const text = (flag: number): string | null => {
    if ((flags & flag) === 0) return null;
    const end = bytes.indexOf(0, at);
    if (end === -1) throw new Unreadable("damaged");
    const found = bytes.toString("utf8", at, end);
    at = end + 1;
    return found;
  };
  const [name, comment] = [text(FLAG.name), text(FLAG.comment)];
  return { name, comment, bodyAt: at + ((flags & FLAG.headerSum) === 0 ? 0 : 2) };
}
