/**
 * Inflates a compressed stream, piece by piece.
 * Promises: each piece is paid for before it is kept; where the stream is damaged, cut, or followed by something else, `isWhole` is
 * false and what came before is given all the same. Nothing a file promises of its size is believed.
 */
import { constants, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";

export type Coding = "deflate" | "gzip" | "zlib" | "zstd";
export type Inflated = { readonly bytes: Buffer; readonly isWhole: boolean };

const PIECE_BYTES = 65_536;
const NOTHING = Buffer.alloc(0);

const DECODERS = {
  deflate: createInflateRaw,
  gzip: createGunzip,
  zlib: createInflate,
  zstd: createZstdDecompress,
} as const satisfies Readonly<Record<Coding, unknown>>;

/** Throws Unreadable with `over_budget` only. */
export async function inflate(bytes: Buffer, coding: Coding, reading: Reading): Promise<Inflated> {
  const first = await attempt(bytes, { coding, isCut: false }, reading);
  // What a cut stream still tells is given only to who says that it is cut.
  return first ?? { bytes: (await attempt(bytes, { coding, isCut: true }, reading))?.bytes ?? NOTHING, isWhole: false };
}

/** Null where the stream is cut or damaged. */
async function attempt(
  bytes: Buffer,
  { coding, isCut }: { readonly coding: Coding; readonly isCut: boolean },
  reading: Reading,
): Promise<Inflated | null> {
  const flush = isCut && coding !== "zstd" ? { finishFlush: constants.Z_SYNC_FLUSH } : {};
  const decoder = DECODERS[coding]({ chunkSize: PIECE_BYTES, ...flush });
  const pieces: Buffer[] = [];
  decoder.end(bytes);
  try {
    for await (const piece of decoder) {
      reading.spendInflated((piece as Buffer).length);
      pieces.push(piece as Buffer);
    }
  } catch (error) {
    if (error instanceof Unreadable) throw error;
    // zlib's own words tell nothing more.
    return isCut ? { bytes: Buffer.concat(pieces), isWhole: false } : null;
  } finally {
    decoder.destroy();
  }
  return { bytes: Buffer.concat(pieces), isWhole: decoder.bytesWritten === bytes.length };
}
