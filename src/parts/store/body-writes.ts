/**
 * Small bodies written by the thread that writes the rows: handed over as soon as they are complete, on the disk before the rows
 * that follow them, without a walk through a third thread.
 * Promises: a row whose body is not on the disk is refused (`assertWritten`), also where nothing is known of the body any more;
 * bodies that came together and lie side by side share one synced write; an error that is not of a full disk is thrown, for the store to
 * be taken out of use. Leaves to others: places (segment-log.ts), order (writer-thread.ts).
 */
import { closeSync, constants, openSync, writevSync } from "node:fs";
import { reach } from "../../core/failpoint.ts";
import { isPassing } from "./blob-errors.ts";
import { withoutFirst } from "./fs.ts";
import { storeError } from "./sqlite-store-error.ts";
import type { StoreError } from "./sqlite-store-error.ts";

/** A record for its place in a segment whose name is durable. */
export type BodyWrite = {
  /** Counted upwards; whoever inserts the row names it. */
  readonly number: number;
  readonly path: string;
  readonly position: number;
  readonly record: Uint8Array<ArrayBuffer>;
};

/** Of one call of the system. */
const RECORDS_MAX = 256;
/** Failures remembered; whatever is older than the oldest of them counts as failed. */
const FAILURES_MAX = 1_000;

export class BodyWrites {
  readonly #failed = new Map<number, StoreError>();
  #unknownThrough = 0;
  #file: { readonly path: string; readonly fd: number } | null = null;

  /** Writes and syncs; what finds no room fails alone. Throws StoreError where the disk can no longer be believed. */
  write(writes: readonly BodyWrite[]): void {
    for (const together of sideBySide(writes)) {
      try {
        this.#writeTogether(together);
      } catch (error) {
        if (!isPassing(error)) throw storeError("PST-SPL-001", "", error);
        for (const { number } of together) this.#remember(number, storeError("PST-SPL-002", "", error));
      }
    }
  }

  /** Throws StoreError where the write of this number failed, or may have. */
  assertWritten(number: number): void {
    const failure = this.#failed.get(number);
    if (failure !== undefined) throw failure;
    if (number <= this.#unknownThrough) throw storeError("PST-SPL-002");
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file.fd);
    this.#file = null;
  }

  #writeTogether(writes: readonly [BodyWrite, ...BodyWrite[]]): void {
    const [{ path, position }] = writes;
    reach("record.before-write");
    const fd = this.#fileAt(path);
    let at = position;
    for (let rest = writes.map(({ record }) => record); rest.length > 0;) {
      const written = writevSync(fd, rest, at);
      if (written === 0) throw new Error("the file took no byte");
      at += written;
      rest = withoutFirst(rest, written);
    }
    reach("record.durable");
  }

  /** Each write of it is synced by itself. */
  #fileAt(path: string): number {
    if (this.#file?.path === path) return this.#file.fd;
    this.close();
    const fd = openSync(path, constants.O_WRONLY | constants.O_DSYNC | constants.O_NOFOLLOW);
    this.#file = { path, fd };
    return fd;
  }

  #remember(number: number, failure: StoreError): void {
    this.#failed.set(number, failure);
    const [oldest] = this.#failed.keys();
    if (oldest === undefined || this.#failed.size <= FAILURES_MAX) return;
    this.#failed.delete(oldest);
    this.#unknownThrough = Math.max(this.#unknownThrough, oldest);
  }
}

function sideBySide(writes: readonly BodyWrite[]): readonly (readonly [BodyWrite, ...BodyWrite[]])[] {
  const groups: [BodyWrite, ...BodyWrite[]][] = [];
  for (const write of writes) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const isNext =
      last !== undefined && last.path === write.path && last.position + last.record.length === write.position;
    if (group !== undefined && isNext && group.length < RECORDS_MAX) group.push(write);
    else groups.push([write]);
  }
  return groups;
}
