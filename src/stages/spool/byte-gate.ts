/** Lets work through while the bytes of the messages under way stay within a cap; the rest waits in order. */
export class ByteGate {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #waiting: { readonly share: number; readonly go: () => void }[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** A message larger than the cap counts as the cap: it passes alone. */
  async run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const share = Math.min(bytes, this.#bytesMax);
    await this.#enter(share);
    try {
      return await work();
    } finally {
      this.#leave(share);
    }
  }

  async #enter(share: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#bytes + share <= this.#bytesMax) {
      this.#bytes += share;
      return;
    }
    await new Promise<void>((go) => this.#waiting.push({ share, go }));
  }

  #leave(share: number): void {
    this.#bytes -= share;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#bytes + next.share > this.#bytesMax) return;
      this.#waiting.shift();
      this.#bytes += next.share;
      next.go();
    }
  }
}
