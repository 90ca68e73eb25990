/**
 * Whether the disk under the body store can still be believed.
 * Promises: after one failed sync nothing is reported durable any more, and no sync is ever repeated: the kernel may
 * have dropped the dirty pages and would answer success the second time. A full disk is no such failure.
 * Counts the syncs, which is how group commit is measured.
 */
import { StorageFullError, StorageUnhealthyError, isPassing } from "./blob-errors.ts";

export class StorageHealth {
  readonly #onFailure: (failure: StorageUnhealthyError) => void;
  /** What runs, in the order it began. */
  readonly #operations = new Set<number>();
  #begun = 0;
  #failure: StorageUnhealthyError | null = null;
  #syncs = 0;
  #refusals = 0;

  /** `onFailure` is called once. */
  constructor(onFailure: (failure: StorageUnhealthyError) => void = () => {}) {
    this.#onFailure = onFailure;
  }

  /** The failure that ended the store's credit, or null while it is healthy. */
  get failure(): StorageUnhealthyError | null {
    return this.#failure;
  }

  get syncs(): number {
    return this.#syncs;
  }

  /** Operations that were refused and may pass. */
  get refusals(): number {
    return this.#refusals;
  }

  get running(): number {
    return this.#operations.size;
  }

  /** The number of the operation that has run longest, or null. */
  get oldest(): number | null {
    const [oldest] = this.#operations;
    return oldest ?? null;
  }

  /** Throws StorageUnhealthyError once a failure was seen. */
  assertHealthy(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Runs one fdatasync or fsync; a rejection ends the store's credit for good. */
  async sync(operation: () => Promise<void>): Promise<void> {
    this.assertHealthy();
    this.#syncs += 1;
    try {
      await this.#watched(operation);
    } catch (error) {
      throw this.#fail(error);
    }
    this.assertHealthy();
  }

  /** Runs an operation that changes files: create, write, rename. Rejects with StorageFullError where it may pass. */
  async change<T>(operation: () => Promise<T>): Promise<T> {
    this.assertHealthy();
    try {
      return await this.#watched(operation);
    } catch (error) {
      if (!isPassing(error)) throw this.#fail(error);
      this.#refusals += 1;
      throw new StorageFullError(error);
    }
  }

  /**
   * Runs a write of a file that syncs each of them. What such a file took before was synced by itself, so that a refusal leaves
   * it untouched and may pass, as that of any change.
   */
  async syncedChange(operation: () => Promise<void>): Promise<void> {
    this.#syncs += 1;
    await this.change(operation);
    this.assertHealthy();
  }

  async #watched<T>(operation: () => Promise<T>): Promise<T> {
    const id = ++this.#begun;
    this.#operations.add(id);
    try {
      return await operation();
    } finally {
      this.#operations.delete(id);
    }
  }

  #fail(cause: unknown): StorageUnhealthyError {
    if (this.#failure !== null) return this.#failure;
    this.#failure = new StorageUnhealthyError(cause);
    this.#onFailure(this.#failure);
    return this.#failure;
  }
}
