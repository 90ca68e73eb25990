/** Reads one record of a segment. Promises: the body is whole, authenticated and the one asked for, or it rejects. */
import { BlobDamagedError, readFailure } from "./blob-errors.ts";
import type { BlobPaths, SegmentLocator } from "./blob-locator.ts";
import type { Fs } from "./fs.ts";
import { decryptRecord, recordBytes } from "./segment-record.ts";

export type SegmentRead = {
  readonly fs: Fs;
  readonly paths: BlobPaths;
  readonly locator: SegmentLocator;
  readonly text: string;
  readonly sizeBytes: number;
  readonly key: Uint8Array;
};

export async function readSegmentRecord(read: SegmentRead): Promise<Buffer> {
  const record = await fetchRecord(read).catch((error: unknown) => {
    throw readFailure(error, read.text);
  });
  try {
    return decryptRecord(record, read.key, read.locator.blobId);
  } catch (error) {
    throw new BlobDamagedError("PST-SPL-003", read.text, error);
  }
}

async function fetchRecord({ fs, paths, locator, text, sizeBytes }: SegmentRead): Promise<Buffer> {
  const file = await fs.openFile(paths.segment(locator.segment));
  try {
    const bytes = recordBytes(sizeBytes);
    // Compared before the buffer is made: a damaged size must not ask for gigabytes.
    if (locator.offset + bytes > (await file.sizeBytes())) throw new BlobDamagedError("PST-SPL-003", text);
    const record = Buffer.allocUnsafeSlow(bytes);
    if ((await file.read(record, locator.offset)) !== bytes) throw new BlobDamagedError("PST-SPL-003", text);
    return record;
  } finally {
    await file.close();
  }
}
