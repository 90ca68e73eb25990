/**
 * The seam to the file system under the body store: only what durability needs, so that a simulator can stand in and
 * lose what was not synced. `nodeFs` is the real one.
 * Promises: directories are 0700 and files 0600; `write` writes all or rejects; nothing here syncs unless asked.
 * Leaves to others: which order makes a blob durable (blob-store.ts), and what a failure means (blob-health.ts).
 */
import { constants } from "node:fs";
import { mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

export interface FsFile {
  /** Writes every byte of the buffers, one after the other, from `position` on; at most 1,000 buffers. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Fills `into` from `position` on; resolves to fewer bytes only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  sizeBytes(): Promise<number>;
  /** fdatasync(2). After it rejected, what was written since the last success may be lost whatever a repeat says. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface Fs {
  /** Makes the directory where it is missing; its parent exists. */
  makeDirectory(path: string): Promise<void>;
  /** Makes a new file for reading and writing; rejects when the name is taken, whatever it is. */
  createFile(path: string): Promise<FsFile>;
  /** The same, but each write resolves only once its bytes are durable, as after `datasync`: one call of the system for both. */
  createSyncedFile(path: string): Promise<FsFile>;
  /** Opens an existing file for reading; never follows a link. */
  openFile(path: string): Promise<FsFile>;
  /** Opens an existing file for reading and writing; never follows a link. */
  openToWrite(path: string): Promise<FsFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  list(directory: string): Promise<readonly string[]>;
  /** fsync(2) of the directory: names made, changed or removed before it are durable. */
  syncDirectory(path: string): Promise<void>;
}

const { O_CREAT, O_DSYNC, O_EXCL, O_RDWR, O_RDONLY, O_NOFOLLOW, O_DIRECTORY } = constants;

export const nodeFs: Fs = {
  async makeDirectory(path) {
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  },
  async createFile(path) {
    return new NodeFile(await open(path, O_CREAT | O_EXCL | O_RDWR, 0o600));
  },
  async createSyncedFile(path) {
    return new NodeFile(await open(path, O_CREAT | O_EXCL | O_RDWR | O_DSYNC, 0o600));
  },
  async openFile(path) {
    return new NodeFile(await open(path, O_RDONLY | O_NOFOLLOW));
  },
  async openToWrite(path) {
    return new NodeFile(await open(path, O_RDWR | O_NOFOLLOW));
  },
  rename,
  unlink,
  async list(directory) {
    return await readdir(directory);
  },
  async syncDirectory(path) {
    const directory = await open(path, O_RDONLY | O_DIRECTORY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
};

/** Node ends the process when an open handle is collected; a reader that somebody dropped half-way must only leak. */
const openHandles = new Set<FileHandle>();

class NodeFile implements FsFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
    openHandles.add(handle);
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let rest = buffers.filter((buffer) => buffer.length > 0);
    let at = position;
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest, at);
      if (bytesWritten === 0) throw new Error("the file took no byte");
      at += bytesWritten;
      rest = withoutFirst(rest, bytesWritten);
    }
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await this.#handle.read(into, filled, into.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async datasync(): Promise<void> {
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    openHandles.delete(this.#handle);
    await this.#handle.close();
  }
}

/** The buffers without their first bytes. */
function withoutFirst<B extends Uint8Array>(buffers: readonly B[], bytes: number): B[] {
  const rest = [...buffers];
  let skip = bytes;
  while (rest[0] !== undefined && skip >= rest[0].length) skip -= rest.shift()?.length ?? 0;
  if (rest[0] !== undefined && skip > 0) rest[0] = rest[0].subarray(skip) as B;
  return rest;
}
