/**
 * Inspects small mails at once and larger ones in a thread of their own, started when the first one comes.
 * Promises: the same findings either way; where the thread ends, the mails in it reject and are tried again, in a new one;
 * `close` waits for what is under way.
 */
import { Worker } from "node:worker_threads";
import type { Findings } from "../../core/findings.ts";
import type { MimePart, MimeStructure } from "../../core/mime-structure.ts";
import type { Inspect } from "../../core/stages.ts";
import type { ExtractContent } from "../../parts/extraction/extraction-types.ts";
import type { FromThread, ThreadArguments, ToThread } from "./thread-protocol.ts";

/** Up to this size inspecting takes less than handing over. */
const INLINE_BYTES_MAX = 32 * 1024;
/** Up to this size a body is handed over whole. */
const ALONG_BYTES_MAX = 1024 * 1024;
/** Signatures and keys beside the texts. */
const QUICK_TYPES = /^application\/(?:pgp-|(?:x-)?pkcs7-signature$)/;
const HEAP_MB_MAX = 512;
const THREAD = new URL(
  import.meta.url.endsWith(".ts") ? "./inspect-thread.ts" : "./inspect-thread.js",
  import.meta.url,
);

export type Inspection = {
  readonly inspect: Inspect;
  /** Resolves when nothing is under way any more. */
  readonly close: () => Promise<void>;
};

type Input = Parameters<Inspect>[0];
type Pending = {
  readonly read: Input["read"];
  readonly resolve: (findings: Findings) => void;
  readonly reject: (error: unknown) => void;
  /** Why the store could not give what was asked for. */
  failure: unknown;
};

export function threadedInspect(inline: Inspect, args: ThreadArguments, extract: ExtractContent): Inspection {
  const thread = new InspectThread(args, extract);
  return {
    inspect: (input) => (isQuick(input.mime) ? inline(input) : thread.inspect(input)),
    close: () => thread.close(),
  };
}

/** A small mail may unfold into a large one where a part is an archive or a document. */
function isQuick({ sizeBytes, root }: MimeStructure): boolean {
  return sizeBytes <= INLINE_BYTES_MAX && hasTextsOnly(root);
}

function hasTextsOnly({ contentType, children }: MimePart): boolean {
  if (children.length > 0) return children.every(hasTextsOnly);
  return !contentType.startsWith("application/") || QUICK_TYPES.test(contentType);
}

class InspectThread {
  readonly #args: ThreadArguments;
  readonly #extract: ExtractContent;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #nextId = 1;
  #onQuiet: (() => void) | null = null;

  constructor(args: ThreadArguments, extract: ExtractContent) {
    this.#args = args;
    this.#extract = extract;
  }

  inspect(input: Input): Promise<Findings> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { read: input.read, resolve, reject, failure: null });
      void this.#handOver(id, input);
    });
  }

  /** A body that fits goes along at once; for pieces of a larger one the thread asks. */
  async #handOver(id: number, { mime, read }: Input): Promise<void> {
    try {
      const bytes = mime.sizeBytes <= ALONG_BYTES_MAX ? ownCopy(await read(0, mime.sizeBytes)) : null;
      // The thread may have ended meanwhile, and every mail been given back.
      if (!this.#pending.has(id)) return;
      const worker = (this.#worker ??= this.#start());
      worker.ref();
      worker.postMessage({ kind: "inspect", id, mime, bytes } satisfies ToThread, bytes === null ? [] : [bytes.buffer]);
    } catch (error) {
      this.#pending.get(id)?.reject(error);
      this.#forget(id);
    }
  }

  async close(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
    await this.#worker?.terminate();
    this.#worker = null;
  }

  #start(): Worker {
    const worker = new Worker(THREAD, {
      workerData: this.#args,
      name: "postern-inspect",
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    });
    worker.on("message", (message: FromThread) => this.#hear(message, worker));
    // One that fails exits as well.
    worker.on("error", (error: unknown) => this.#lose(worker, error));
    worker.on("exit", () => this.#lose(worker, new Error("the inspection thread ended")));
    return worker;
  }

  #hear(message: FromThread, worker: Worker): void {
    if (message.kind === "extract") {
      void this.#extractFor(message, worker);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    switch (message.kind) {
      case "read":
        void this.#answer(message, pending, worker);
        return;
      case "done":
        pending.resolve(message.findings);
        break;
      case "failed":
        pending.reject(pending.failure ?? new Error("the inspection thread has a fault"));
        break;
    }
    this.#forget(message.id);
    if (this.#pending.size === 0) worker.unref();
  }

  async #answer(asked: Extract<FromThread, { kind: "read" }>, pending: Pending, worker: Worker): Promise<void> {
    const { read, start, end } = asked;
    try {
      const bytes = ownCopy(await pending.read(start, end));
      worker.postMessage({ kind: "bytes", read, bytes } satisfies ToThread, [bytes.buffer]);
    } catch (error) {
      pending.failure = error;
      worker.postMessage({ kind: "bytes", read, bytes: null } satisfies ToThread, []);
    }
  }

  async #extractFor({ call, request }: Extract<FromThread, { kind: "extract" }>, worker: Worker): Promise<void> {
    const extracted = await this.#extract(request);
    worker.postMessage({ kind: "extracted", call, ...extracted } satisfies ToThread, []);
  }

  #lose(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const lost = [...this.#pending];
    for (const [id, { reject }] of lost) {
      reject(error);
      this.#forget(id);
    }
  }

  #forget(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#onQuiet?.();
  }
}

/** To be handed over for good: what the store gave may be in use elsewhere. */
function ownCopy(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
