/**
 * The thread that inspects mail, so that the sessions of the service go on meanwhile. It loads the packs it is told of and reads
 * bodies through the service; it has no keys but those of value hashes and of looking up what an index holds.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Inspect, ReadBody } from "../../core/stages.ts";
import type { ExtractContent, Extracted, ExtractedItem } from "../../parts/extraction/extraction-types.ts";
import { indexOf } from "../../parts/edm/edm-file.ts";
import { indexesOf } from "./compile-edm.ts";
import { createInspect } from "./inspect.ts";
import { builtPacks } from "./built-packs.ts";
import { loadPacks } from "./load-packs.ts";
import type { FromThread, ThreadArguments, ToThread } from "./thread-protocol.ts";

const { packs, options, hashKey, indexes } = workerData as ThreadArguments;
const surroundings = {
  indexes: indexesOf(new Map(Array.from(indexes ?? [], ([name, shared]) => [name, indexOf(shared)]))),
  known: builtPacks(),
};
/** Of a thread's own: none can be handed in. */
const clock = { now: () => 0, monotonic: () => Number(process.hrtime.bigint()) / 1e6 };
const extractions = new Map<number, (extracted: Extracted) => void>();
let nextExtraction = 1;
const extract: ExtractContent = (request) =>
  new Promise((resolve) => {
    const call = nextExtraction++;
    extractions.set(call, resolve);
    say({ kind: "extract", call, request });
  });
const loading = loadPacks(packs, surroundings);
/** Without packs every mail would be clean. */
const inspect: Inspect = loading.ok
  ? createInspect(options, { packs: loading.packs, hashKey, clock, extract })
  : () => Promise.reject(new Error("no packs"));
const reads = new Map<number, { readonly resolve: (bytes: Buffer) => void; readonly reject: (error: Error) => void }>();
let nextRead = 1;
/** After loading, until the memory it took is given back. */
const QUIET_MS = 1_000;
/** Mails above this size take their turn one by one: each may need many times its bytes for a moment. */
const TOGETHER_BYTES_MAX = 1024 * 1024;
let lastLarge: Promise<void> = Promise.resolve();

function say(message: FromThread): void {
  parentPort?.postMessage(message, []);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** What passed between threads has become a plain array. */
function withBuffer(item: ExtractedItem): ExtractedItem {
  return item.kind === "file" ? { ...item, bytes: bufferOf(item.bytes) } : item;
}

async function work({ id, mime, bytes }: Extract<ToThread, { kind: "inspect" }>): Promise<void> {
  const ask = (start: number, end: number): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const number = nextRead++;
      reads.set(number, { resolve, reject });
      say({ kind: "read", id, read: number, start, end });
    });
  const body = bytes === null ? null : bufferOf(bytes);
  const read: ReadBody = body === null ? ask : (start, end) => Promise.resolve(body.subarray(start, end));
  try {
    say({ kind: "done", id, findings: await inspect({ mime, read }) });
  } catch {
    // The error could quote the message; the service knows why a read failed.
    say({ kind: "failed", id });
  }
}

parentPort?.on("message", (message: ToThread) => {
  if (message.kind === "inspect") {
    if (message.mime.sizeBytes <= TOGETHER_BYTES_MAX) void work(message);
    else lastLarge = lastLarge.then(() => work(message));
    return;
  }
  if (message.kind === "ping") {
    say({ kind: "pong" });
    return;
  }
  if (message.kind === "extracted") {
    extractions.get(message.call)?.({
      items: message.items.map(withBuffer),
      tookMs: message.tookMs,
      pictures: message.pictures,
      spent: message.spent,
    });
    extractions.delete(message.call);
    return;
  }
  const waiting = reads.get(message.read);
  reads.delete(message.read);
  if (message.bytes === null) waiting?.reject(new Error("the body could not be read"));
  else waiting?.resolve(bufferOf(message.bytes));
});

if (loading.ok) say({ kind: "loaded", packs: loading.loaded });
else say({ kind: "refused", errors: loading.errors });
setTimeout(collect, QUIET_MS).unref();

/** Packs are read with far more memory than they keep. Nothing where node was not started with --expose-gc. */
function collect(): void {
  void globalThis.gc?.({ type: "major", flavor: "last-resort", execution: "async" });
}
