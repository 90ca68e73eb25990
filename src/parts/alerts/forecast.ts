/** When the disk will be full, if it goes on filling as it did in the last hours. A straight line, for a timely word. */
type Sample = { readonly at: number; readonly freeBytes: number };

const SAMPLES_MAX = 120;
const SAMPLE_MS = 60_000;
/** A shorter look says more about one large mail than about a trend. */
const SPAN_MS_MIN = 30 * 60_000;

export class DiskForecast {
  readonly #samples: Sample[] = [];

  /** One look; closer ones than a minute are left out. A clock that stepped back begins anew. */
  see(freeBytes: number, at: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && at < last.at) this.#samples.length = 0;
    else if (last !== undefined && at - last.at < SAMPLE_MS) return;
    this.#samples.push({ at, freeBytes });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  /** Milliseconds until nothing is free; null where it does not fill, or too little was seen. */
  fullInMs(): number | null {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < SPAN_MS_MIN) return null;
    const lost = first.freeBytes - last.freeBytes;
    return lost <= 0 ? null : (last.freeBytes / lost) * (last.at - first.at);
  }
}
