/** At most so many at once; the others wait in the order they came. A freed place goes to the longest waiting. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(placesMax: number) {
    if (!Number.isInteger(placesMax) || placesMax < 1) throw new RangeError("a gate needs at least one place");
    this.#free = placesMax;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
