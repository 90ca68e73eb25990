/**
 * The event loop's end of the writer thread: posts requests, settles their promises in the order the thread answers. Promises
 * that every request settles: with its answer, or with a StoreError when the thread refuses, latches, ends or is closed.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import type { FailpointOrder } from "../../core/failpoint.ts";
import type { MigrationReport } from "./migrations.ts";
import { isForWantOfSpace, StoreError, storeError, toStoreError } from "./sqlite-store-error.ts";
import type {
  FromWriter,
  ToWriter,
  WriterAnswer,
  WriterCall,
  WriterCalls,
  WriterRequest,
  WriterThreadArguments,
} from "./writer-protocol.ts";

type Settle = { readonly resolve: (result: never) => void; readonly reject: (error: StoreError) => void };

export type WriterClientOptions = {
  readonly path: string;
  readonly owner: string;
  readonly now: number;
  /** Called once, when the thread latched or died. */
  readonly onUnhealthy: (error: StoreError) => void;
  readonly failpoints: readonly FailpointOrder[];
};

type Opened = {
  readonly ended: Promise<void>;
  readonly migration: MigrationReport;
  readonly options: WriterClientOptions;
};

const THREAD = new URL(import.meta.url.endsWith(".ts") ? "./writer-thread.ts" : "./writer-thread.js", import.meta.url);

/** Requests live as long as their group: more room than this is only memory. */
const YOUNG_MB_MAX = 6;

export class WriterClient {
  readonly migration: MigrationReport;
  readonly #port: MessagePort;
  readonly #onUnhealthy: (error: StoreError) => void;
  readonly #pending = new Map<number, Settle>();
  readonly #ended: Promise<void>;
  #outbox: WriterRequest[] = [];
  #nextId = 1;
  #refusals = 0;
  #unhealthy: StoreError | null = null;
  #isClosed = false;

  private constructor(worker: Worker, port: MessagePort, opened: Opened) {
    this.#port = port;
    this.#onUnhealthy = opened.options.onUnhealthy;
    this.migration = opened.migration;
    this.#ended = opened.ended;
    port.on("message", (message: FromWriter) => this.#hear(message));
    worker.on("error", (error: unknown) => this.#fail(storeError("PST-SPL-057", "writer thread failed", error)));
    worker.once("exit", () => this.#fail(storeError("PST-SPL-057")));
  }

  /** Resolves when the database is open, checked and migrated. */
  static async open(options: WriterClientOptions): Promise<WriterClient> {
    const { port1, port2 } = new MessageChannel();
    const workerData: WriterThreadArguments = {
      path: options.path,
      owner: options.owner,
      now: options.now,
      port: port2,
      failpoints: options.failpoints,
    };
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB_MAX };
    const worker = new Worker(THREAD, { workerData, transferList: [port2], name: "postern-store", resourceLimits });
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const first = await firstWord(worker, port1);
    if (first.kind === "opened") return new WriterClient(worker, port1, { ended, migration: first.migration, options });
    await ended;
    port1.close();
    if (first.kind !== "refused") throw storeError("PST-SPL-057", `unexpected first word ${first.kind}`);
    throw new StoreError(first.failure);
  }

  get waiting(): number {
    return this.#pending.size;
  }

  /** The number of the request that has waited longest, or null. */
  get oldest(): number | null {
    const [oldest] = this.#pending.keys();
    return oldest ?? null;
  }

  /** Requests the full disk refused. */
  get refusals(): number {
    return this.#refusals;
  }

  /** The error that took the store out of use, or null. */
  get unhealthy(): StoreError | null {
    return this.#unhealthy;
  }

  call<K extends keyof WriterCalls>(
    call: Extract<WriterCall, { readonly kind: K }>,
    isDurable: boolean,
  ): Promise<WriterCalls[K]["result"]> {
    if (this.#isClosed) return Promise.reject(storeError("PST-SPL-057"));
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#outbox.push({ id, isDurable, call });
      if (this.#outbox.length === 1) this.#postSoon();
      this.#pending.set(id, { resolve, reject });
    });
  }

  /**
   * Each message wakes the other thread, and what it finds then becomes a group of its own: to an idle thread goes what is asked
   * before anything else happens here, to a busy one what is asked in this turn of the event loop.
   */
  #postSoon(): void {
    if (this.#pending.size === 0) process.nextTick(() => this.#post());
    else setImmediate(() => this.#post());
  }

  #post(): void {
    if (this.#outbox.length === 0) return;
    this.#port.postMessage({ kind: "requests", requests: this.#outbox } satisfies ToWriter, []);
    this.#outbox = [];
  }

  /** What was asked before is answered first. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#post();
      this.#port.postMessage({ kind: "close" } satisfies ToWriter, []);
    }
    await this.#ended;
  }

  #hear(message: FromWriter): void {
    if (message.kind === "answers") for (const answer of message.answers) this.#settle(answer);
    if (message.kind === "unhealthy") this.#becomeUnhealthy(new StoreError(message.failure));
  }

  #settle(answer: WriterAnswer): void {
    const settle = this.#pending.get(answer.id);
    if (settle === undefined) return;
    this.#pending.delete(answer.id);
    if (answer.kind === "failed" && isForWantOfSpace(answer.failure.code)) this.#refusals += 1;
    if (answer.kind === "done") settle.resolve(answer.result as never);
    else settle.reject(new StoreError(answer.failure));
  }

  /** The thread is gone: nothing that waits will be answered. */
  #fail(error: StoreError): void {
    // Answers may have been posted and not heard yet.
    for (let left = receiveMessageOnPort(this.#port); left !== undefined; left = receiveMessageOnPort(this.#port)) {
      this.#hear(left.message as FromWriter);
    }
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    if (!this.#isClosed) this.#becomeUnhealthy(error);
    this.#isClosed = true;
    this.#port.close();
  }

  #becomeUnhealthy(error: StoreError): void {
    if (this.#unhealthy !== null) return;
    this.#unhealthy = error;
    this.#onUnhealthy(error);
  }
}

/** The thread says whether it could open; where it ends without a word, that is the answer. */
function firstWord(worker: Worker, port: MessagePort): Promise<FromWriter> {
  return new Promise((resolve, reject) => {
    port.once("message", resolve);
    worker.once("error", (error: unknown) => reject(toStoreError(error)));
    worker.once("exit", () => {
      const left = receiveMessageOnPort(port);
      if (left === undefined) reject(storeError("PST-SPL-057"));
      else resolve(left.message as FromWriter);
    });
  });
}
