/**
 * Finds rows whose body is gone or cut short, after a start and beside the mail. Promises: looks at one page of references after
 * the other with pauses between them, keeps nothing of what is well, and asks again before it calls a body missing, since a
 * message may be forgotten meanwhile. Whether bytes are what they were is seen when they are read.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { BlobRef, BlobReferences } from "../../core/blob-store.ts";
import { errnoOf } from "./blob-errors.ts";
import { parseLocator } from "./blob-locator.ts";
import type { BlobPaths } from "./blob-locator.ts";
import type { Fs } from "./fs.ts";
import { recordBytes } from "./segment-record.ts";

export type VerifyDeps = {
  readonly fs: Fs;
  readonly paths: BlobPaths;
  /** Segments this life writes: whole by what their writer promises, and still growing. */
  readonly isOwn: (segment: string) => boolean;
};

const PAGE_REFS = 500;
const PAUSE_MS = 5;
/** Named at most; more than a person reads. */
const MISSING_MAX = 10_000;

export async function verifyBodies(
  deps: VerifyDeps,
  references: BlobReferences,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const missing: string[] = [];
  const sizes = new SizeOfLast(deps);
  let after = "";
  while (!signal.aborted && missing.length < MISSING_MAX) {
    const page = await references.refsUnder({ prefix: "", after, limit: PAGE_REFS });
    const suspects: string[] = [];
    for (const ref of page) if (!(await isWhole(ref, deps, sizes))) suspects.push(ref.locator);
    if (suspects.length > 0) missing.push(...(await references.referredTo(suspects)));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_REFS) break;
    after = last.locator;
    await sleep(PAUSE_MS, undefined, { signal, ref: false }).catch(() => undefined); // aborted: the loop ends
  }
  return missing;
}

async function isWhole({ locator: text, sizeBytes }: BlobRef, deps: VerifyDeps, sizes: SizeOfLast): Promise<boolean> {
  const locator = parseLocator(text);
  if (locator === null) return false;
  if (locator.kind === "file") return (await sizes.of(deps.paths.file(locator.blobId))) !== null;
  if (deps.isOwn(locator.segment)) return true;
  const size = await sizes.of(deps.paths.segment(locator.segment));
  return size !== null && locator.offset + recordBytes(sizeBytes) <= size;
}

/** References come by locator, so those of one segment follow each other. */
class SizeOfLast {
  readonly #fs: Fs;
  #path = "";
  #size: number | null = null;

  constructor({ fs }: Pick<VerifyDeps, "fs">) {
    this.#fs = fs;
  }

  /** null where there is no such file. */
  async of(path: string): Promise<number | null> {
    if (path !== this.#path) {
      this.#size = await fileSize(this.#fs, path);
      this.#path = path;
    }
    return this.#size;
  }
}

export async function fileSize(fs: Fs, path: string): Promise<number | null> {
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
