/**
 * How long the writer of the database takes to answer: one transaction without content, there and back. Promises: one beat at
 * a time, so that a writer that hangs gathers no queue of them; a beat that fails says so and throws nothing.
 */
import type { Clock } from "./core/clock.ts";
import type { QueueStore } from "./core/queue-store.ts";

export class WriterPulse {
  readonly #store: Pick<QueueStore, "commit">;
  readonly #clock: Clock;
  #begunAt = 0;
  #beat: Promise<boolean> | null = null;
  #lastMs: number | null = null;

  constructor(store: Pick<QueueStore, "commit">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Time of the last beat that came back; null before the first. */
  get lastMs(): number | null {
    return this.#lastMs;
  }

  /** Age of the beat under way; 0 where none is. */
  get pendingMs(): number {
    return this.#beat === null ? 0 : this.#clock.monotonic() - this.#begunAt;
  }

  /** True when the writer answered within `patienceMs`. */
  async answers(patienceMs: number): Promise<boolean> {
    this.#beat ??= this.#begin();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), patienceMs);
    });
    const answered = await Promise.race([this.#beat, late]);
    clearTimeout(timer);
    return answered;
  }

  async #begin(): Promise<boolean> {
    this.#begunAt = this.#clock.monotonic();
    try {
      await this.#store.commit({ recipients: [], variants: [], inspected: null, events: [] }, "ordered");
      this.#lastMs = this.#clock.monotonic() - this.#begunAt;
      return true;
    } catch {
      // The store tells why by itself; here only that it does not write matters.
      return false;
    } finally {
      this.#beat = null;
    }
  }
}
