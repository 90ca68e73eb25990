/**
 * Keeps the figures of core/pressure.ts and says the level they make, whenever it is asked and by itself a few times a second.
 * Promises: reading is cheap and never waits, also while the disk hangs; a look at the disk that does not come back counts as
 * work that waits; a jump of the clock or a busy event loop is no stall; each change of level is told once.
 * Leaves to others: what a level means for listener, scheduler and deliveries.
 */
import type { Clock } from "../../core/clock.ts";
import { nextPressure } from "../../core/pressure.ts";
import type {
  Backlog,
  DiskSpace,
  Pressure,
  PressureFigures,
  PressureLevel,
  PressureLimits,
} from "../../core/pressure.ts";

export type PressureSources = {
  /** Those who write to the disk. */
  readonly backlogs: () => readonly Backlog[];
  readonly readSpace: () => Promise<DiskSpace>;
  readonly readQueue: () => Promise<{ readonly recipients: number; readonly bytes: number }>;
  /** Writes a little, durably: whether there is space again after a refusal. */
  readonly tryWrite: () => Promise<void>;
};

export type PressureDeps = {
  readonly clock: Pick<Clock, "monotonic">;
  /** Must not throw. */
  readonly onChange: (now: Pressure, before: PressureLevel) => void;
};

const TICK_MS = 250;
/** Between two looks at disk and queue. */
const LOOK_MS = 1_000;
/** Time between two ticks counts up to this: more is a jump of the clock or a busy event loop. */
const STEP_MS_MAX = 1_000;

/** Where work waits: one of the backlogs, by its number, or a look under way. */
type Place = number | "space" | "queue";

export class PressureGauge {
  readonly #limits: PressureLimits;
  readonly #sources: PressureSources;
  readonly #deps: PressureDeps;
  readonly #space: Look<DiskSpace | null>;
  readonly #queue: Look<{ readonly recipients: number; readonly bytes: number }>;
  readonly #trial: Look<number>;
  readonly #ages = new Map<Place, { readonly oldest: number; readonly since: number }>();
  readonly #waiters = new Set<() => void>();
  #pressure: Pressure | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #elapsedMs = 0;
  #lastMonotonic: number;

  constructor(limits: PressureLimits, sources: PressureSources, deps: PressureDeps) {
    this.#limits = limits;
    this.#sources = sources;
    this.#deps = deps;
    this.#lastMonotonic = deps.clock.monotonic();
    this.#space = new Look(null, () => sources.readSpace(), { onFailure: null });
    this.#queue = new Look({ recipients: 0, bytes: 0 }, () => sources.readQueue());
    this.#trial = new Look(0, async () => {
      const refusals = this.#refusals();
      await sources.tryWrite();
      return refusals;
    });
  }

  /** Resolves after the first look; from then on it looks by itself. */
  async start(): Promise<void> {
    await Promise.all([this.#space.take(), this.#queue.take()]);
    this.read();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** The pressure at this moment. */
  read(): Pressure {
    const before = this.#pressure;
    const now = nextPressure(before?.causes ?? [], this.#figures(), this.#limits);
    this.#pressure = now;
    const levelBefore = before?.level ?? "open";
    if (now.level !== levelBefore) this.#deps.onChange(now, levelBefore);
    if (now.level !== "closed") this.#release();
    return now;
  }

  /** The figures at this moment, for counters and watchers. */
  figures(): PressureFigures & { readonly level: PressureLevel } {
    const { figures, level } = this.read();
    return { ...figures, level };
  }

  /** Resolves at once, or when things can be written down again; rejects with the signal's reason. */
  async untilWritable(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.read().level !== "closed") return;
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#waiters.delete(wake);
        reject(signal.reason as Error);
      };
      const wake = (): void => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      this.#waiters.add(wake);
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  #release(): void {
    if (this.#waiters.size === 0) return;
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  #tick(): void {
    const now = this.#steadyNow();
    if (now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now;
      void this.#space.take();
      void this.#queue.take();
      if (this.#isRefusal(this.#refusals())) void this.#trial.take();
    }
    this.read();
  }

  #figures(): PressureFigures {
    const now = this.#steadyNow();
    const { recipients, bytes } = this.#queue.latest;
    let commitWaiting = 0;
    let refusals = 0;
    let isUnhealthy = false;
    let ageMs = Math.max(
      this.#ageMs("space", this.#space.running, now),
      this.#ageMs("queue", this.#queue.running, now),
    );
    let place = 0;
    for (const backlog of this.#sources.backlogs()) {
      commitWaiting += backlog.waiting;
      refusals += backlog.refusals;
      isUnhealthy ||= backlog.isUnhealthy;
      ageMs = Math.max(ageMs, this.#ageMs(place, backlog.oldest, now));
      place += 1;
    }
    return {
      commitWaiting,
      commitAgeMs: Math.round(ageMs),
      space: this.#space.latest,
      queueRecipients: recipients,
      queueBytes: bytes,
      isSpaceRefused: this.#isRefusal(refusals),
      isUnhealthy,
    };
  }

  /** Refused since the last write that is known to have succeeded began. */
  #isRefusal(refusals: number): boolean {
    return refusals > this.#trial.latest;
  }

  #refusals(): number {
    return this.#sources.backlogs().reduce((sum, { refusals }) => sum + refusals, 0);
  }

  /** How long the oldest piece of work of a place has been seen waiting. */
  #ageMs(place: Place, oldest: number | null, now: number): number {
    const seen = this.#ages.get(place);
    if (oldest === null) {
      if (seen !== undefined) this.#ages.delete(place);
      return 0;
    }
    if (seen?.oldest === oldest) return now - seen.since;
    this.#ages.set(place, { oldest, since: now });
    return 0;
  }

  #steadyNow(): number {
    const now = this.#deps.clock.monotonic();
    this.#elapsedMs += Math.min(Math.max(0, now - this.#lastMonotonic), STEP_MS_MAX);
    this.#lastMonotonic = now;
    return this.#elapsedMs;
  }
}

/** Something looked at again and again, once at a time; what was seen last stands until the next look came back. */
class Look<T> {
  readonly #look: () => Promise<T>;
  /** What a failed look leaves; without it, what was seen before. */
  readonly #failed: { readonly onFailure: T } | null;
  #latest: T;
  #isRunning = false;
  #begun = 0;

  constructor(initial: T, look: () => Promise<T>, failed: { readonly onFailure: T } | null = null) {
    this.#latest = initial;
    this.#look = look;
    this.#failed = failed;
  }

  get latest(): T {
    return this.#latest;
  }

  /** The number of the look under way, or null. */
  get running(): number | null {
    return this.#isRunning ? this.#begun : null;
  }

  async take(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#begun += 1;
    try {
      this.#latest = await this.#look();
    } catch {
      // Not knowing is a figure of its own; whoever could not be read reports it where it is written to.
      if (this.#failed !== null) this.#latest = this.#failed.onFailure;
    } finally {
      this.#isRunning = false;
    }
  }
}
