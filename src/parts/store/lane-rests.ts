/**
 * Which lanes rest because their destination is known not to answer, as the store was told. Promises: a rest that is over
 * lets one recipient go as a probe and waits for what comes of it; memory is bounded; a wall clock that jumps can end a rest
 * early, never stretch it.
 */

/** No rest is longer than this: one that seems so was set before the clock jumped. */
const REST_MS_MAX = 3_600_000;
/** How long a probe may take before the next one goes. */
const PROBE_MS = 60_000;
const LANES_MAX = 10_000;

type Rest = { until: number; isProbing: boolean };

export class LaneRests {
  readonly #rests = new Map<string, Rest>();

  set(lane: string, until: number | null): void {
    this.#rests.delete(lane);
    if (until === null) return;
    const [oldest] = this.#rests.keys();
    if (oldest !== undefined && this.#rests.size >= LANES_MAX) this.#rests.delete(oldest);
    this.#rests.set(lane, { until, isProbing: false });
  }

  /** `probe`: one may go; who takes it says so with `probe`. */
  standing(lane: string, now: number): "open" | "resting" | "probing" | "probe" {
    const rest = this.#rests.get(lane);
    if (rest === undefined) return "open";
    if (rest.until <= now || rest.until - now > REST_MS_MAX) return "probe";
    return rest.isProbing ? "probing" : "resting";
  }

  probe(lane: string, now: number): void {
    const rest = this.#rests.get(lane);
    if (rest !== undefined) Object.assign(rest, { until: now + PROBE_MS, isProbing: true });
  }

  /** Lanes that rest or wait for their probe, those looked at longest ago first; only who is taken from it counts as looked at. */
  *nextResting(now: number, max: number): Generator<{ readonly lane: string; readonly isProbing: boolean }> {
    for (let looked = Math.min(max, this.#rests.size); looked > 0; looked -= 1) {
      const [next] = this.#rests;
      if (next === undefined) return;
      const [lane, rest] = next;
      this.#rests.delete(lane);
      this.#rests.set(lane, rest);
      const standing = this.standing(lane, now);
      if (standing === "resting" || standing === "probing") yield { lane, isProbing: standing === "probing" };
    }
  }
}
