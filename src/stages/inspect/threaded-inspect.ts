/**
 * Inspects all mail in a thread of its own, which loads the rule packs: the sessions of the service go on beside it, and the
 * packs are in memory once.
 * Promises: opened only when every pack loads; where the thread ends, the mails in it reject and are tried again, in a new one that has
 * the same packs, whatever became of their files; `close` waits for what is under way.
 */
import { Worker } from "node:worker_threads";
import { reached } from "../../core/failpoint.ts";
import type { Findings } from "../../core/findings.ts";
import type { MimePart, MimeStructure } from "../../core/mime-structure.ts";
import type { Inspect } from "../../core/stages.ts";
import type { ExtractContent } from "../../parts/extraction/extraction-types.ts";
import { Gate } from "../../parts/dns/gate.ts";
import type { FromThread, LoadedPack, ThreadArguments, ToThread } from "./thread-protocol.ts";

/** Small mails of texts only, which wait for nobody: so many are in the thread at once, the others wait without a copy. */
const QUICK_BYTES_MAX = 32 * 1024;
const QUICK_MAX = 64;
/** Signatures and keys beside the texts. */
const QUICK_TYPES = /^application\/(?:pgp-|(?:x-)?pkcs7-signature$)/;
/** A thread that says nothing from one look to the next, though asked, is ended. */
const LOOK_MS = 30_000;
/** Up to this size a body is handed over whole. */
const ALONG_BYTES_MAX = 1024 * 1024;
const HEAP_MB_MAX = 512;
const THREAD = new URL(
  import.meta.url.endsWith(".ts") ? "./inspect-thread.ts" : "./inspect-thread.js",
  import.meta.url,
);

export type Inspection = {
  readonly inspect: Inspect;
  readonly packs: readonly LoadedPack[];
  /** Resolves when nothing is under way any more. */
  readonly close: () => Promise<void>;
};

/** `errors`: of the first pack that does not load, each with its place. */
export type InspectionOpening =
  { readonly ok: true; readonly inspection: Inspection } | { readonly ok: false; readonly errors: readonly string[] };

type Input = Parameters<Inspect>[0];
type Pending = {
  readonly read: Input["read"];
  readonly resolve: (findings: Findings) => void;
  readonly reject: (error: unknown) => void;
  /** Why the store could not give what was asked for. */
  failure: unknown;
};

/** `paths`: of the packs. Rejects where the thread itself cannot start. */
export async function openInspection(
  paths: readonly string[],
  args: Omit<ThreadArguments, "packs">,
  extract: ExtractContent,
): Promise<InspectionOpening> {
  const thread = new InspectThread(args, extract);
  const opening = await thread.load(paths);
  if (opening.kind === "refused") {
    await thread.close();
    return { ok: false, errors: opening.errors };
  }
  const inspect: Inspect = async (input) => {
    const findings = await thread.inspect(input);
    await reached("inspect.done");
    return findings;
  };
  return { ok: true, inspection: { inspect, packs: opening.packs, close: () => thread.close() } };
}

type Loading = Extract<FromThread, { kind: "loaded" | "refused" }>;

class InspectThread {
  readonly #args: Omit<ThreadArguments, "packs">;
  readonly #extract: ExtractContent;
  readonly #pending = new Map<number, Pending>();
  #packs: ThreadArguments["packs"] = { kind: "files", paths: [] };
  #loading: { readonly resolve: (loading: Loading) => void; readonly reject: (error: unknown) => void } | null = null;
  #worker: Worker | null = null;
  readonly #quick = new Gate(QUICK_MAX);
  #nextId = 1;
  /** Mails, with those that wait to be handed over. */
  #underWay = 0;
  /** Runs while something is under way. */
  #looking: NodeJS.Timeout | null = null;
  #isAsked = false;
  #onQuiet: (() => void) | null = null;

  constructor(args: Omit<ThreadArguments, "packs">, extract: ExtractContent) {
    this.#args = args;
    this.#extract = extract;
  }

  load(paths: readonly string[]): Promise<Loading> {
    return new Promise((resolve, reject) => {
      this.#loading = { resolve, reject };
      this.#packs = { kind: "files", paths };
      this.#worker = this.#start();
    });
  }

  async inspect(input: Input): Promise<Findings> {
    this.#underWay += 1;
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref();
    try {
      return await (isQuick(input.mime) ? this.#quick.pass(() => this.#ask(input)) : this.#ask(input));
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#rest();
    }
  }

  #ask(input: Input): Promise<Findings> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#pending.set(id, { read: input.read, resolve, reject, failure: null });
      void this.#handOver(id, input);
    });
  }

  #rest(): void {
    clearInterval(this.#looking ?? undefined);
    this.#looking = null;
    this.#isAsked = false;
    this.#worker?.unref();
    this.#onQuiet?.();
  }

  /** Its event loop stands still: the mails in it go back, to be tried in a new one. */
  #look(): void {
    const worker = this.#worker;
    if (worker === null) return;
    if (this.#isAsked) {
      void worker.terminate();
      return;
    }
    this.#isAsked = true;
    worker.postMessage({ kind: "ping" } satisfies ToThread, []);
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
      this.#pending.delete(id);
    }
  }

  async close(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
    await this.#worker?.terminate();
    this.#worker = null;
  }

  #start(): Worker {
    const worker = new Worker(THREAD, {
      workerData: { ...this.#args, packs: this.#packs } satisfies ThreadArguments,
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
    switch (message.kind) {
      case "loaded":
      case "refused":
        this.#hearLoading(message);
        return;
      case "pong":
        this.#isAsked = false;
        return;
      case "extract":
        void this.#extractFor(message, worker);
        return;
      case "read":
        void this.#answer(message, worker);
        return;
      case "done":
        this.#pending.get(message.id)?.resolve(message.findings);
        this.#pending.delete(message.id);
        return;
      case "failed": {
        const pending = this.#pending.get(message.id);
        pending?.reject(pending.failure ?? new Error("the inspection thread has a fault"));
        this.#pending.delete(message.id);
      }
    }
  }

  /** A thread started anew says so, too: then nobody waits for it. */
  #hearLoading(loading: Loading): void {
    if (loading.kind === "loaded")
      this.#packs = { kind: "sources", sources: loading.packs.map(({ source }) => source) };
    this.#loading?.resolve(loading);
    this.#loading = null;
    if (this.#underWay === 0) this.#worker?.unref();
  }

  async #answer(asked: Extract<FromThread, { kind: "read" }>, worker: Worker): Promise<void> {
    const pending = this.#pending.get(asked.id);
    if (pending === undefined) return;
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
    this.#isAsked = false;
    this.#loading?.reject(error);
    this.#loading = null;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/** A small mail may unfold into a large one where a part is an archive or a document. */
function isQuick({ sizeBytes, root }: MimeStructure): boolean {
  return sizeBytes <= QUICK_BYTES_MAX && hasTextsOnly(root);
}

function hasTextsOnly({ contentType, children }: MimePart): boolean {
  if (children.length > 0) return children.every(hasTextsOnly);
  return !contentType.startsWith("application/") || QUICK_TYPES.test(contentType);
}

/** To be handed over for good: what the store gave may be in use elsewhere. */
function ownCopy(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
