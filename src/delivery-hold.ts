/**
 * Holds delivery while nothing can be written down: a mail that is sent and whose outcome is lost is sent twice.
 * Promises: no dialog begins then, and one under way is broken off before its final dot; a dialog beyond it is left to end, and
 * its outcome is written once there is space again. Everything goes on by itself; only a stop ends the wait.
 */
import { reasonOf } from "./core/error-facts.ts";
import type { Pressure } from "./core/pressure.ts";
import type { Deliver } from "./core/stages.ts";
import type { Settle } from "./stages/spool/settle.ts";

type Gauge = {
  readonly read: () => Pressure;
  /** Rejects when the signal aborts. */
  readonly untilWritable: (signal: AbortSignal) => Promise<void>;
};

export class DeliveryHold {
  readonly #gauge: Gauge;
  /** Before the final dot. */
  readonly #dialogs = new Set<AbortController>();
  /** Who ends with a signal. One listener each: with every further one the next costs more, and thousands may wait. */
  readonly #followers = new WeakMap<AbortSignal, Set<AbortController>>();

  constructor(gauge: Gauge) {
    this.#gauge = gauge;
  }

  get isHeld(): boolean {
    return this.#gauge.read().level === "closed";
  }

  breakOff(): void {
    for (const dialog of this.#dialogs) dialog.abort();
    this.#dialogs.clear();
  }

  deliver(deliver: Deliver): Deliver {
    return async (request) => {
      const dialog = new AbortController();
      // A stop is for deliver to answer: the wait only ends with it.
      await this.#gauge.untilWritable(request.signal).catch(() => dialog.abort());
      const followers = this.#followersOf(request.signal);
      followers.add(dialog);
      this.#dialogs.add(dialog);
      try {
        return await deliver({
          ...request,
          signal: dialog.signal,
          onDot: async (ids, seen) => {
            // From here on its end is wanted more than ever.
            this.#dialogs.delete(dialog);
            if (this.isHeld) throw new Error("nothing can be written down");
            await request.onDot(ids, seen);
          },
        });
      } finally {
        this.#dialogs.delete(dialog);
        followers.delete(dialog);
      }
    };
  }

  #followersOf(signal: AbortSignal): Set<AbortController> {
    const known = this.#followers.get(signal);
    if (known !== undefined) return known;
    const followers = new Set<AbortController>();
    signal.addEventListener("abort", () => followers.forEach((dialog) => dialog.abort()), { once: true });
    this.#followers.set(signal, followers);
    return followers;
  }

  /** `stopped` ends the wait: the recipients stay as they are, and recovery decides. */
  settle(settle: Settle, stopped: AbortSignal): Settle {
    return async (message, endings, alongside) => {
      for (;;) {
        try {
          return await settle(message, endings, alongside);
        } catch (error) {
          // The database is full: nothing of this was written.
          if (reasonOf(error) !== "PST-SPL-054" || stopped.aborted) throw error;
          await this.#gauge.untilWritable(stopped);
        }
      }
    };
  }
}
