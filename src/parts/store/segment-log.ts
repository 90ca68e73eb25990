/**
 * Append-only segment files for small bodies, with group commit: all records of a group share one fdatasync.
 * Promises: a reference is given out only after its bytes, and the file's name where it is new, are durable; a process
 * never appends to a segment of another life; a segment goes when it takes no more records and none of its own is live.
 * Leaves out: compaction of sparse segments. One live record keeps its whole segment on disk.
 */
import { randomBytes } from "node:crypto";
import { reached } from "../../core/failpoint.ts";
import { errnoOf } from "./blob-errors.ts";
import { GroupCommit } from "./blob-group-commit.ts";
import type { StorageHealth } from "./blob-health.ts";
import type { BlobPaths, SegmentLocator } from "./blob-locator.ts";
import type { Fs, FsFile } from "./fs.ts";
import type { SegmentRecord } from "./segment-record.ts";

export type SegmentLogOptions = {
  readonly fs: Fs;
  readonly paths: BlobPaths;
  readonly health: StorageHealth;
  /** A segment takes no further group from this size on. */
  readonly segmentBytesMax: number;
  readonly groupBytesMax: number;
};

type Segment = {
  readonly name: string;
  readonly file: FsFile;
  /** Where the next group goes: the end of what is durable. A failed write beyond it is overwritten. */
  end: number;
  isNameDurable: boolean;
};

/** With three buffers each, below the 1,000 of one write. */
const GROUP_RECORDS_MAX = 256;

export class SegmentLog {
  readonly #options: SegmentLogOptions;
  readonly #group: GroupCommit<SegmentRecord, SegmentLocator>;
  /** Offsets of live records by segment; a set, so that a second release of the same record changes nothing. */
  readonly #live = new Map<string, Set<number>>();
  #current: Segment | null = null;
  #appends = 0;
  #bytes = 0;

  constructor(options: SegmentLogOptions) {
    this.#options = options;
    this.#group = new GroupCommit({
      commit: async (records) => await this.#commit(records),
      itemsMax: GROUP_RECORDS_MAX,
      bytesMax: options.groupBytesMax,
      bytesOf: (record) => record.bytes,
    });
  }

  get appends(): number {
    return this.#appends;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Records not taken into a commit yet. */
  get waiting(): number {
    return this.#group.waiting;
  }

  /** Resolves when the record is durable. */
  async append(record: SegmentRecord): Promise<SegmentLocator> {
    return await this.#group.add(record);
  }

  /** Tells of records that an earlier life of the process wrote and that are still live. */
  adopt(segment: string, offsets: ReadonlySet<number>): void {
    this.#live.set(segment, new Set(offsets));
  }

  /** True for a segment that still has live records or takes new ones. */
  has(segment: string): boolean {
    return this.#live.has(segment) || this.#current?.name === segment;
  }

  async release(locator: SegmentLocator): Promise<void> {
    const live = this.#live.get(locator.segment);
    if (live === undefined || !live.delete(locator.offset)) return;
    await this.#dropIfDead(locator.segment);
  }

  async close(): Promise<void> {
    await this.#group.idle();
    await this.#sealCurrent();
  }

  async #commit(records: readonly SegmentRecord[]): Promise<readonly SegmentLocator[]> {
    const { fs, health, paths } = this.#options;
    const segment = await this.#segmentWithRoom();
    await health.change(async () => {
      await reached("segment.before-write");
      await segment.file.write(
        records.flatMap(({ buffers }) => buffers),
        segment.end,
      );
    });
    await health.sync(async () => {
      await reached("segment.before-sync");
      await segment.file.datasync();
    });
    if (!segment.isNameDurable) {
      await health.sync(async () => {
        await reached("segment.before-directory-sync");
        await fs.syncDirectory(paths.segments);
      });
      segment.isNameDurable = true;
    }
    await reached("segment.durable");
    const live = this.#live.get(segment.name) ?? new Set();
    this.#live.set(segment.name, live);
    return records.map(({ blobId, bytes }) => {
      const offset = segment.end;
      segment.end += bytes;
      live.add(offset);
      this.#appends += 1;
      this.#bytes += bytes;
      return { kind: "segment", segment: segment.name, offset, blobId };
    });
  }

  async #segmentWithRoom(): Promise<Segment> {
    const { fs, health, paths, segmentBytesMax } = this.#options;
    if (this.#current !== null && this.#current.end < segmentBytesMax) return this.#current;
    health.assertHealthy();
    await this.#sealCurrent();
    // A random name: a late release that names a segment of old can never hit a new one.
    const name = randomBytes(8).toString("hex");
    const file = await health.change(async () => {
      await reached("segment.before-create");
      return await fs.createFile(paths.segment(name));
    });
    this.#current = { name, file, end: 0, isNameDurable: false };
    return this.#current;
  }

  async #sealCurrent(): Promise<void> {
    const segment = this.#current;
    if (segment === null) return;
    this.#current = null;
    await segment.file.close();
    await this.#dropIfDead(segment.name);
  }

  async #dropIfDead(name: string): Promise<void> {
    const hasLive = (this.#live.get(name)?.size ?? 0) > 0;
    if (hasLive || name === this.#current?.name) return;
    this.#live.delete(name);
    // The name need not be gone durably: a segment that comes back after a crash is found dead at recovery.
    await this.#options.fs.unlink(this.#options.paths.segment(name)).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
    });
  }
}
