/**
 * Streams the bytes of a parcel in blocks (DESIGN: "body streamed from the spool").
 * Promises: blocks of about `BLOCK_BYTES`, whatever the pieces are; the sum is exactly the variant's size, or it rejects: what
 * is stored and what was promised must agree before the final dot.
 */
import type { BlobStore } from "../../core/blob-store.ts";
import type { Variant } from "../../core/parcel.ts";

const BLOCK_BYTES = 65_536;

/** The stored bytes could not be read, or are not as long as the variant says. */
export class BodyUnreadableError extends Error {
  constructor(options?: ErrorOptions) {
    super("the stored bytes of the message could not be read", options);
    this.name = "BodyUnreadableError";
  }
}

export async function* readBlocks(variant: Variant, blobs: BlobStore): AsyncGenerator<Uint8Array, void, undefined> {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let totalBytes = 0;
  for await (const bytes of readPieces(variant, blobs)) {
    totalBytes += bytes.length;
    waitingBytes += bytes.length;
    waiting.push(bytes);
    if (waitingBytes < BLOCK_BYTES) continue;
    yield joined(waiting);
    waiting = [];
    waitingBytes = 0;
  }
  if (totalBytes !== variant.sizeBytes) throw new BodyUnreadableError();
  if (waitingBytes > 0) yield joined(waiting);
}

async function* readPieces(variant: Variant, blobs: BlobStore): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of variant.pieces) {
    if (piece.kind === "bytes") {
      yield piece.bytes;
      continue;
    }
    try {
      yield* blobs.read(piece.ref, { start: piece.start, end: piece.end });
    } catch (cause) {
      throw new BodyUnreadableError({ cause });
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : Buffer.concat(parts);
}
