/**
 * A large body as a file of its own: header (magic, chunk size, blob id), then chunks, each AES-256-GCM with its tag.
 * The nonce of a chunk is its number and a flag that says "last" (the STREAM construction), under a key used for this
 * file alone; every chunk authenticates the header. So chunks cannot be swapped, dropped, repeated or cut off unseen.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

const MAGIC = Buffer.from("PSC1", "latin1");
const TAG_BYTES = 16;
export const CHUNKED_HEADER_BYTES = 24;
export const CHUNK_BYTES = 65_536;

export function chunkedHeader(blobId: string): Buffer {
  const header = Buffer.alloc(CHUNKED_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(CHUNK_BYTES, 4);
  Buffer.from(blobId, "hex").copy(header, 8);
  return header;
}

/** Chunks of a body; an empty body is one empty chunk. */
export function chunkCount(bodyBytes: number): number {
  return Math.max(1, Math.ceil(bodyBytes / CHUNK_BYTES));
}

/** Bytes the whole file takes. */
export function chunkedFileBytes(bodyBytes: number): number {
  return CHUNKED_HEADER_BYTES + bodyBytes + chunkCount(bodyBytes) * TAG_BYTES;
}

/** Where chunk `index` begins in the file and how long it is there. */
export function chunkPlace(index: number, bodyBytes: number): { readonly at: number; readonly bytes: number } {
  const body = Math.min(CHUNK_BYTES, bodyBytes - index * CHUNK_BYTES);
  return { at: CHUNKED_HEADER_BYTES + index * (CHUNK_BYTES + TAG_BYTES), bytes: body + TAG_BYTES };
}

export type ChunkContext = {
  readonly key: Uint8Array;
  readonly header: Uint8Array;
  readonly index: number;
  readonly isLast: boolean;
};

/** Ciphertext and tag. */
export function encryptChunk(body: Uint8Array, context: ChunkContext): readonly [Buffer, Buffer] {
  const cipher = createCipheriv("aes-256-gcm", context.key, nonceOf(context));
  cipher.setAAD(context.header);
  const ciphertext = cipher.update(body);
  cipher.final();
  return [ciphertext, cipher.getAuthTag()];
}

/** Throws when the chunk is not exactly the one its context says. */
export function decryptChunk(chunk: Uint8Array, context: ChunkContext): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", context.key, nonceOf(context), { authTagLength: TAG_BYTES });
  decipher.setAAD(context.header);
  decipher.setAuthTag(chunk.subarray(chunk.length - TAG_BYTES));
  const body = decipher.update(chunk.subarray(0, chunk.length - TAG_BYTES));
  decipher.final();
  return body;
}

function nonceOf({ index, isLast }: ChunkContext): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}
