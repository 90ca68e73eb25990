/**
 * Reads a range of a large body, only the chunks it needs, one at a time.
 * Promises: the file has the length the reference says before anything is yielded, and every chunk was authenticated;
 * otherwise it rejects.
 */
import { BlobDamagedError, readFailure } from "./blob-errors.ts";
import {
  CHUNKED_HEADER_BYTES,
  CHUNK_BYTES,
  chunkCount,
  chunkPlace,
  chunkedFileBytes,
  chunkedHeader,
  decryptChunk,
} from "./chunked-format.ts";
import type { Fs, FsFile } from "./fs.ts";

export type ChunkedRead = {
  readonly fs: Fs;
  readonly path: string;
  readonly blobId: string;
  readonly text: string;
  readonly sizeBytes: number;
  readonly key: Uint8Array;
  readonly range: { readonly start: number; readonly end: number };
};

export async function* readChunked(read: ChunkedRead): AsyncGenerator<Buffer, void, void> {
  const { text, range } = read;
  const file = await orReadFailure(read.fs.openFile(read.path), text);
  try {
    await assertWhole(file, read);
    for (let at = range.start; at < range.end;) {
      const index = Math.floor(at / CHUNK_BYTES);
      const chunk = await readChunk(file, read, index);
      const chunkStart = index * CHUNK_BYTES;
      yield chunk.subarray(at - chunkStart, Math.min(chunk.length, range.end - chunkStart));
      at = chunkStart + chunk.length;
    }
  } finally {
    await file.close();
  }
}

/** The length rules out a file cut at a chunk's end before any of it is yielded. */
async function assertWhole(file: FsFile, { blobId, sizeBytes, text }: ChunkedRead): Promise<void> {
  const fileBytes = await orReadFailure(file.sizeBytes(), text);
  const header = Buffer.alloc(CHUNKED_HEADER_BYTES);
  await orReadFailure(file.read(header, 0), text);
  const isWhole = fileBytes === chunkedFileBytes(sizeBytes) && header.equals(chunkedHeader(blobId));
  if (!isWhole) throw new BlobDamagedError("PST-SPL-003", text);
}

async function readChunk(file: FsFile, read: ChunkedRead, index: number): Promise<Buffer> {
  const { blobId, key, sizeBytes, text } = read;
  const { at, bytes } = chunkPlace(index, sizeBytes);
  const chunk = Buffer.allocUnsafeSlow(bytes);
  const got = await orReadFailure(file.read(chunk, at), text);
  if (got !== bytes) throw new BlobDamagedError("PST-SPL-003", text);
  const isLast = index === chunkCount(sizeBytes) - 1;
  try {
    return decryptChunk(chunk, { key, header: chunkedHeader(blobId), index, isLast });
  } catch (error) {
    throw new BlobDamagedError("PST-SPL-003", text, error);
  }
}

async function orReadFailure<T>(operation: Promise<T>, text: string): Promise<T> {
  return await operation.catch((error: unknown) => {
    throw readFailure(error, text);
  });
}
