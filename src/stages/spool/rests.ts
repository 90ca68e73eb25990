/**
 * Keeps the queue from knocking at doors that nobody opens: tells the store which lanes rest, and puts their due recipients off
 * together, in small portions with pauses so that live mail does not wait behind them. Promises: each that is put off gets its
 * event; who must be told of or fails by now is handed to the pipeline; memory is bounded.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { RetryOptions } from "../../core/aftermath.ts";
import type { Chance, Clock } from "../../core/clock.ts";
import { errorName } from "../../core/error-facts.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { faultOf } from "../../core/pass-facts.ts";
import { putOffTogether } from "../../core/put-off-together.ts";
import type { QueueStore } from "../../core/queue-store.ts";
import type { Destination } from "../../core/stages.ts";

export type RestsOptions = {
  readonly retry: RetryOptions;
  /** Recipients put off in one transaction: while it is quiet, and while mail comes in. */
  readonly portionMax: { readonly quiet: number; readonly beside: number };
  /** Between two portions, at least. */
  readonly portionPauseMs: number;
  /** Share of the time that portions may take while mail comes in, which waits for the same disk. */
  readonly portionDuty: number;
  /** Between two looks where nothing was found. */
  readonly lookMs: number;
};

export type RestsDeps = {
  readonly store: Pick<QueueStore, "rest" | "waiting" | "commit">;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  /** Whether no mail came in of late. */
  readonly isQuiet: () => boolean;
  /** Works on these one by one, as far as there is room; resolves soon. */
  readonly workOn: (ids: readonly RecipientId[]) => Promise<void>;
};

const LANES_MAX = 10_000;
/** A rest that moved by less is not told again. */
const SAME_MS = 5_000;

export class Rests {
  readonly #options: RestsOptions;
  readonly #deps: RestsDeps;
  /** Monotonic end of each rest. */
  readonly #until = new Map<string, number>();
  readonly #stop = new AbortController();
  #loop: Promise<void> | null = null;

  constructor(options: RestsOptions, deps: RestsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Lanes that rest or whose probe is awaited. */
  get size(): number {
    return this.#until.size;
  }

  /** What a delivery found out; cheap where nothing changes. */
  async learn(lane: string, destination: Destination): Promise<void> {
    const { clock, store } = this.#deps;
    const known = this.#until.get(lane);
    if (destination.kind === "answers" && known !== undefined) {
      this.#until.delete(lane);
      await store.rest(lane, null);
    } else if (destination.kind === "rests") {
      const until = clock.monotonic() + destination.forMs;
      if (known !== undefined && Math.abs(until - known) < SAME_MS) return;
      this.#remember(lane, until);
      await store.rest(lane, clock.now() + destination.forMs);
      this.#loop ??= this.#run().finally(() => (this.#loop = null));
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  #remember(lane: string, until: number): void {
    this.#until.delete(lane);
    const [oldest] = this.#until.keys();
    if (oldest !== undefined && this.#until.size >= LANES_MAX) this.#until.delete(oldest);
    this.#until.set(lane, until);
  }

  /** Runs while any lane rests. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { clock } = this.#deps;
    while (!signal.aborted && this.#until.size > 0) {
      const begun = clock.monotonic();
      const found = await this.#putOffSome();
      await sleep(this.#pauseMs(found, clock.monotonic() - begun), undefined, { signal, ref: false }).catch(
        () => undefined,
      ); // aborted: the loop ends
    }
  }

  #pauseMs(found: number, tookMs: number): number {
    const { portionPauseMs, portionDuty, lookMs } = this.#options;
    if (found === 0) return lookMs;
    return this.#deps.isQuiet() ? portionPauseMs : Math.max(portionPauseMs, tookMs / portionDuty - tookMs);
  }

  async #putOffSome(): Promise<number> {
    const { store, clock, chance, log, isQuiet, workOn } = this.#deps;
    const { retry, portionMax } = this.#options;
    try {
      const now = clock.now();
      const limit = isQuiet() ? portionMax.quiet : portionMax.beside;
      const waiting = await store.waiting({ now, limit });
      if (waiting.length === 0) return 0;
      const { transitions, left } = putOffTogether(waiting, { now, options: retry, chance });
      if (transitions.length > 0) {
        await store.commit({ recipients: transitions, variants: [], inspected: null, events: [] }, "ordered");
        log.info("put_off_together", { recipients: transitions.length, code: "PST-DLV-028" });
      }
      if (left.length > 0) await workOn(left);
      return transitions.length;
    } catch (error) {
      log.error("put_off_failed", { code: faultOf(error).code, error: errorName(error) });
      return 0;
    }
  }
}
