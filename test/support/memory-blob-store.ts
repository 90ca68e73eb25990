/** A BlobStore in memory for tests of what builds on one; yields in small chunks so that splits are exercised. */
import type { BlobRef, BlobStore, BlobWriter, Tidied } from "../../src/core/blob-store.ts";

const CHUNK_BYTES = 7000;

export class MemoryBlobStore implements BlobStore {
  readonly blobs = new Map<string, Buffer>();
  aborted = 0;

  /** Puts bytes in at once. */
  put(bytes: Uint8Array | string): BlobRef {
    const body = Buffer.from(bytes as Uint8Array);
    const locator = `memory-${this.blobs.size}`;
    this.blobs.set(locator, body);
    return { locator, sizeBytes: body.length, wrappedKey: "" };
  }

  create(): BlobWriter {
    const chunks: Buffer[] = [];
    return {
      write: async (chunk) => {
        chunks.push(Buffer.from(chunk));
      },
      seal: async () => this.put(Buffer.concat(chunks)),
      abort: async () => {
        this.aborted++;
      },
    };
  }

  async *read(ref: BlobRef, range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array> {
    const body = this.#body(ref).subarray(range?.start ?? 0, range?.end ?? ref.sizeBytes);
    for (let at = 0; at < body.length; at += CHUNK_BYTES) yield body.subarray(at, at + CHUNK_BYTES);
  }

  async readAll(ref: BlobRef, bytesMax: number): Promise<Buffer> {
    const body = this.#body(ref);
    if (body.length > bytesMax) throw new RangeError("larger than bytesMax");
    return body;
  }

  async release(refs: readonly BlobRef[]): Promise<void> {
    for (const ref of refs) this.blobs.delete(ref.locator);
  }

  keep(): void {}

  disown(): void {}

  async recover(): Promise<{ readonly reclaimed: number }> {
    return { reclaimed: 0 };
  }

  async verify(): Promise<{ readonly missing: readonly string[] }> {
    return { missing: [] };
  }

  async tidy(): Promise<Tidied> {
    return { dropped: 0, moved: 0, copiedBytes: 0 };
  }

  async close(): Promise<void> {
    this.blobs.clear();
  }

  #body(ref: BlobRef): Buffer {
    const body = this.blobs.get(ref.locator);
    if (body === undefined) throw new Error("no such blob");
    return body;
  }
}
