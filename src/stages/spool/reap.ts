/**
 * Forgets messages that ended long ago: rows first, then bodies, whose keys went with the rows. Promises: goes on until
 * nothing old is left or it is told to stop, in portions small enough that new mail does not wait for them; a crash between
 * rows and bodies leaves bodies nobody can read, which recovery removes.
 */
import type { BlobStore } from "../../core/blob-store.ts";
import { reached } from "../../core/failpoint.ts";
import type { QueueStore } from "../../core/queue-store.ts";

export type ReapOptions = {
  readonly endedBefore: number;
  /** Messages of one transaction. */
  readonly portionMax: number;
};

export type ReapDeps = {
  readonly store: Pick<QueueStore, "reap">;
  readonly blobs: Pick<BlobStore, "release">;
  /** Aborted: no further portion is begun. */
  readonly signal: AbortSignal;
};

export async function reapEnded({ endedBefore, portionMax }: ReapOptions, deps: ReapDeps): Promise<void> {
  while (!deps.signal.aborted) {
    // Each message has a body at least: no body, no message left.
    const bodies = await deps.store.reap(endedBefore, portionMax);
    if (bodies.length === 0) return;
    await reached("reap.rows-gone");
    await deps.blobs.release(bodies);
  }
}
