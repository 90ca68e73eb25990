/**
 * The seam under every stored body. Bodies are always encrypted at rest, each under its own key, and a blob is shredded
 * by forgetting its wrapped key. Implementations share one behavioural suite (src/parts/store/blob-store.suite.ts).
 */

export type BlobRef = {
  /** Where the blob lies; opaque to callers, safe in logs. */
  readonly locator: string;
  readonly sizeBytes: number;
  /** The blob's key wrapped by the spool KEK, base64. Without it the blob cannot be read. */
  readonly wrappedKey: string;
};

export interface BlobWriter {
  /** Resolves when more may be written: back-pressure reaches the peer. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves once payload and directory entry are durable. Rejects when the disk would not say so. */
  seal(): Promise<BlobRef>;
  /** Forgets what was written; safe after any failure, idempotent. */
  abort(): Promise<void>;
}

export interface BlobStore {
  create(): BlobWriter;
  /** Streams plaintext bytes [start, end). Every byte yielded was authenticated. Rejects on damage, never truncates. */
  read(ref: BlobRef, range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
  /** Reads it whole; rejects with RangeError when it is larger than bytesMax. */
  readAll(ref: BlobRef, bytesMax: number): Promise<Buffer>;
  /** The row that held the reference is gone: the space may be reclaimed. Idempotent. */
  release(refs: readonly BlobRef[]): Promise<void>;
  /** At start: everything not in `live` was never acknowledged or is released. Returns what was reclaimed. */
  recover(live: AsyncIterable<BlobRef> | Iterable<BlobRef>): Promise<{ readonly reclaimed: number }>;
  close(): Promise<void>;
}
