/**
 * Group commit without timers: one commit runs at a time; where none runs, it begins with what came in this turn of the event
 * loop, and what arrives meanwhile goes together into the next. A waiting timer would cost a lone session a multiple.
 * Promises: items commit in the order they came; each caller learns the fate of its own group.
 */
import { setImmediate } from "node:timers/promises";

export type GroupCommitOptions<Item, Result> = {
  /** Resolves to one result per item, in order, once all of them are durable. A rejection rejects the whole group. */
  readonly commit: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly itemsMax: number;
  /** A group may exceed this by its last item. */
  readonly bytesMax: number;
  readonly bytesOf: (item: Item) => number;
};

type Waiting<Item, Result> = {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
};

export class GroupCommit<Item, Result> {
  readonly #options: GroupCommitOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #running: Promise<void> | null = null;

  constructor(options: GroupCommitOptions<Item, Result>) {
    this.#options = options;
  }

  async add(item: Item): Promise<Result> {
    return await new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Items not taken into a commit yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when nothing is waiting or running. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #drain(): Promise<void> {
    // Sessions whose last bytes came together are answered together.
    await setImmediate();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        const results = await this.#options.commit(group.map(({ item }) => item));
        for (const [index, { resolve }] of group.entries()) resolve(results[index] as Result);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = null;
  }

  #takeGroup(): readonly Waiting<Item, Result>[] {
    const { itemsMax, bytesMax, bytesOf } = this.#options;
    let count = 0;
    let bytes = 0;
    for (const { item } of this.#waiting) {
      if (count >= itemsMax || bytes >= bytesMax) break;
      count += 1;
      bytes += bytesOf(item);
    }
    return this.#waiting.splice(0, count);
  }
}
