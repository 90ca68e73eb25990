/** How many notices one person gets within an hour, so that a burst of flagged mail does not flood anybody. Forgotten with the process. */
const HOUR_MS = 3_600_000;
/** Whoever would come beyond is told nothing more this hour. */
const PEOPLE_MAX = 20_000;

export class NoticeBudget {
  readonly #taken = new Map<string, number>();
  #hour = 0;

  /** False: they had as many as they may. */
  take(whom: string, { now, max }: { readonly now: number; readonly max: number }): boolean {
    const hour = Math.floor(now / HOUR_MS);
    if (hour !== this.#hour) {
      this.#hour = hour;
      this.#taken.clear();
    }
    const taken = this.#taken.get(whom);
    if ((taken ?? 0) >= max || (taken === undefined && this.#taken.size >= PEOPLE_MAX)) return false;
    this.#taken.set(whom, (taken ?? 0) + 1);
    return true;
  }
}
