/**
 * The writer's end of the checkpoint thread. Promises: one checkpoint at a time; the thread begins with the first one, so that a
 * gateway at rest does not pay for it; where it ended unasked, `move` says so, and the writer moves the WAL itself.
 */
import { openSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { CheckpointArguments, FromCheckpoint, ToCheckpoint } from "./checkpoint-thread.ts";
import { StoreError } from "./sqlite-store-error.ts";

const THREAD = new URL(
  import.meta.url.endsWith(".ts") ? "./checkpoint-thread.ts" : "./checkpoint-thread.js",
  import.meta.url,
);

export type CheckpointerOptions = Omit<CheckpointArguments, "file"> & {
  /** Told how long the log was, in frames. */
  readonly onMoved: (frames: number) => void;
  readonly onFailed: (error: StoreError) => void;
};

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #worker: Worker | null = null;
  #isMoving = false;
  #hasEnded = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** False where nobody is there to do it. Nothing happens while one is under way. */
  move(): boolean {
    if (this.#hasEnded) return false;
    if (this.#isMoving) return true;
    this.#isMoving = true;
    this.#worker ??= this.#begin();
    this.#worker.postMessage("move" satisfies ToCheckpoint, []);
    return true;
  }

  /** Resolves once what is under way is done and the file is let go. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === null || this.#hasEnded) return;
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.postMessage("close" satisfies ToCheckpoint, []);
    await ended;
  }

  #begin(): Worker {
    const { path, failpoints } = this.#options;
    // Left to the end of the writer's thread: closing any descriptor of the file drops the locks SQLite holds on it (POSIX).
    const file = openSync(path, "r");
    const workerData: CheckpointArguments = { path, file, failpoints };
    const resourceLimits = { maxYoungGenerationSizeMb: 1 };
    const worker = new Worker(THREAD, { workerData, name: "postern-checkpoint", resourceLimits });
    worker.on("message", (message: FromCheckpoint) => this.#hear(message));
    // The end of the thread follows, and says enough.
    worker.on("error", () => undefined);
    worker.once("exit", () => (this.#hasEnded = true));
    return worker;
  }

  #hear(message: FromCheckpoint): void {
    this.#isMoving = false;
    if (message.kind === "moved") this.#options.onMoved(message.frames);
    else this.#options.onFailed(new StoreError(message.failure));
  }
}
