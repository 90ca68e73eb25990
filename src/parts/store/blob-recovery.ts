/**
 * What a start does with the files an earlier life left: whatever no row refers to was never acknowledged, or is released,
 * and goes; segments with live records are handed to the segment log.
 * Promises: judges only files that were there when the store was opened; asks about each file before it removes it, and changes
 * nothing where the rows cannot be read; takes as long as there are files, however many rows; leaves files it does not know alone.
 */
import type { BlobReferences } from "../../core/blob-store.ts";
import { reached } from "../../core/failpoint.ts";
import { errnoOf } from "./blob-errors.ts";
import { formatLocator, parseFileName, segmentPrefix } from "./blob-locator.ts";
import type { BlobPaths } from "./blob-locator.ts";
import type { Fs } from "./fs.ts";
import type { SegmentLog } from "./segment-log.ts";

/** Ids by kind of file, as found. */
export type Leftovers = {
  readonly segments: ReadonlySet<string>;
  readonly files: ReadonlySet<string>;
  readonly unfinished: ReadonlySet<string>;
};

export type RecoveryDeps = { readonly fs: Fs; readonly paths: BlobPaths; readonly segments: SegmentLog };

const FILES_ASKED_MAX = 500;

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

/** Resolves to the number of files removed. */
export async function recoverBlobs(
  { fs, paths, segments }: RecoveryDeps,
  leftovers: Leftovers,
  references: BlobReferences,
): Promise<number> {
  const dead = [...leftovers.unfinished].map((id) => paths.unfinished(id));
  for (const segment of leftovers.segments) {
    const live = await references.refsUnder({ prefix: segmentPrefix(segment), after: "", limit: 1 });
    if (live.length === 0) dead.push(paths.segment(segment));
    else segments.adopt(segment);
  }
  for (const ids of portionsOf([...leftovers.files], FILES_ASKED_MAX)) {
    const live = await references.referredTo(ids.map(fileLocator));
    dead.push(...ids.filter((id) => !live.has(fileLocator(id))).map((id) => paths.file(id)));
  }
  let reclaimed = 0;
  for (const path of dead) {
    await reached("recovery.before-unlink");
    reclaimed += (await removed(fs, path)) ? 1 : 0;
  }
  return reclaimed;
}

export function fileLocator(blobId: string): string {
  return formatLocator({ kind: "file", blobId });
}

export function portionsOf<T>(items: readonly T[], max: number): readonly (readonly T[])[] {
  const portions: T[][] = [];
  for (let at = 0; at < items.length; at += max) portions.push(items.slice(at, at + max));
  return portions;
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
