/**
 * What a start does with the files an earlier life left: whatever no row refers to was never acknowledged, or is
 * released, and goes; segments with live records are handed to the segment log.
 * Promises: judges only files that were there when the store was opened; removes nothing before every live reference
 * was read; changes nothing that is live; leaves files it does not know alone.
 */
import type { BlobRef } from "../../core/blob-store.ts";
import { reached } from "../../core/failpoint.ts";
import { errnoOf } from "./blob-errors.ts";
import { parseFileName, parseLocator } from "./blob-locator.ts";
import type { BlobPaths, Locator, SegmentLocator } from "./blob-locator.ts";
import type { Fs } from "./fs.ts";
import type { SegmentLog } from "./segment-log.ts";
import { recordBytes } from "./segment-record.ts";

/** Ids by kind of file, as found. */
export type Leftovers = {
  readonly segments: ReadonlySet<string>;
  readonly files: ReadonlySet<string>;
  readonly unfinished: ReadonlySet<string>;
};

export type BlobRecovery = {
  /** Files removed. */
  readonly reclaimed: number;
  /** Locators of live blobs that are gone or cut short: reading them will reject. */
  readonly missing: readonly string[];
};

export type RecoveryDeps = { readonly fs: Fs; readonly paths: BlobPaths; readonly segments: SegmentLog };

type LiveBlobs = {
  readonly offsets: Map<string, Set<number>>;
  readonly files: Set<string>;
  readonly missing: string[];
};

export async function findLeftovers(fs: Fs, paths: BlobPaths): Promise<Leftovers> {
  const found = { segment: new Set<string>(), file: new Set<string>(), unfinished: new Set<string>() };
  for (const directory of [paths.segments, paths.files]) {
    for (const name of await fs.list(directory)) {
      const parsed = parseFileName(name);
      if (parsed !== null) found[parsed.kind].add(parsed.id);
    }
  }
  return { segments: found.segment, files: found.file, unfinished: found.unfinished };
}

export async function recoverBlobs(
  deps: RecoveryDeps,
  leftovers: Leftovers,
  live: AsyncIterable<BlobRef> | Iterable<BlobRef>,
): Promise<BlobRecovery> {
  const { paths, segments } = deps;
  const found = await readLive(deps, leftovers, live);
  const dead: string[] = [];
  for (const segment of leftovers.segments) {
    const offsets = found.offsets.get(segment);
    if (offsets === undefined) dead.push(paths.segment(segment));
    else segments.adopt(segment, offsets);
  }
  for (const id of leftovers.unfinished) dead.push(paths.unfinished(id));
  for (const id of leftovers.files) if (!found.files.has(id)) dead.push(paths.file(id));
  let reclaimed = 0;
  for (const path of dead) {
    await reached("recovery.before-unlink");
    reclaimed += (await removed(deps.fs, path)) ? 1 : 0;
  }
  return { reclaimed, missing: found.missing };
}

async function readLive(
  deps: RecoveryDeps,
  leftovers: Leftovers,
  live: AsyncIterable<BlobRef> | Iterable<BlobRef>,
): Promise<LiveBlobs> {
  const found: LiveBlobs = { offsets: new Map(), files: new Set(), missing: [] };
  const sizes = new Map<string, number>();
  for await (const ref of live) {
    const locator = parseLocator(ref.locator);
    if (locator === null) {
      found.missing.push(ref.locator);
    } else if (locator.kind === "file") {
      found.files.add(locator.blobId);
      if (!leftovers.files.has(locator.blobId) && !(await exists(deps, locator))) found.missing.push(ref.locator);
    } else {
      addOffset(found.offsets, locator);
      const size = sizes.get(locator.segment) ?? (await segmentSize(deps, locator.segment));
      sizes.set(locator.segment, size);
      if (locator.offset + recordBytes(ref.sizeBytes) > size) found.missing.push(ref.locator);
    }
  }
  return found;
}

function addOffset(offsets: Map<string, Set<number>>, { segment, offset }: SegmentLocator): void {
  const known = offsets.get(segment);
  if (known === undefined) offsets.set(segment, new Set([offset]));
  else known.add(offset);
}

async function segmentSize({ fs, paths }: RecoveryDeps, segment: string): Promise<number> {
  return (await fileSize(fs, paths.segment(segment))) ?? 0;
}

async function exists({ fs, paths }: RecoveryDeps, locator: Extract<Locator, { kind: "file" }>): Promise<boolean> {
  return (await fileSize(fs, paths.file(locator.blobId))) !== null;
}

async function fileSize(fs: Fs, path: string): Promise<number | null> {
  try {
    const file = await fs.openFile(path);
    try {
      return await file.sizeBytes();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
}

/** False where it was gone already. */
export async function removed(fs: Fs, path: string): Promise<boolean> {
  try {
    await fs.unlink(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
