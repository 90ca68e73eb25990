/**
 * The store of message bodies on one machine, always encrypted, each body under a key of its own.
 * Promises: what `seal` resolved for (`with-rows`: once a row refers to it) survives kill -9, a crash of the system and a power cut on storage that honours
 * fsync; a byte that is read was authenticated; after one failed sync nothing is acknowledged any more; memory stays
 * flat whatever the size of a body. Directories are 0700 and files 0600.
 * Leaves to others: remembering the references (the queue), one process per directory, disk space marks.
 * Order at a start: `openBlobStore`, then `recover`; `verify` and `tidy` run beside the mail.
 */
import { dirname } from "node:path";
import type {
  BlobReferences,
  BlobRef,
  BlobStore,
  BlobWriter,
  RedoLog,
  Tidied,
  TidyOptions,
} from "../../core/blob-store.ts";
import { reached } from "../../core/failpoint.ts";
import type { Backlog } from "../../core/pressure.ts";
import type { Task } from "../../core/spare-time.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { BlobDamagedError } from "./blob-errors.ts";
import type { StorageUnhealthyError } from "./blob-errors.ts";
import { GroupCommit } from "./blob-group-commit.ts";
import { BodyCache } from "./body-cache.ts";
import { BodyKeys, keyContext } from "./body-keys.ts";
import { StorageHealth } from "./blob-health.ts";
import { BlobPaths, parseLocator } from "./blob-locator.ts";
import type { Locator } from "./blob-locator.ts";
import { findLeftovers, recoverBlobs, removed } from "./blob-recovery.ts";
import type { Leftovers } from "./blob-recovery.ts";
import { redoBodies } from "./blob-redo.ts";
import { BlobTidy } from "./blob-tidy.ts";
import { verifyBodies } from "./blob-verify.ts";
import { BufferBudget, StoredBlobWriter } from "./blob-writer.ts";
import type { BlobWriterDeps } from "./blob-writer.ts";
import { readChunked } from "./chunked-reader.ts";
import { nodeFs } from "./fs.ts";
import type { Fs } from "./fs.ts";
import type { Rewrapper } from "./rekey.ts";
import { SegmentFiles } from "./segment-files.ts";
import { SegmentLog } from "./segment-log.ts";
import type { RowsThread } from "./segment-log.ts";
import { readSegmentRecord } from "./segment-reader.ts";

export type BlobLimits = {
  /** Bodies up to this size share segment files; larger ones get a file of their own. */
  readonly inlineBytesMax: number;
  /** A segment takes no further group from this size on. */
  readonly segmentBytesMax: number;
  /** Bytes of one commit group; its last record may exceed it. */
  readonly groupBytesMax: number;
  /** Bytes all writers together gather in memory; beyond it, bodies above 128 KiB go to files early. */
  readonly bufferedBytesMax: number;
};

export const BLOB_LIMITS: BlobLimits = {
  inlineBytesMax: 262_144,
  segmentBytesMax: 67_108_864,
  groupBytesMax: 4_194_304,
  bufferedBytesMax: 67_108_864,
};

export type BlobStoreOptions = {
  /** Made where missing; its parent exists. */
  readonly directory: string;
  /** Holds the `spool` key. */
  readonly keyRing: KeyRing;
  readonly limits?: BlobLimits;
  readonly fs?: Fs;
  /** Takes small bodies to the disk on the thread of the rows that will refer to them; default: nobody does. */
  readonly rowsThread?: RowsThread;
  /** Small bodies kept in memory for the next read, in bytes; default: none. */
  readonly cachedBytesMax?: number;
  /** Puts off what nobody waits for; default: to the next turn of the event loop. */
  readonly later?: (task: Task) => void;
  /** Called once when the disk did not confirm a write: nothing is stored any more, reading goes on. */
  readonly onUnhealthy?: (failure: StorageUnhealthyError) => void;
};

/** Since the store was opened. */
export type BlobCounters = {
  /** Synced writes, fdatasync and directory fsync calls; those of the thread of the rows are left out. */
  readonly syncs: number;
  /** Encrypted bytes that became durable. */
  readonly bytes: number;
  /** Bodies that became durable in segments. */
  readonly appends: number;
  /** Bodies that became durable as files of their own. */
  readonly files: number;
  /** Bytes held in memory by writers, now and at most. */
  readonly bufferedBytes: number;
  readonly bufferedBytesPeak: number;
};

const FILES_PER_SYNC_MAX = 1_000;

/** Rejects with the system's error when the directory cannot be used, with KeyUnusableError without a spool key. */
export async function openBlobStore(options: BlobStoreOptions): Promise<DiskBlobStore> {
  const fs = options.fs ?? nodeFs;
  const paths = new BlobPaths(options.directory);
  options.keyRing.id("spool");
  for (const directory of [paths.root, paths.segments, paths.files]) {
    await fs.makeDirectory(directory);
    // Also where it was there: an earlier life may have made it and ended before this.
    await fs.syncDirectory(dirname(directory));
  }
  return new DiskBlobStore({ ...options, fs, paths, leftovers: await findLeftovers(fs, paths) });
}

type Opened = BlobStoreOptions & { readonly fs: Fs; readonly paths: BlobPaths; readonly leftovers: Leftovers };

export class DiskBlobStore implements BlobStore {
  readonly #fs: Fs;
  readonly #paths: BlobPaths;
  readonly #keyRing: KeyRing;
  readonly #health: StorageHealth;
  readonly #segments: SegmentLog;
  readonly #segmentFiles: SegmentFiles;
  readonly #tidy: BlobTidy;
  readonly #writerDeps: BlobWriterDeps;
  readonly #cache: BodyCache;
  #leftovers: Leftovers;
  #files = 0;
  #fileBytes = 0;
  #isClosed = false;

  constructor({ fs, paths, keyRing, leftovers, limits = BLOB_LIMITS, ...options }: Opened) {
    const { onUnhealthy, cachedBytesMax = 0, rowsThread = null, later = setImmediate } = options;
    this.#cache = new BodyCache(cachedBytesMax);
    this.#health = new StorageHealth(onUnhealthy);
    this.#fs = fs;
    this.#paths = paths;
    this.#keyRing = keyRing;
    this.#leftovers = leftovers;
    const health = this.#health;
    this.#segments = new SegmentLog({ ...limits, fs, paths, health, rowsThread });
    this.#segmentFiles = new SegmentFiles(fs, paths);
    this.#tidy = new BlobTidy({ fs, paths, segments: this.#segments, files: this.#segmentFiles });
    const directorySync = new GroupCommit<null, null>({
      commit: async (waiting) => {
        await health.sync(async () => {
          await reached("file.before-directory-sync");
          await fs.syncDirectory(paths.files);
        });
        return waiting;
      },
      itemsMax: FILES_PER_SYNC_MAX,
      bytesMax: 1,
      bytesOf: () => 0,
    });
    this.#writerDeps = {
      segments: this.#segments,
      chunked: { fs, paths, health, directorySync },
      health,
      budget: new BufferBudget(limits.bufferedBytesMax),
      inlineBytesMax: limits.inlineBytesMax,
      keys: new BodyKeys(keyRing, later),
      open: new Set(),
      sealing: new Set(),
      assertOpen: () => this.#assertOpen(),
      isUsable: () => !this.#isClosed && health.failure === null,
      onRecord: (locator, body) => this.#cache.put(locator, body),
      onFile: (bytes) => {
        this.#files += 1;
        this.#fileBytes += bytes;
      },
    };
  }

  /** Why nothing is acknowledged any more, or null while the disk can be believed. Reading goes on either way. */
  get failure(): StorageUnhealthyError | null {
    return this.#health.failure;
  }

  get backlog(): Backlog {
    const { oldest, refusals, running, failure } = this.#health;
    return { waiting: running + this.#segments.waiting, oldest, refusals, isUnhealthy: failure !== null };
  }

  get counters(): BlobCounters {
    const { budget } = this.#writerDeps;
    return {
      syncs: this.#health.syncs,
      bytes: this.#segments.bytes + this.#fileBytes,
      appends: this.#segments.appends,
      files: this.#files,
      bufferedBytes: budget.bytes,
      bufferedBytesPeak: budget.peak,
    };
  }

  /** The writer rejects with StorageUnhealthyError or StorageFullError; either way nothing was stored. */
  create(): BlobWriter {
    this.#assertOpen();
    return new StoredBlobWriter(this.#writerDeps);
  }

  /** Rejects with BlobDamagedError, StorageReadError, or RangeError for a range outside the body. */
  async *read(
    ref: BlobRef,
    range: { readonly start: number; readonly end: number } = { start: 0, end: ref.sizeBytes },
  ): AsyncGenerator<Buffer, void, void> {
    const { sizeBytes, locator: text } = ref;
    const locator = parseLocator(text);
    const isSize = Number.isSafeInteger(sizeBytes) && sizeBytes >= 0;
    if (locator === null || !isSize) throw new BlobDamagedError("PST-SPL-003", locator === null ? "unreadable" : text);
    assertRange(range, sizeBytes);
    const cached = this.#cache.get(text);
    if (cached?.length === sizeBytes) {
      if (range.end > range.start) yield cached.subarray(range.start, range.end);
      return;
    }
    const place = { text, sizeBytes, key: this.#unwrapKey(ref, locator.blobId) };
    if (locator.kind === "file") {
      const path = this.#paths.file(locator.blobId);
      yield* readChunked({ ...place, fs: this.#fs, path, blobId: locator.blobId, range });
      return;
    }
    const body = await readSegmentRecord({ ...place, files: this.#segmentFiles, locator });
    this.#cache.put(text, body);
    if (range.end > range.start) yield body.subarray(range.start, range.end);
  }

  /** Writes a small file of its own durably and removes it: whether there is space again. Rejects as a seal does. */
  async tryWrite(): Promise<void> {
    const writer = this.create();
    try {
      await writer.write(Buffer.alloc(this.#writerDeps.inlineBytesMax + 1));
      await this.release([await writer.seal()]);
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  async readAll(ref: BlobRef, bytesMax: number): Promise<Buffer> {
    if (ref.sizeBytes > bytesMax) throw new RangeError(`the blob has ${ref.sizeBytes} bytes, more than ${bytesMax}`);
    const chunks: Buffer[] = [];
    for await (const chunk of this.read(ref)) chunks.push(chunk);
    return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  }

  keep(refs: readonly BlobRef[]): void {
    for (const locator of locatorsOf(refs)) if (locator.kind === "segment") this.#segments.keep(locator);
  }

  disown(refs: readonly BlobRef[]): void {
    for (const locator of locatorsOf(refs)) {
      if (locator.kind === "segment") this.#segments.release(locator);
      else this.#tidy.stray(locator.blobId);
    }
  }

  async release(refs: readonly BlobRef[]): Promise<void> {
    for (const { locator } of refs) this.#cache.delete(locator);
    for (const locator of locatorsOf(refs)) {
      if (locator.kind === "segment") this.#segments.release(locator);
      else await removed(this.#fs, this.#paths.file(locator.blobId));
    }
  }

  async recover(references: BlobReferences & RedoLog): Promise<{ readonly reclaimed: number }> {
    const deps = { fs: this.#fs, paths: this.#paths, segments: this.#segments, health: this.#health };
    await redoBodies(deps, references);
    const reclaimed = await recoverBlobs(deps, this.#leftovers, references);
    this.#leftovers = { segments: new Set(), files: new Set(), unfinished: new Set() };
    return { reclaimed };
  }

  async verify(references: BlobReferences, signal: AbortSignal): Promise<{ readonly missing: readonly string[] }> {
    const isOwn = (segment: string): boolean => this.#segments.isOwn(segment);
    return { missing: await verifyBodies({ fs: this.#fs, paths: this.#paths, isOwn }, references, signal) };
  }

  async tidy(references: BlobReferences, options: TidyOptions): Promise<Tidied> {
    this.#health.assertHealthy();
    return await this.#tidy.run(references, options);
  }

  /** For a change of keys: the same key of a body, wrapped by the present KEK. */
  get rewrapper(): Rewrapper {
    return {
      mark: () => this.#keyRing.mark("spool"),
      rewrap: (text, wrappedKey) => {
        const locator = parseLocator(text);
        if (locator === null) throw new BlobDamagedError("PST-SPL-003", "unreadable");
        const context = keyContext(locator.blobId);
        return this.#keyRing.wrap("spool", this.#keyRing.unwrap("spool", wrappedKey, context), context);
      },
    };
  }

  /** Waits for the seals that run. Writers still open can only be aborted. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#writerDeps.sealing);
    await this.#segments.close();
    this.#cache.clear();
    await this.#segmentFiles.close();
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new Error("the body store is closed");
  }

  #unwrapKey(ref: BlobRef, blobId: string): Buffer {
    try {
      return this.#keyRing.unwrap("spool", ref.wrappedKey, keyContext(blobId));
    } catch (error) {
      throw new BlobDamagedError("PST-SPL-005", ref.locator, error);
    }
  }
}

function locatorsOf(refs: readonly BlobRef[]): readonly Locator[] {
  return refs.map(({ locator }) => parseLocator(locator)).filter((locator) => locator !== null);
}

function assertRange({ start, end }: { readonly start: number; readonly end: number }, sizeBytes: number): void {
  const isInside = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= sizeBytes;
  if (!isInside) throw new RangeError(`the range ${start} to ${end} lies outside the blob's ${sizeBytes} bytes`);
}
