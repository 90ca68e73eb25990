/** Reads one record of a segment. Promises: the body is whole, authenticated and the one asked for, or it rejects. */
import { BlobDamagedError, readFailure } from "./blob-errors.ts";
import type { SegmentLocator } from "./blob-locator.ts";
import type { FsFile } from "./fs.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { decryptRecord, recordBytes } from "./segment-record.ts";

export type SegmentRead = {
  readonly files: SegmentFiles;
  readonly locator: SegmentLocator;
  readonly text: string;
  readonly sizeBytes: number;
  readonly key: Uint8Array;
};

/** Above this the size is compared with the file's before a buffer is made: a damaged one must not ask for gigabytes. */
const UNCHECKED_BYTES_MAX = 1_048_576;

export async function readSegmentRecord(read: SegmentRead): Promise<Buffer> {
  const record = await fetchRecord(read);
  try {
    return decryptRecord(record, read.key, read.locator.blobId);
  } catch (error) {
    throw new BlobDamagedError("PST-SPL-003", read.text, error);
  }
}

/** As it lies on the disk. */
export async function fetchRecord({ files, locator, text, sizeBytes }: Omit<SegmentRead, "key">): Promise<Buffer> {
  const fetch = async (file: FsFile): Promise<Buffer> => {
    const bytes = recordBytes(sizeBytes);
    if (bytes > UNCHECKED_BYTES_MAX && locator.offset + bytes > (await file.sizeBytes())) {
      throw new BlobDamagedError("PST-SPL-003", text);
    }
    const record = Buffer.allocUnsafeSlow(bytes);
    if ((await file.read(record, locator.offset)) !== bytes) throw new BlobDamagedError("PST-SPL-003", text);
    return record;
  };
  return await files.use(locator.segment, fetch).catch((error: unknown) => {
    throw readFailure(error, text);
  });
}
