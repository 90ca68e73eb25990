/**
 * Brings bodies that became durable with their rows only to their place in the segments, at a start, before anything else looks there.
 * Promises: what a row refers to is durable where the row says before the records are forgotten; what lies there already stays as it
 * is, so that a full disk keeps nobody from starting; a segment that is gone stays gone, for the look for missing bodies to tell.
 */
import type { BlobReferences, RedoLog, RedoRecord } from "../../core/blob-store.ts";
import { reached } from "../../core/failpoint.ts";
import { errnoOf } from "./blob-errors.ts";
import type { StorageHealth } from "./blob-health.ts";
import { parseLocator } from "./blob-locator.ts";
import type { BlobPaths, SegmentLocator } from "./blob-locator.ts";
import type { Fs, FsFile } from "./fs.ts";

export type RedoDeps = { readonly fs: Fs; readonly paths: BlobPaths; readonly health: StorageHealth };

type Redo = { readonly locator: SegmentLocator; readonly record: Uint8Array };

/** Rejects with StorageFullError or StorageUnhealthyError where a body cannot be written: the records stay for the next start. */
export async function redoBodies(deps: RedoDeps, references: BlobReferences & RedoLog): Promise<void> {
  let isAny = false;
  for (let after: number | null = 0; after !== null;) {
    const { records, next } = await references.redoRecords(after);
    const live = await references.referredTo(records.map(({ locator }) => locator));
    const bySegment = Map.groupBy(redosOf(records, live), ({ locator }) => locator.segment);
    for (const [segment, redos] of bySegment) await redoSegment(segment, redos, deps);
    isAny ||= records.length > 0;
    after = next;
  }
  if (isAny) await references.forgetRedoRecords();
}

/** Those that rows refer to; who was moved meanwhile lies durably elsewhere. */
function redosOf(records: readonly RedoRecord[], live: ReadonlySet<string>): readonly Redo[] {
  return records.flatMap(({ locator: text, record }): readonly Redo[] => {
    const locator = parseLocator(text);
    return live.has(text) && locator?.kind === "segment" ? [{ locator, record }] : [];
  });
}

async function redoSegment(segment: string, redos: readonly Redo[], { fs, paths, health }: RedoDeps): Promise<void> {
  let file: FsFile;
  try {
    file = await fs.openToWrite(paths.segment(segment));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return;
    throw error;
  }
  try {
    for (const { locator, record } of redos) {
      await reached("recovery.before-redo");
      if (!(await liesThere(file, locator, record))) {
        await health.change(async () => await file.write([record], locator.offset));
      }
    }
    await health.sync(async () => await file.datasync());
  } finally {
    await file.close();
  }
}

async function liesThere(file: FsFile, { offset }: SegmentLocator, record: Uint8Array): Promise<boolean> {
  const found = Buffer.alloc(record.length);
  return (await file.read(found, offset)) === record.length && found.equals(record);
}
