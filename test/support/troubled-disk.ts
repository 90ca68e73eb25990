/** The real disk under a gateway's spool, with the troubles a test wants: how much is free, writes that fail, syncs that hang. */
import type { DiskSpace } from "../../src/core/pressure.ts";
import { nodeFs } from "../../src/parts/store/fs.ts";
import type { Fs, FsFile } from "../../src/parts/store/fs.ts";

const ROOMY: DiskSpace = { freeBytes: 1e12, totalBytes: 2e12, inodes: { free: 1e6, total: 2e6 } };

export class TroubledDisk {
  freeBytes = ROOMY.freeBytes;
  /** System errors of the next writes and syncs; null: none. */
  writeError: string | null = null;
  syncError: string | null = null;
  #stall: Promise<void> | null = null;
  #release: () => void = () => {};

  readonly readSpace = async (): Promise<DiskSpace> => ({ ...ROOMY, freeBytes: this.freeBytes });

  /** Syncs hang until `resume`. */
  stall(): void {
    this.#stall = new Promise((resolve) => (this.#release = resolve));
  }

  resume(): void {
    this.#stall = null;
    this.#release();
  }

  readonly fs: Fs = {
    ...nodeFs,
    createFile: async (path) => {
      if (this.writeError !== null) throw systemError(this.writeError);
      return this.#wrapped(await nodeFs.createFile(path));
    },
    createSyncedFile: async (path) => {
      if (this.writeError !== null) throw systemError(this.writeError);
      return this.#synced(await nodeFs.createSyncedFile(path));
    },
  };

  /** A write is its own sync. */
  #synced(file: FsFile): FsFile {
    const wrapped = this.#wrapped(file);
    return {
      ...wrapped,
      write: async (buffers, position) => {
        await this.#stall;
        if (this.syncError !== null) throw systemError(this.syncError);
        await wrapped.write(buffers, position);
      },
    };
  }

  #wrapped(file: FsFile): FsFile {
    return {
      write: async (buffers, position) => {
        if (this.writeError !== null) throw systemError(this.writeError);
        await file.write(buffers, position);
      },
      datasync: async () => {
        await this.#stall;
        if (this.syncError !== null) throw systemError(this.syncError);
        await file.datasync();
      },
      read: (into, position) => file.read(into, position),
      sizeBytes: () => file.sizeBytes(),
      close: () => file.close(),
    };
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
