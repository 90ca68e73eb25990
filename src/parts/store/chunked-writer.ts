/**
 * Streams one large body to its own encrypted file (chunked-format.ts).
 * Promises: memory is one chunk whatever the size; `seal` resolves after data, name and directory are durable, in that
 * order; until then only a `.part` file exists, which recovery removes. A failed writer can only be aborted.
 */
import { reached } from "../../core/failpoint.ts";
import type { GroupCommit } from "./blob-group-commit.ts";
import type { StorageHealth } from "./blob-health.ts";
import type { BlobPaths } from "./blob-locator.ts";
import { CHUNK_BYTES, chunkedHeader, encryptChunk } from "./chunked-format.ts";
import type { Fs, FsFile } from "./fs.ts";

export type ChunkedDeps = {
  readonly fs: Fs;
  readonly paths: BlobPaths;
  readonly health: StorageHealth;
  /** Syncs the directory of the files once for all writers that wait for it. */
  readonly directorySync: GroupCommit<null, null>;
};

export class ChunkedWriter {
  readonly #deps: ChunkedDeps;
  readonly #blobId: string;
  readonly #key: Uint8Array;
  readonly #header: Buffer;
  readonly #file: FsFile;
  /** A full chunk waits here until more follows: only then is it known not to be the last. */
  readonly #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #filled = 0;
  #index = 0;
  #position = 0;
  #isOpen = true;

  private constructor(deps: ChunkedDeps, blob: { readonly id: string; readonly key: Uint8Array }, file: FsFile) {
    this.#deps = deps;
    this.#blobId = blob.id;
    this.#key = blob.key;
    this.#header = chunkedHeader(blob.id);
    this.#file = file;
  }

  static async create(
    deps: ChunkedDeps,
    blob: { readonly id: string; readonly key: Uint8Array },
  ): Promise<ChunkedWriter> {
    const { fs, health, paths } = deps;
    const file = await health.change(async () => {
      await reached("file.before-create");
      return await fs.createFile(paths.unfinished(blob.id));
    });
    return new ChunkedWriter(deps, blob, file);
  }

  /** Bytes on disk so far. */
  get bytes(): number {
    return this.#position;
  }

  async write(body: Uint8Array): Promise<void> {
    let rest = body;
    while (rest.length > 0) {
      if (this.#filled === CHUNK_BYTES) await this.#flush(false);
      const taken = Math.min(rest.length, CHUNK_BYTES - this.#filled);
      this.#chunk.set(rest.subarray(0, taken), this.#filled);
      this.#filled += taken;
      rest = rest.subarray(taken);
    }
  }

  async seal(): Promise<void> {
    const { fs, health, paths, directorySync } = this.#deps;
    await this.#flush(true);
    await health.sync(async () => {
      await reached("file.before-sync");
      await this.#file.datasync();
    });
    await health.change(async () => await this.#close());
    await health.change(async () => {
      await reached("file.before-rename");
      await fs.rename(paths.unfinished(this.#blobId), paths.file(this.#blobId));
    });
    await directorySync.add(null);
    await reached("file.durable");
  }

  /** Removes what there is; what cannot be removed now is left to recovery. */
  async abort(): Promise<void> {
    const { fs, paths } = this.#deps;
    await this.#close().catch(() => {}); // nothing of this file is wanted any more
    for (const path of [paths.unfinished(this.#blobId), paths.file(this.#blobId)]) {
      await fs.unlink(path).catch(() => {}); // one of the two is missing, or recovery finds it
    }
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }

  async #flush(isLast: boolean): Promise<void> {
    const context = { key: this.#key, header: this.#header, index: this.#index, isLast };
    const encrypted = encryptChunk(this.#chunk.subarray(0, this.#filled), context);
    const buffers: readonly Buffer[] = this.#index === 0 ? [this.#header, ...encrypted] : encrypted;
    await this.#deps.health.change(async () => {
      await reached("file.before-write");
      await this.#file.write(buffers, this.#position);
    });
    this.#position += buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    this.#index += 1;
    this.#filled = 0;
  }
}

/** What one writer holds at most: the waiting chunk, and its ciphertext while that is written. */
export const CHUNKED_MEMORY_BYTES = 2 * CHUNK_BYTES;
