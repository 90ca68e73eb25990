/** How often something happened in the last ten minutes, minute by minute: bounded whatever happens. */
const MINUTE_MS = 60_000;
export const RECENT_MINUTES = 10;

export class RecentCount {
  readonly #minutes = new Map<number, number>();

  add(at: number): void {
    const minute = Math.floor(at / MINUTE_MS);
    this.#minutes.set(minute, (this.#minutes.get(minute) ?? 0) + 1);
    if (this.#minutes.size <= RECENT_MINUTES + 1) return;
    const [oldest] = this.#minutes.keys();
    if (oldest !== undefined) this.#minutes.delete(oldest);
  }

  total(now: number): number {
    const first = Math.floor(now / MINUTE_MS) - RECENT_MINUTES;
    let total = 0;
    for (const [minute, count] of this.#minutes) if (minute > first) total += count;
    return total;
  }
}
