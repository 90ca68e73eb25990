/**
 * Append-only segment files for small bodies, with group commit: all records of a group share one synced write.
 * Promises: a reference is given out only after the file's name and its bytes are durable, or with its bytes (`pending`); a process
 * never appends to a segment of another life; memory holds what rows may not refer to yet, not what is stored. Which records
 * are live is the rows' to know: blob-tidy.ts asks them and drops.
 */
import { randomBytes } from "node:crypto";
import type { PendingRecord } from "../../core/blob-store.ts";
import { reached } from "../../core/failpoint.ts";
import { GroupCommit } from "./blob-group-commit.ts";
import type { StorageHealth } from "./blob-health.ts";
import type { BlobPaths, SegmentLocator } from "./blob-locator.ts";
import { removed } from "./blob-recovery.ts";
import type { Fs, FsFile } from "./fs.ts";
import type { SegmentRecord } from "./segment-record.ts";

export type SegmentLogOptions = {
  readonly fs: Fs;
  readonly paths: BlobPaths;
  readonly health: StorageHealth;
  /** A segment takes no further group from this size on. */
  readonly segmentBytesMax: number;
  readonly groupBytesMax: number;
  /** null: every record is written here. */
  readonly rowsThread: RowsThread | null;
};

/** The thread that writes the rows, as far as it takes bodies; see redo-ring.ts. */
export interface RowsThread {
  /** Otherwise a group of bodies is on the disk sooner beside it. */
  readonly isIdle: boolean;
}

type Segment = {
  readonly name: string;
  readonly file: FsFile;
  /** Where the next record goes. What failed before it stays a gap that no row refers to. */
  end: number;
  isNameDurable: boolean;
};

/** With three buffers each, below the 1,000 of one write. */
const GROUP_RECORDS_MAX = 256;
export class SegmentLog {
  readonly #options: SegmentLogOptions;
  readonly #group: GroupCommit<SegmentRecord, SegmentLocator>;
  /** Offsets by segment of records that rows may come to refer to. */
  readonly #pending = new Map<string, Set<number>>();
  /** Segments that take no more records and may have dead ones. */
  readonly #candidates = new Set<string>();
  /** Segments of this life. */
  readonly #own = new Set<string>();
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

  /** Leaves the record to the thread of the rows, where that is idle and the name of the segment durable; null: use `append`. */
  appendWithRows(record: SegmentRecord): { readonly locator: SegmentLocator; readonly pending: PendingRecord } | null {
    const { rowsThread, health, paths, segmentBytesMax } = this.#options;
    const segment = this.#current;
    if (!rowsThread?.isIdle || !segment?.isNameDurable || segment.end >= segmentBytesMax) return null;
    health.assertHealthy();
    const locator = this.#placeFor(record, segment);
    this.#became(locator, record.bytes);
    const { offset: position } = locator;
    return { locator, pending: { path: paths.segment(segment.name), position, record: inOnePiece(record) } };
  }

  /** Tells of a segment that an earlier life of the process wrote and that has live records. */
  adopt(segment: string): void {
    this.#candidates.add(segment);
  }

  isOwn(segment: string): boolean {
    return this.#own.has(segment);
  }

  /** A row refers to the record now. */
  keep({ segment, offset }: SegmentLocator): void {
    this.#settle(segment, offset);
  }

  /** No row does. */
  release({ segment, offset }: SegmentLocator): void {
    this.#settle(segment, offset);
    this.#candidates.add(segment);
  }

  /** Worth a look: complete, with every record's fate known. Looked at longest ago first. */
  candidates(): readonly string[] {
    return [...this.#candidates].filter((name) => name !== this.#current?.name && !this.#pending.has(name));
  }

  /** Mostly live: no look again before something of it is released. */
  looked(segment: string): void {
    this.#candidates.delete(segment);
  }

  /** False where it was gone already, or must not go. */
  async drop(segment: string): Promise<boolean> {
    if (segment === this.#current?.name || this.#pending.has(segment)) return false;
    this.#candidates.delete(segment);
    this.#own.delete(segment);
    // The name need not be gone durably: a segment that comes back after a crash is found dead at recovery.
    return await removed(this.#options.fs, this.#options.paths.segment(segment));
  }

  async close(): Promise<void> {
    await this.#group.idle();
    await this.#sealCurrent();
  }

  async #commit(records: readonly SegmentRecord[]): Promise<readonly SegmentLocator[]> {
    const { fs, health, paths } = this.#options;
    const segment = await this.#segmentWithRoom();
    const places = records.map((record) => this.#placeFor(record, segment));
    const [first] = places;
    if (first === undefined) return [];
    await health.syncedChange(async () => {
      await reached("segment.before-write");
      await segment.file.write(
        records.flatMap(({ buffers }) => buffers),
        first.offset,
      );
    });
    if (!segment.isNameDurable) {
      await health.sync(async () => {
        await reached("segment.before-directory-sync");
        await fs.syncDirectory(paths.segments);
      });
      segment.isNameDurable = true;
    }
    await reached("segment.durable");
    for (const [index, place] of places.entries()) this.#became(place, records[index]?.bytes ?? 0);
    return places;
  }

  /** Behind the last one. Taken for good, because the thread of the rows may write behind it meanwhile. */
  #placeFor({ blobId, bytes }: SegmentRecord, segment: Segment): SegmentLocator {
    const offset = segment.end;
    segment.end += bytes;
    return { kind: "segment", segment: segment.name, offset, blobId };
  }

  /** Rows may come to refer to it. */
  #became({ segment, offset }: SegmentLocator, bytes: number): void {
    const pending = this.#pending.get(segment) ?? new Set();
    this.#pending.set(segment, pending);
    pending.add(offset);
    this.#appends += 1;
    this.#bytes += bytes;
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
      return await fs.createSyncedFile(paths.segment(name));
    });
    this.#own.add(name);
    this.#current = { name, file, end: 0, isNameDurable: false };
    return this.#current;
  }

  async #sealCurrent(): Promise<void> {
    const segment = this.#current;
    if (segment === null) return;
    this.#current = null;
    this.#candidates.add(segment.name);
    await segment.file.close();
  }

  #settle(segment: string, offset: number): void {
    const pending = this.#pending.get(segment);
    if (pending?.delete(offset) === true && pending.size === 0) this.#pending.delete(segment);
  }
}

function inOnePiece({ buffers, bytes }: SegmentRecord): Uint8Array {
  const piece = new Uint8Array(bytes);
  let at = 0;
  for (const buffer of buffers) {
    piece.set(buffer, at);
    at += buffer.length;
  }
  return piece;
}
