/**
 * Segments open for reading, a bounded number of them, so that a body costs one read and not open, read and close.
 * Promises: a file is closed once, and only when nobody reads it.
 */
import type { BlobPaths } from "./blob-locator.ts";
import type { Fs, FsFile } from "./fs.ts";

type Open = { readonly file: Promise<FsFile>; readers: number; isForgotten: boolean };

const OPEN_MAX = 64;

export class SegmentFiles {
  readonly #fs: Fs;
  readonly #paths: BlobPaths;
  /** Used last comes last. */
  readonly #open = new Map<string, Open>();

  constructor(fs: Fs, paths: BlobPaths) {
    this.#fs = fs;
    this.#paths = paths;
  }

  async use<T>(segment: string, read: (file: FsFile) => Promise<T>): Promise<T> {
    const open = this.#openOf(segment);
    open.readers += 1;
    try {
      return await read(await open.file);
    } catch (error) {
      // Opened anew the next time: what failed may lie in the handle.
      this.#forget(segment, open);
      throw error;
    } finally {
      open.readers -= 1;
      await closeUnread(open);
    }
  }

  /** The file is about to go. */
  async forget(segment: string): Promise<void> {
    const open = this.#open.get(segment);
    if (open === undefined) return;
    this.#forget(segment, open);
    await closeUnread(open);
  }

  async close(): Promise<void> {
    for (const segment of this.#open.keys()) await this.forget(segment);
  }

  #openOf(segment: string): Open {
    const known = this.#open.get(segment);
    if (known !== undefined) this.#open.delete(segment);
    const open = known ?? {
      file: this.#fs.openFile(this.#paths.segment(segment)),
      readers: 0,
      isForgotten: false,
    };
    this.#open.set(segment, open);
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.size > OPEN_MAX) {
      this.#forget(...oldest);
      void closeUnread(oldest[1]);
    }
    return open;
  }

  #forget(segment: string, open: Open): void {
    open.isForgotten = true;
    if (this.#open.get(segment) === open) this.#open.delete(segment);
  }
}

/** A handle for reading that cannot be closed loses nothing. */
async function closeUnread({ file, readers, isForgotten }: Open): Promise<void> {
  if (!isForgotten || readers > 0) return;
  await file.then((opened) => opened.close()).catch(() => undefined);
}
