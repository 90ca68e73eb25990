/**
 * The content of one ZIP entry, inflated piece by piece (APPNOTE 4.4.5: stored and deflated).
 * Promises: each piece is paid for before it is given; the end must be where the directory says, with the length and the
 * checksum it says, or `Unreadable` with `damaged` is thrown after the last piece. Nothing of a promise of a size is believed.
 */
import { crc32, createInflateRaw } from "node:zlib";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import type { ZipEntry } from "./zip-directory.ts";

const STORED = 0;
const DEFLATED = 8;
const PIECE_BYTES = 65_536;

export async function* inflateEntry(entry: ZipEntry, reading: Reading): AsyncGenerator<Buffer, void, undefined> {
  if (entry.isEncrypted) throw new Unreadable("encrypted");
  let size = 0;
  let sum = 0;
  for await (const piece of piecesOf(entry)) {
    reading.spendInflated(piece.length);
    size += piece.length;
    sum = crc32(piece, sum);
    yield piece;
  }
  if (size !== entry.sizeBytes || sum !== entry.crc32) throw new Unreadable("damaged");
}

/** All of it at once. What could be inflated before damage is lost with it. */
export async function readEntry(entry: ZipEntry, reading: Reading): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of inflateEntry(entry, reading)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* piecesOf({ method, compressed }: ZipEntry): AsyncGenerator<Buffer, void, undefined> {
  if (method === STORED) {
    for (let at = 0; at < compressed.length; at += PIECE_BYTES) yield compressed.subarray(at, at + PIECE_BYTES);
    return;
  }
  if (method !== DEFLATED) throw new Unreadable("unsupported_type");
  const inflate = createInflateRaw({ chunkSize: PIECE_BYTES });
  inflate.end(compressed);
  try {
    for await (const piece of inflate) yield piece as Buffer;
  } catch {
    // zlib's own words tell nothing more.
    throw new Unreadable("damaged");
  } finally {
    inflate.destroy();
  }
  // Behind the end of the stream lies something that no reader of it shows, and others may.
  if (inflate.bytesWritten !== compressed.length) throw new Unreadable("damaged");
}
