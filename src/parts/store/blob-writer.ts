/**
 * Takes one body: small ones are gathered in memory and become a record of the segment log; one that outgrows
 * `inlineBytesMax`, or meets a full memory budget, goes on to a file of its own.
 * Promises: one body holds `inlineBytesMax` bytes at most; after a failure nothing of it is left that recovery would
 * not remove; `abort` waits for a step that runs and undoes nothing once sealed.
 */
import type { BlobRef, BlobWriter, SealUntil } from "../../core/blob-store.ts";
import type { StorageHealth } from "./blob-health.ts";
import { formatLocator } from "./blob-locator.ts";
import type { BodyKey, BodyKeys } from "./body-keys.ts";
import { CHUNKED_MEMORY_BYTES, ChunkedWriter } from "./chunked-writer.ts";
import type { ChunkedDeps } from "./chunked-writer.ts";
import type { SegmentLog } from "./segment-log.ts";
import { encryptRecord, recordBytes } from "./segment-record.ts";

/** Plaintext and ciphertext bytes held by all writers of a store together. */
export class BufferBudget {
  readonly bytesMax: number;
  #bytes = 0;
  #peak = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get peak(): number {
    return this.#peak;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.bytesMax;
  }

  /** Adds, or with a negative number gives back. */
  hold(bytes: number): void {
    this.#bytes += bytes;
    this.#peak = Math.max(this.#peak, this.#bytes);
  }
}

export type BlobWriterDeps = {
  readonly segments: SegmentLog;
  readonly chunked: ChunkedDeps;
  readonly health: StorageHealth;
  readonly budget: BufferBudget;
  readonly inlineBytesMax: number;
  readonly keys: BodyKeys;
  /** Bodies that are being written, of all sessions. */
  readonly open: Set<BlobWriter>;
  /** Seals that run, for the store to wait for before it closes. */
  readonly sealing: Set<Promise<unknown>>;
  /** Throws when the store was closed. */
  readonly assertOpen: () => void;
  /** Whether the store is open and healthy. */
  readonly isUsable: () => boolean;
  /** A small body became durable, or is about to; the bytes are given away. */
  readonly onRecord: (locator: string, body: Buffer) => void;
  /** A file of this many bytes became durable. */
  readonly onFile: (bytes: number) => void;
};

type Place = Pick<BlobRef, "locator" | "pending">;

/** Copied to the other thread at once; of larger ones several would make it wait that writes the rows of all. */
const WITH_ROWS_BYTES_MAX = 32_768;
const FIRST_CAPACITY_BYTES = 16_384;
const NOTHING = Buffer.alloc(0);

export class StoredBlobWriter implements BlobWriter {
  readonly #deps: BlobWriterDeps;
  readonly #key: BodyKey;
  #state: "open" | "sealed" | "failed" | "aborted" = "open";
  #step: Promise<unknown> | null = null;
  #buffer = NOTHING;
  #file: ChunkedWriter | null = null;
  #sizeBytes = 0;
  #held = 0;

  constructor(deps: BlobWriterDeps) {
    this.#deps = deps;
    this.#key = deps.keys.take();
    deps.open.add(this);
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#gather(chunk)) await this.#run(async () => await this.#append(chunk));
  }

  async seal(until: SealUntil = "durable"): Promise<BlobRef> {
    const { sealing } = this.#deps;
    const running = this.#run(async () => await this.#seal(until));
    sealing.add(running);
    return await running.finally(() => sealing.delete(running));
  }

  async abort(): Promise<void> {
    while (this.#step !== null) await this.#step;
    if (this.#state !== "open") return;
    this.#state = "aborted";
    await this.#discard();
  }

  /** What most writes are, at once: false, with nothing done, where something must be waited for or would fail. */
  #gather(chunk: Uint8Array): boolean {
    const size = this.#sizeBytes + chunk.length;
    const isIdle = this.#state === "open" && this.#step === null;
    if (!isIdle || this.#file !== null || !this.#deps.isUsable() || !this.#makeRoom(size)) return false;
    this.#buffer.set(chunk, this.#sizeBytes);
    this.#sizeBytes = size;
    return true;
  }

  /** One step at a time; a failed step ends the blob. */
  async #run<T>(step: () => Promise<T>): Promise<T> {
    if (this.#state !== "open") throw new Error(`the blob is ${this.#state}`);
    if (this.#step !== null) throw new Error("a blob takes the next step only after the last one");
    const running = this.#attempt(step);
    this.#step = running.then(
      () => (this.#step = null),
      () => (this.#step = null),
    );
    return await running;
  }

  async #attempt<T>(step: () => Promise<T>): Promise<T> {
    try {
      this.#deps.assertOpen();
      this.#deps.health.assertHealthy();
      return await step();
    } catch (error) {
      this.#state = "failed";
      await this.#discard();
      throw error;
    }
  }

  /** To a file: in memory there was no room. */
  async #append(chunk: Uint8Array): Promise<void> {
    const file = this.#file ?? (await this.#spill());
    await file.write(chunk);
    this.#sizeBytes += chunk.length;
  }

  /** False where the body must go to a file. */
  #makeRoom(size: number): boolean {
    const { budget, inlineBytesMax } = this.#deps;
    if (size > inlineBytesMax) return false;
    if (size <= this.#buffer.length) return true;
    const capacity = Math.min(inlineBytesMax, Math.max(FIRST_CAPACITY_BYTES, this.#buffer.length * 2, size));
    // Below the price of a file writer, gathering in memory is the cheaper way even when memory is short.
    if (capacity > CHUNKED_MEMORY_BYTES && !budget.hasRoomFor(capacity)) return false;
    const grown = Buffer.allocUnsafeSlow(capacity);
    grown.set(this.#buffer.subarray(0, this.#sizeBytes));
    this.#buffer = grown;
    this.#hold(capacity);
    return true;
  }

  async #spill(): Promise<ChunkedWriter> {
    const file = await ChunkedWriter.create(this.#deps.chunked, { id: this.#key.blobId, key: this.#key.key });
    this.#file = file;
    this.#hold(this.#held + CHUNKED_MEMORY_BYTES);
    await file.write(this.#buffer.subarray(0, this.#sizeBytes));
    this.#buffer = NOTHING;
    this.#hold(CHUNKED_MEMORY_BYTES);
    return file;
  }

  async #seal(until: SealUntil): Promise<BlobRef> {
    const place = this.#file === null ? await this.#sealRecord(until) : await this.#sealFile(this.#file);
    // In-flight work must not look durable when the disk failed beside it.
    this.#deps.health.assertHealthy();
    const wrappedKey = this.#deps.keys.wrapped(this.#key);
    this.#state = "sealed";
    this.#forget();
    return { ...place, sizeBytes: this.#sizeBytes, wrappedKey };
  }

  async #sealRecord(until: SealUntil): Promise<Place> {
    const body = exactly(this.#buffer, this.#sizeBytes);
    const record = encryptRecord(body, this.#key.key, this.#key.blobId);
    this.#buffer = NOTHING;
    this.#hold(body.length + recordBytes(body.length));
    const { segments, onRecord, open } = this.#deps;
    const isHandedOver = until === "with-rows" && open.size === 1 && body.length <= WITH_ROWS_BYTES_MAX;
    const handedOver = isHandedOver ? segments.appendWithRows(record) : null;
    const locator = formatLocator(handedOver?.locator ?? (await segments.append(record)));
    onRecord(locator, body);
    return handedOver === null ? { locator } : { locator, pending: handedOver.pending };
  }

  async #sealFile(file: ChunkedWriter): Promise<Place> {
    await file.seal();
    this.#deps.onFile(file.bytes);
    return { locator: formatLocator({ kind: "file", blobId: this.#key.blobId }) };
  }

  async #discard(): Promise<void> {
    const file = this.#file;
    this.#forget();
    await file?.abort();
  }

  #forget(): void {
    this.#deps.open.delete(this);
    this.#file = null;
    this.#buffer = NOTHING;
    this.#key.key.fill(0);
    this.#hold(0);
  }

  #hold(bytes: number): void {
    this.#deps.budget.hold(bytes - this.#held);
    this.#held = bytes;
  }
}

/** The first bytes of a buffer, copied where it is so much larger that keeping them would keep too much. */
function exactly(buffer: Buffer<ArrayBuffer>, bytes: number): Buffer {
  const body = buffer.subarray(0, bytes);
  return buffer.length <= bytes * 1.25 ? body : Buffer.from(body);
}
