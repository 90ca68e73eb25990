/**
 * The file of an index: a header anybody may read, which names no value, and behind it the table, sealed in pieces.
 * Promises: a file is replaced whole or not at all and is for its owner alone; one that is cut, changed, put together from two
 * or made with another key is an error before any of it is used; reading a large one lets others work in between.
 *
 *     magic (8 bytes) | length of the header (uint32, little-endian) | header (JSON) | pieces
 *
 * A piece is AES-256-GCM of at most PIECE_BYTES and its tag; its number is the nonce, the whole header is authenticated with it.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { EDM_FIELDS } from "./edm-fields.ts";
import { EdmError } from "./edm-error.ts";
import type { EdmKey, LookupKeys } from "./edm-hash.ts";
import { EdmIndex, SECTIONS } from "./edm-index.ts";
import type { EdmFacts, Sections } from "./edm-index.ts";
import { parseHeader } from "./edm-header.ts";
import type { EdmHeader } from "./edm-header.ts";

const MAGIC = Buffer.from("PSTNEDM1", "latin1");
const PREFIX_BYTES = MAGIC.length + 4;
const HEADER_BYTES_MAX = 65_536;
const PIECE_BYTES = 1024 * 1024;
const TAG_BYTES = 16;
const NUMBER_BYTES = 4;
/** No build writes for longer. */
const ABORTED_MS = 24 * 3_600_000;
/** Largest table: about thirty million patients. */
export const TABLE_BYTES_MAX = 4 * 1024 ** 3;

/** An index in the shape in which threads hand it to each other. */
export type SharedIndex = {
  readonly header: EdmHeader;
  readonly table: SharedArrayBuffer;
  readonly keys: LookupKeys;
};

const REBUILD = "build it again with `postern dlp edm build`.";

/** Writes the file beside its place and moves it there. Throws EdmError PST-EDM-005. */
export function writeIndex(
  path: string,
  facts: EdmFacts,
  contents: { readonly sections: Sections; readonly key: EdmKey },
): void {
  const { sections, key } = contents;
  const lengths = SECTIONS.map((name) => sections[name].length);
  const header: EdmHeader = { ...facts, version: 1, salt: randomBytes(16).toString("hex"), lengths };
  const temporary = `${path}.${randomBytes(4).toString("hex")}.new`;
  try {
    // Never through what already stands there: a link, or the file of another build.
    const file = openSync(temporary, "wx", 0o600);
    try {
      for (const bytes of fileBytes(header, sections, key)) writeFileSync(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    forgetAborted(path, temporary);
    renameSync(temporary, path);
    const folder = openSync(dirname(path), "r");
    fsyncSync(folder);
    closeSync(folder);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new EdmError("PST-EDM-005", `${path} cannot be written (${wordOf(error)})`, {
      next: "check folder, rights and free space; the file that was there before is untouched.",
    });
  }
}

/** What builds left that were killed; one that runs beside this one is younger. */
function forgetAborted(path: string, temporary: string): void {
  const [folder, name] = [dirname(path), basename(path)];
  const since = statSync(temporary).mtimeMs - ABORTED_MS;
  for (const entry of readdirSync(folder)) {
    const isTemporary = entry.startsWith(`${name}.`) && /^\.[0-9a-f]{8}\.new$/.test(entry.slice(name.length));
    const place = join(folder, entry);
    if (isTemporary && (statSync(place, { throwIfNoEntry: false })?.mtimeMs ?? since) < since)
      rmSync(place, { force: true });
  }
}

function* fileBytes(header: EdmHeader, sections: Sections, key: EdmKey): Generator<Buffer> {
  const head = headerBytes(header);
  yield head;
  const fileKey = key.fileKey(header.salt);
  let number = 0;
  for (const piece of piecesOf(sections)) {
    const cipher = createCipheriv("aes-256-gcm", fileKey, nonceOf(number)).setAAD(head);
    yield cipher.update(piece);
    cipher.final();
    yield cipher.getAuthTag();
    number += 1;
  }
}

function headerBytes(header: EdmHeader): Buffer {
  const text = Buffer.from(JSON.stringify(header), "utf8");
  const length = Buffer.alloc(NUMBER_BYTES);
  length.writeUInt32LE(text.length);
  return Buffer.concat([MAGIC, length, text]);
}

function* piecesOf(sections: Sections): Generator<Buffer> {
  const piece = Buffer.alloc(PIECE_BYTES);
  let used = 0;
  for (const name of SECTIONS) {
    const { buffer, byteOffset, byteLength } = sections[name];
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    for (let at = 0; at < bytes.length;) {
      const taken = bytes.copy(piece, used, at);
      at += taken;
      used += taken;
      if (used < PIECE_BYTES) continue;
      yield piece;
      used = 0;
    }
  }
  if (used > 0) yield piece.subarray(0, used);
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(number);
  return nonce;
}

/** The header alone, which needs no key. Throws EdmError. */
export async function readHeader(path: string): Promise<EdmHeader> {
  return withFile(path, async (file) => (await headerOf(file, path)).header);
}

/** The whole index, proved. Throws EdmError. */
export async function readIndex(path: string, key: EdmKey): Promise<SharedIndex> {
  return withFile(path, async (file) => {
    const { header, bytes } = await headerOf(file, path);
    if (header.keyId !== key.id) {
      throw new EdmError("PST-EDM-003", `${path} was made with another key (${header.keyId}, not ${key.id})`, {
        next: "name the key it was built with, or build it again with this one.",
      });
    }
    const table = await readTable(file, { path, header, headerBytes: bytes, fileKey: key.fileKey(header.salt) });
    return { header, table, keys: key.lookupKeys() };
  });
}

export function indexOf({ header, table, keys }: SharedIndex): EdmIndex {
  let at = 0;
  const views = SECTIONS.map((name, index) => {
    const length = header.lengths[index] ?? 0;
    const view = new Uint32Array(table, at, length);
    at += length * NUMBER_BYTES;
    return [name, view] as const;
  });
  return new EdmIndex(header, Object.fromEntries(views) as Sections, keys);
}

async function withFile<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    throw unreadable(path, error);
  }
  try {
    return await read(file);
  } catch (error) {
    throw error instanceof EdmError ? error : unreadable(path, error);
  } finally {
    await file.close();
  }
}

function unreadable(path: string, error: unknown): EdmError {
  return new EdmError("PST-EDM-001", `${path} cannot be read (${wordOf(error)})`, {
    next: "check the path and that the user of the service may read it.",
  });
}

async function headerOf(
  file: FileHandle,
  path: string,
): Promise<{ readonly header: EdmHeader; readonly bytes: Buffer }> {
  const prefix = await readAt(file, 0, PREFIX_BYTES);
  if (prefix === null || !prefix.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new EdmError("PST-EDM-002", `${path} is no index`, { next: REBUILD });
  }
  const length = prefix.readUInt32LE(MAGIC.length);
  const text = length > HEADER_BYTES_MAX ? null : await readAt(file, PREFIX_BYTES, length);
  const header = text === null ? null : parseHeader(text.toString("utf8"), EDM_FIELDS);
  if (text === null || header === null) throw damaged(path);
  return { header, bytes: Buffer.concat([prefix, text]) };
}

type TableReading = {
  readonly path: string;
  readonly header: EdmHeader;
  readonly headerBytes: Buffer;
  readonly fileKey: Buffer;
};

async function readTable(
  file: FileHandle,
  { path, header, headerBytes: head, fileKey }: TableReading,
): Promise<SharedArrayBuffer> {
  const size = header.lengths.reduce((sum, length) => sum + length * NUMBER_BYTES, 0);
  const pieces = Math.ceil(size / PIECE_BYTES);
  // Before memory is taken for what a header only says. Without a piece nothing would prove the header either.
  if (pieces === 0 || size > TABLE_BYTES_MAX || (await file.stat()).size !== head.length + size + pieces * TAG_BYTES)
    throw damaged(path);
  const table = new SharedArrayBuffer(size);
  const target = Buffer.from(table);
  for (let number = 0; number < pieces; number += 1) {
    const start = number * PIECE_BYTES;
    const length = Math.min(PIECE_BYTES, size - start);
    const sealed = await readAt(file, head.length + number * (PIECE_BYTES + TAG_BYTES), length + TAG_BYTES);
    const opened = sealed === null ? null : openPiece(sealed, { fileKey, head, number });
    if (opened === null) throw damaged(path);
    opened.copy(target, start);
    await nextTurn();
  }
  return table;
}

function openPiece(
  sealed: Buffer,
  { fileKey, head, number }: { readonly fileKey: Buffer; readonly head: Buffer; readonly number: number },
): Buffer | null {
  const decipher = createDecipheriv("aes-256-gcm", fileKey, nonceOf(number)).setAAD(head);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const opened = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    decipher.final();
    return opened;
  } catch {
    // Which bit is wrong nobody can say.
    return null;
  }
}

function damaged(path: string): EdmError {
  return new EdmError("PST-EDM-002", `${path} is damaged: cut short or changed`, { next: REBUILD });
}

/** null: the file ends before. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer | null> {
  const bytes = Buffer.alloc(length);
  let used = 0;
  while (used < length) {
    const { bytesRead } = await file.read(bytes, used, length - used, position + used);
    if (bytesRead === 0) return null;
    used += bytesRead;
  }
  return bytes;
}

function wordOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
