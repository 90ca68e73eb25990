/** Reads stretches of a stored message for inspection and protection. */
import type { StoredMessage } from "./core/queue-store.ts";
import type { ReadBody } from "./core/stages.ts";
import type { DiskBlobStore } from "./parts/store/blob-store.ts";

export function bodyReader(blobs: DiskBlobStore): (message: StoredMessage) => ReadBody {
  return ({ submission }) =>
    async (start, end) => {
      const chunks: Buffer[] = [];
      for await (const chunk of blobs.read(submission.body, { start, end })) chunks.push(chunk);
      const [only = Buffer.alloc(0)] = chunks;
      return chunks.length > 1 ? Buffer.concat(chunks) : only;
    };
}
