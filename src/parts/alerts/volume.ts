/**
 * Finds who suddenly sends far more than they used to. Each name has a count in the present window and a baseline: the
 * largest earlier window, halved for each HALF_LIFE_MS since. A spike is a count of at least the minimum and beyond `factor`
 * baselines. Pure state, bounded: names not heard of for longest are forgotten first.
 */
export const MEASURES = ["messages", "recipients", "phi"] as const;
export type Measure = (typeof MEASURES)[number];

/** What makes a spike. */
export type VolumeMarks = { readonly factor: number; readonly minimum: Readonly<Record<Measure, number>> };

export type VolumeLimits = VolumeMarks & {
  readonly windowMs: number;
  /** After the start nobody has a baseline: so long nothing is a spike. */
  readonly warmUpMs: number;
  readonly namesMax: number;
};

export type Name = { readonly kind: "submitter" | "sender"; readonly name: string };
export type Spike = Name & { readonly measure: Measure; readonly count: number; readonly baseline: number };

type Tally = {
  windowAt: number;
  readonly counts: Record<Measure, number>;
  readonly baselines: Record<Measure, number>;
};

const HALF_LIFE_MS = 24 * 3_600_000;

export class Volume {
  #limits: VolumeLimits;
  readonly #startedAt: number;
  readonly #tallies = new Map<string, readonly [Name, Tally]>();

  constructor(limits: VolumeLimits, startedAt: number) {
    this.#limits = limits;
    this.#startedAt = startedAt;
  }

  /** From now on; what was counted stands. */
  use(marks: VolumeMarks): void {
    this.#limits = { ...this.#limits, ...marks };
  }

  get size(): number {
    return this.#tallies.size;
  }

  count(who: Name, counted: Partial<Record<Measure, number>>, at: number): void {
    const key = `${who.kind} ${who.name}`;
    const known = this.#tallies.get(key);
    const tally = known?.[1] ?? { windowAt: this.#windowOf(at), counts: none(), baselines: none() };
    this.#roll(tally, at);
    for (const measure of MEASURES) tally.counts[measure] += counted[measure] ?? 0;
    // Set anew, so that the first in the map is who was not heard of for longest.
    this.#tallies.delete(key);
    this.#tallies.set(key, [who, tally]);
    if (this.#tallies.size <= this.#limits.namesMax) return;
    const [oldest] = this.#tallies.keys();
    if (oldest !== undefined) this.#tallies.delete(oldest);
  }

  spikes(at: number): readonly Spike[] {
    const { factor, minimum, warmUpMs } = this.#limits;
    if (at - this.#startedAt < warmUpMs) return [];
    const found: Spike[] = [];
    for (const [who, tally] of this.#tallies.values()) {
      this.#roll(tally, at);
      for (const measure of MEASURES) {
        const count = tally.counts[measure];
        const baseline = Math.round(tally.baselines[measure]);
        if (count >= minimum[measure] && count > factor * baseline) found.push({ ...who, measure, count, baseline });
      }
    }
    return found;
  }

  #windowOf(at: number): number {
    return Math.floor(at / this.#limits.windowMs) * this.#limits.windowMs;
  }

  /** Closes the window that is over. A clock that steps back leaves it open. */
  #roll(tally: Tally, at: number): void {
    const windowAt = this.#windowOf(at);
    if (windowAt <= tally.windowAt) return;
    const faded = 0.5 ** ((windowAt - tally.windowAt) / HALF_LIFE_MS);
    for (const measure of MEASURES) {
      tally.baselines[measure] = Math.max(tally.baselines[measure], tally.counts[measure]) * faded;
      tally.counts[measure] = 0;
    }
    tally.windowAt = windowAt;
  }
}

function none(): Record<Measure, number> {
  return { messages: 0, recipients: 0, phi: 0 };
}
