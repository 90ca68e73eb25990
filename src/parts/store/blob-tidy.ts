/**
 * Reclaims space beside the mail. Segments no row refers to go; of those that are mostly dead the live records are copied, as
 * they are encrypted, to the segment that is being written, the rows are re-pointed in one transaction, and the old file goes
 * once nobody can still hold its references. Promises: a copy is durable before a row refers to it, and the original stays until
 * no row does; a crash between leaves both, and the next start the one that is referred to; no more is copied in a run than allowed.
 */
import type { BlobMove, BlobRef, BlobReferences, TidyOptions, Tidied } from "../../core/blob-store.ts";
import { formatLocator, parseLocator, segmentPrefix } from "./blob-locator.ts";
import type { BlobPaths, SegmentLocator } from "./blob-locator.ts";
import { fileLocator, portionsOf, removed } from "./blob-recovery.ts";
import { fileSize } from "./blob-verify.ts";
import type { Fs } from "./fs.ts";
import type { SegmentFiles } from "./segment-files.ts";
import type { SegmentLog } from "./segment-log.ts";
import { fetchRecord } from "./segment-reader.ts";
import { rawRecord, recordBytes } from "./segment-record.ts";

export type TidyDeps = {
  readonly fs: Fs;
  readonly paths: BlobPaths;
  readonly segments: SegmentLog;
  readonly files: SegmentFiles;
};

/** A segment of which less than this share is live is copied away. */
const SPARSE_SHARE = 1 / 2;
/** How long work begun before a body moved may still read it at its old place; longer than any pass. */
const RETIRED_MS = 4 * 3_600_000;
const PAGE_REFS = 500;
/** Records copied for one transaction. */
const PORTION_RECORDS = 64;
const FILES_ASKED_MAX = 500;

export class BlobTidy {
  readonly #deps: TidyDeps;
  /** Segments whose rows were re-pointed, and when nobody reads them any more. */
  readonly #retired = new Map<string, number>();
  /** Files no row is believed to refer to. */
  readonly #strays = new Set<string>();

  constructor(deps: TidyDeps) {
    this.#deps = deps;
  }

  stray(blobId: string): void {
    this.#strays.add(blobId);
  }

  async run(references: BlobReferences, options: TidyOptions): Promise<Tidied> {
    const done = { dropped: await this.#dropStrays(references), moved: 0, copiedBytes: 0 };
    for (const segment of this.#deps.segments.candidates()) {
      if (options.signal.aborted) break;
      const left = options.copyBytesMax - done.copiedBytes;
      const step = await this.#tidySegment(segment, references, { ...options, copyBytesMax: left });
      done.dropped += step.dropped;
      done.moved += step.moved;
      done.copiedBytes += step.copiedBytes;
    }
    return done;
  }

  async #dropStrays(references: BlobReferences): Promise<number> {
    let dropped = 0;
    for (const ids of portionsOf([...this.#strays], FILES_ASKED_MAX)) {
      const live = await references.referredTo(ids.map(fileLocator));
      for (const id of ids) {
        this.#strays.delete(id);
        if (live.has(fileLocator(id))) continue;
        dropped += (await removed(this.#deps.fs, this.#deps.paths.file(id))) ? 1 : 0;
      }
    }
    return dropped;
  }

  async #tidySegment(segment: string, references: BlobReferences, options: TidyOptions): Promise<Tidied> {
    const { segments, fs, paths } = this.#deps;
    const live = await liveOf(segment, references);
    if (live.length === 0) return { dropped: await this.#drop(segment, options.now), moved: 0, copiedBytes: 0 };
    const liveBytes = live.reduce((sum, { sizeBytes }) => sum + recordBytes(sizeBytes), 0);
    const size = await fileSize(fs, paths.segment(segment));
    if (size === null || liveBytes >= size * SPARSE_SHARE) {
      segments.looked(segment);
      return { dropped: 0, moved: 0, copiedBytes: 0 };
    }
    // Waits for a run with room; a segment alone may use all of it.
    if (liveBytes > options.copyBytesMax) return { dropped: 0, moved: 0, copiedBytes: 0 };
    const moved = await this.#moveAll(live, references, options.signal);
    if (moved.moved === 0) segments.looked(segment);
    this.#retired.set(segment, options.now + RETIRED_MS);
    return { dropped: 0, ...moved };
  }

  async #drop(segment: string, now: number): Promise<number> {
    if (now < (this.#retired.get(segment) ?? -Infinity)) return 0;
    this.#retired.delete(segment);
    await this.#deps.files.forget(segment);
    return (await this.#deps.segments.drop(segment)) ? 1 : 0;
  }

  async #moveAll(
    live: readonly BlobRef[],
    references: BlobReferences,
    signal: AbortSignal,
  ): Promise<Pick<Tidied, "moved" | "copiedBytes">> {
    let moved = 0;
    let copiedBytes = 0;
    for (const portion of portionsOf(live, PORTION_RECORDS)) {
      if (signal.aborted) break;
      const copies = (await Promise.all(portion.map((ref) => this.#copy(ref)))).filter((copy) => copy !== null);
      const moves: readonly BlobMove[] = copies.map(({ from, to }) => ({ from, to: formatLocator(to) }));
      const repointed = await references.repoint(moves);
      for (const { from, to, bytes } of copies) {
        // A message forgotten meanwhile leaves its copy dead.
        if (repointed.has(from)) this.#deps.segments.keep(to);
        else this.#deps.segments.release(to);
        copiedBytes += bytes;
      }
      moved += repointed.size;
    }
    return { moved, copiedBytes };
  }

  /** null where the record cannot be read: it stays where it is, and whoever needs it is told. */
  async #copy({ locator: from, sizeBytes }: BlobRef) {
    const locator = parseLocator(from);
    if (locator?.kind !== "segment") throw new Error("not in a segment");
    const bytes = await fetchRecord({ files: this.#deps.files, locator, text: from, sizeBytes }).catch(() => null);
    if (bytes === null) return null;
    const to: SegmentLocator = await this.#deps.segments.append(rawRecord(locator.blobId, bytes));
    return { from, to, bytes: bytes.length };
  }
}

async function liveOf(segment: string, references: BlobReferences): Promise<readonly BlobRef[]> {
  const live: BlobRef[] = [];
  for (let after = ""; ;) {
    const page = await references.refsUnder({ prefix: segmentPrefix(segment), after, limit: PAGE_REFS });
    live.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_REFS) return live;
    after = last.locator;
  }
}
