/**
 * Runs the duties of the service beside the mail. Promises: one run of a duty at a time, a failed one is logged and comes again,
 * and `stop` resolves when none runs any more. Does not know what they do; `dutiesOf` in running.ts lists them.
 */
import type { Duty } from "./core/duty.ts";
import { errorName } from "./core/error-facts.ts";
import type { Log } from "./core/log.ts";
import { faultOf } from "./core/pass-facts.ts";

export class Duties {
  readonly #log: Log;
  readonly #breakOff = new AbortController();
  readonly #timers = new Map<Duty, NodeJS.Timeout>();
  readonly #runs = new Set<Promise<void>>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Each for the first time after its first pause. */
  start(duties: readonly Duty[]): void {
    for (const duty of duties) this.#plan(duty, duty.firstAfterMs ?? duty.everyMs);
  }

  /** No further run begins; resolves when those under way are over. */
  async stop(): Promise<void> {
    this.#breakOff.abort();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all(this.#runs);
  }

  #plan(duty: Duty, pauseMs: number): void {
    if (this.#breakOff.signal.aborted) return;
    const timer = setTimeout(() => {
      const run = this.#run(duty).finally(() => this.#runs.delete(run));
      this.#runs.add(run);
    }, pauseMs);
    timer.unref();
    this.#timers.set(duty, timer);
  }

  async #run(duty: Duty): Promise<void> {
    try {
      await duty.run(this.#breakOff.signal);
    } catch (error) {
      this.#log.error("duty_failed", { duty: duty.name, code: faultOf(error).code, error: errorName(error) });
    }
    this.#plan(duty, duty.everyMs);
  }
}
