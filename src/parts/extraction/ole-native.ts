/**
 * A file that somebody dropped into a document (MS-OLEDS 2.3.6, and the names the packager puts before it).
 * Promises: the file is read by what it is; where the names are not as known, the whole stream is.
 */
import { readContent } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import type { Reading } from "./reading.ts";

/** A length, a type, and then the names. */
const NAMES_AT = 6;
const FIXED_BYTES = 4;

export function readOleNative(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  const file = packedFile(bytes);
  if (file === null) return readContent(bytes.subarray(FIXED_BYTES), content, reading);
  for (const name of file.names) reading.name(content.place, name);
  return readContent(file.bytes, { ...content, name: file.names[0] ?? null }, reading);
}

function packedFile(bytes: Buffer): { readonly names: readonly string[]; readonly bytes: Buffer } | null {
  let at = NAMES_AT;
  const names: string[] = [];
  for (let count = 0; count < 2; count += 1) {
    const end = bytes.indexOf(0, at);
    if (end === -1) return null;
    names.push(bytes.toString("latin1", at, end));
    at = end + 1;
  }
  if (at + 8 > bytes.length) return null;
  const path = bytes.readUInt32LE(at + 4);
  at += 8 + path;
  if (at + 4 > bytes.length) return null;
  const length = bytes.readUInt32LE(at);
  return length > 0 && at + 4 + length <= bytes.length
    ? { names, bytes: bytes.subarray(at + 4, at + 4 + length) }
    : null;
}
