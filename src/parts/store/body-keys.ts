/**
 * The key of each stored body, and its wrapped form that stands in its row. One is made ready ahead in spare time: wrapping costs a
 * body of a few KB as much as encrypting it.
 * Promises: a key is given out once; what `wrapped` returns was wrapped by the key in force at that moment.
 */
import type { Task } from "../../core/spare-time.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { freshBytes } from "../keys/random-pool.ts";

export type BodyKey = {
  readonly blobId: string;
  /** To be wiped by whoever takes it. */
  readonly key: Buffer;
  readonly wrapped: string;
  /** Id of the key it was wrapped by. */
  readonly by: string;
};

export class BodyKeys {
  readonly #ring: KeyRing;
  readonly #later: (task: Task) => void;
  #ready: BodyKey | null = null;

  constructor(ring: KeyRing, later: (task: Task) => void) {
    this.#ring = ring;
    this.#later = later;
  }

  take(): BodyKey {
    const ready = this.#ready ?? this.#make();
    this.#ready = null;
    this.#later(() => (this.#ready ??= this.#make()));
    return ready;
  }

  /** Long after it was taken another key may be in force, and the one it was wrapped by about to go. */
  wrapped({ blobId, key, wrapped, by }: BodyKey): string {
    return by === this.#ring.id("spool") ? wrapped : this.#ring.wrap("spool", key, keyContext(blobId));
  }

  #make(): BodyKey {
    const blobId = freshBytes(16).toString("hex");
    const key = freshBytes(32);
    const by = this.#ring.id("spool");
    return { blobId, key, by, wrapped: this.#ring.wrap("spool", key, keyContext(blobId)) };
  }
}

/** Binds a wrapped key to its body. */
export function keyContext(blobId: string): string {
  return `blob ${blobId}`;
}
