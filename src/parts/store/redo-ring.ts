/**
 * Small bodies that become durable with their rows, with the one sync of their transaction: written to their place in a segment
 * without a sync, and in a ring of slots of the database. After a crash what the ring holds is written to its place again
 * (blob-redo.ts), which a body that lies there already leaves as it is.
 * Promises: a slot is taken again only once the body it held is durable in its segment; for want of space a body fails alone, any
 * other error is for the store to be taken out of use. Leaves to others: places (segment-log.ts), who still needs what is redone.
 */
import { closeSync, constants, fdatasyncSync, openSync, writeSync } from "node:fs";
import type { Database, Statement } from "better-sqlite3";
import type { PendingRecord, RedoRecord } from "../../core/blob-store.ts";
import { reach } from "../../core/failpoint.ts";
import { isPassing } from "./blob-errors.ts";
import { storeError } from "./sqlite-store-error.ts";

export type RedoPage = { readonly records: readonly RedoRecord[]; readonly next: number | null };

/** Bodies the ring holds. */
export const RING_SLOTS = 128;
/** Bodies between two syncs of a segment. */
const SYNC_BODIES = RING_SLOTS / 2;
/** A chunk fills a page of the database (4,096 bytes) but for what the page and the row need. */
const CHUNK_BYTES = 4_040;
/** Of a slot: the largest body that is left to the rows, its record and its locator. */
const SLOT_CHUNKS = 16;
/** Bytes of the record, bytes of the locator. */
const HEAD_BYTES = 8;
/** Slots read at once. */
const PAGE_SLOTS = 16;

type Chunk = { readonly chunk: number; readonly bytes: Uint8Array };

export class RedoRing {
  readonly #put: Statement<[number, Uint8Array]>;
  readonly #read: Statement<[number, number], Chunk>;
  readonly #last: Statement<[], number | null>;
  readonly #clear: Statement<[]>;
  #file: { readonly path: string; readonly fd: number } | null = null;
  #slot = 0;
  /** Bodies written and not synced yet. */
  #unsynced = 0;

  constructor(db: Database) {
    this.#put = db.prepare("INSERT INTO redo VALUES (?, ?) ON CONFLICT (chunk) DO UPDATE SET bytes = excluded.bytes");
    this.#read = db.prepare("SELECT chunk, bytes FROM redo WHERE chunk >= ? AND chunk < ? ORDER BY chunk");
    this.#last = db.prepare<[], number | null>("SELECT max(chunk) FROM redo").pluck();
    this.#clear = db.prepare("DELETE FROM redo");
  }

  /** Within the transaction of the row that refers to it. Throws StoreError. */
  keep(locator: string, pending: PendingRecord): void {
    if (this.#unsynced >= RING_SLOTS) this.sync();
    this.#write(pending);
    this.#unsynced += 1;
    const first = (this.#slot % RING_SLOTS) * SLOT_CHUNKS;
    this.#slot += 1;
    for (const [index, bytes] of chunksOf(locator, pending.record).entries()) this.#put.run(first + index, bytes);
  }

  /** Whether it is time for `sync`, when nobody waits for it. */
  get isSyncDue(): boolean {
    return this.#unsynced >= SYNC_BODIES;
  }

  /** Throws StoreError where the disk can no longer be believed. */
  sync(): void {
    if (this.#file === null) return;
    try {
      reach("record.before-sync");
      fdatasyncSync(this.#file.fd);
    } catch (error) {
      throw storeError("PST-SPL-001", "", error);
    }
    this.#unsynced = 0;
  }

  /** Records of an earlier life from slot `after` on. */
  page(after: number): RedoPage {
    const last = this.#last.get();
    if (last === null || last === undefined) return { records: [], next: null };
    const end = after + PAGE_SLOTS;
    const slots = Map.groupBy(this.#read.all(after * SLOT_CHUNKS, end * SLOT_CHUNKS), slotOf);
    const records = [...slots.values()].map(recordOf).filter((record) => record !== null);
    return { records, next: end * SLOT_CHUNKS > last ? null : end };
  }

  forget(): null {
    this.#clear.run();
    return null;
  }

  /** What was not synced is redone at the next start. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file.fd);
    this.#file = null;
  }

  #write({ path, position, record }: PendingRecord): void {
    try {
      reach("record.before-write");
      const fd = this.#fileAt(path);
      for (let done = 0; done < record.length;) {
        const written = writeSync(fd, record, done, record.length - done, position + done);
        if (written === 0) throw new Error("the file took no byte");
        done += written;
      }
      reach("record.written");
    } catch (error) {
      throw storeError(isPassing(error) ? "PST-SPL-002" : "PST-SPL-001", "", error);
    }
  }

  #fileAt(path: string): number {
    if (this.#file?.path === path) return this.#file.fd;
    this.sync();
    this.close();
    const fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
    this.#file = { path, fd };
    return fd;
  }
}

/** Of one size each, so that a chunk is overwritten where it lies. */
function chunksOf(locator: string, record: Uint8Array): readonly Uint8Array[] {
  const head = Buffer.alloc(HEAD_BYTES + locator.length);
  head.writeUInt32BE(record.length, 0);
  head.writeUInt32BE(locator.length, 4);
  head.write(locator, HEAD_BYTES, "latin1");
  const count = Math.ceil((head.length + record.length) / CHUNK_BYTES);
  if (count > SLOT_CHUNKS)
    throw storeError("PST-SPL-062", `a body of ${record.length} bytes is too large for the ring`);
  const slot = Buffer.alloc(count * CHUNK_BYTES);
  slot.set(head);
  slot.set(record, head.length);
  return Array.from({ length: count }, (_, index) => slot.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES));
}

function slotOf({ chunk }: Chunk): number {
  return Math.floor(chunk / SLOT_CHUNKS);
}

/** null for a slot that holds less than it says. Behind the record lie zeros, and chunks of a longer one before it. */
function recordOf(chunks: readonly Chunk[]): RedoRecord | null {
  const slot = Buffer.concat(chunks.map(({ bytes }) => bytes));
  if (slot.length < HEAD_BYTES) return null;
  const start = HEAD_BYTES + slot.readUInt32BE(4);
  const end = start + slot.readUInt32BE(0);
  if (end > slot.length) return null;
  return { locator: slot.toString("latin1", HEAD_BYTES, start), record: slot.subarray(start, end) };
}
