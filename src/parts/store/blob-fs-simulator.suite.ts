/**
 * A disk in memory for tests that keeps apart what was written and what was synced, so that a power cut can lose the
 * rest. Names and contents are durable separately: a synced file whose directory was not synced is lost.
 * Promises: never keeps more than a real disk might; faults are set by the test.
 */
import type { Chance } from "../../core/clock.ts";
import type { Fs, FsFile } from "./fs.ts";

type Write = { readonly position: number; readonly bytes: Buffer };

class Inode {
  current: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  unsynced: Write[] = [];

  write(write: Write): void {
    this.current = applied(this.current, write);
    this.unsynced.push(write);
  }

  sync(): void {
    this.durable = this.current;
    this.unsynced = [];
  }

  /** What a disk may hold after a cut: some of the unsynced writes, in any order, the last one maybe torn. */
  cut(chance: Chance): void {
    let left = this.durable;
    for (const write of this.unsynced) {
      const kept = Math.floor(chance() * 2 * (write.bytes.length + 1));
      if (chance() < 0.5) continue;
      left = applied(left, { position: write.position, bytes: write.bytes.subarray(0, kept) });
    }
    this.current = left;
    this.sync();
  }
}

type Directory = { current: Map<string, Inode | Directory>; durable: Map<string, Inode | Directory> };

export type DiskFaults = {
  /** The next calls reject with this system error; null: none. */
  datasync: string | null;
  syncDirectory: string | null;
  write: string | null;
  /** Directory syncs report success and do nothing. */
  liesAboutDirectories: boolean;
  /** Awaited by each datasync before it takes effect. */
  beforeDatasync: () => Promise<void>;
};

export class SimulatedDisk {
  readonly faults: DiskFaults = {
    datasync: null,
    syncDirectory: null,
    write: null,
    liesAboutDirectories: false,
    beforeDatasync: async () => {},
  };
  readonly #root: Directory = { current: new Map(), durable: new Map() };
  /** Handles of an earlier life are dead after a cut. */
  #life = 0;

  /** Power is lost and comes back: unsynced names are lost, unsynced bytes are lost or kept as `chance` says. */
  cutPower(chance: Chance = () => 0): void {
    this.#life += 1;
    cutDirectory(this.#root, chance);
  }

  /** The disk as one life of a process sees it; after a power cut every call of it rejects. */
  mount(): Fs {
    const life = this.#life;
    const alive =
      <Arguments extends unknown[], Result>(operation: (...given: Arguments) => Promise<Result>) =>
      async (...given: Arguments): Promise<Result> => {
        if (life !== this.#life) throw systemError("EIO");
        return await operation(...given);
      };
    return {
      makeDirectory: alive(async (path) => this.#makeDirectory(path)),
      createFile: alive(async (path) => this.#createFile(path)),
      createSyncedFile: alive(async (path) => this.#synced(this.#createFile(path))),
      openFile: alive(async (path) => this.#handle(this.#file(path))),
      openToWrite: alive(async (path) => this.#handle(this.#file(path))),
      rename: alive(async (from, to) => this.#rename(from, to)),
      unlink: alive(async (path) => this.unlink(path)),
      list: alive(async (directory) => [...this.#directory(directory).current.keys()]),
      syncDirectory: alive(async (path) => this.#syncDirectory(path)),
    };
  }

  /** Every byte of a file, for canary searches and for damage. */
  contents(path: string): Buffer {
    return this.#file(path).current;
  }

  damage(path: string, bytes: Buffer): void {
    this.#file(path).current = bytes;
  }

  paths(directory = ""): string[] {
    return [...this.#directory(directory).current].flatMap(([name, entry]) =>
      entry instanceof Inode ? [`${directory}/${name}`] : this.paths(`${directory}/${name}`),
    );
  }

  #makeDirectory(path: string): void {
    const parent = this.#directory(parentOf(path));
    if (parent.current.has(nameOf(path))) return;
    parent.current.set(nameOf(path), { current: new Map(), durable: new Map() });
  }

  #createFile(path: string): FsFile {
    const { current } = this.#directory(parentOf(path));
    if (current.has(nameOf(path))) throw systemError("EEXIST");
    const inode = new Inode();
    current.set(nameOf(path), inode);
    return this.#handle(inode);
  }

  #rename(from: string, to: string): void {
    const inode = this.#file(from);
    this.#directory(parentOf(from)).current.delete(nameOf(from));
    this.#directory(parentOf(to)).current.set(nameOf(to), inode);
  }

  unlink(path: string): void {
    this.#file(path);
    this.#directory(parentOf(path)).current.delete(nameOf(path));
  }

  #syncDirectory(path: string): void {
    if (this.faults.syncDirectory !== null) throw systemError(this.faults.syncDirectory);
    if (this.faults.liesAboutDirectories) return;
    const directory = this.#directory(path);
    directory.durable = new Map(directory.current);
  }

  #directory(path: string): Directory {
    let at: Inode | Directory | undefined = this.#root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      at = at === undefined || at instanceof Inode ? undefined : at.current.get(name);
    }
    if (at === undefined || at instanceof Inode) throw systemError("ENOENT");
    return at;
  }

  #file(path: string): Inode {
    const entry = this.#directory(parentOf(path)).current.get(nameOf(path));
    if (!(entry instanceof Inode)) throw systemError("ENOENT");
    return entry;
  }

  /** A write and its sync in one; the power may fail between them. */
  #synced(file: FsFile): FsFile {
    return {
      ...file,
      write: async (buffers, position) => {
        await file.write(buffers, position);
        await file.datasync();
      },
    };
  }

  #handle(inode: Inode): FsFile {
    const life = this.#life;
    const assertAlive = (): void => {
      if (life !== this.#life) throw systemError("EIO");
    };
    return {
      write: async (buffers, position) => {
        assertAlive();
        const bytes = Buffer.concat(buffers);
        const fault = this.faults.write;
        inode.write({ position, bytes: fault === null ? bytes : bytes.subarray(0, bytes.length / 2) });
        if (fault !== null) throw systemError(fault);
      },
      read: async (into, position) => (position < inode.current.length ? inode.current.copy(into, 0, position) : 0),
      sizeBytes: async () => inode.current.length,
      datasync: async () => {
        await this.faults.beforeDatasync();
        assertAlive();
        if (this.faults.datasync !== null) throw systemError(this.faults.datasync);
        inode.sync();
      },
      close: async () => {},
    };
  }
}

export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function cutDirectory(directory: Directory, chance: Chance): void {
  directory.current = new Map(directory.durable);
  for (const entry of directory.current.values()) {
    if (entry instanceof Inode) entry.cut(chance);
    else cutDirectory(entry, chance);
  }
}

function applied(content: Buffer, { position, bytes }: Write): Buffer {
  const out = Buffer.alloc(Math.max(content.length, position + bytes.length));
  content.copy(out);
  bytes.copy(out, position);
  return out;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
