/**
 * One child process that reads hostile formats, seen from the service.
 * Promises: the child runs under Node's permission model: it may read the code of this folder until it has loaded it, and
 * then no file; it has no network, no processes, no threads and no environment, and its error output goes nowhere. It is
 * killed by its process id once a job takes too long, the process too much memory, or it says what it should not.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { itemOf, NOTHING_SPENT, spentOf } from "./answer.ts";
import type { ExtractedItem, ExtractionRequest, PictureItem, Spent } from "./extraction-types.ts";
import { encodeFrame, FrameReader } from "./frames.ts";
import { PICTURE_BYTES_MAX } from "./reading.ts";
import { sandboxFlags } from "./sandbox.ts";

const READER = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./reader-main.ts" : "./reader-main.js", import.meta.url),
);
/** Beside standard input and output, which a library may write to. */
const ANSWERS_FD = 3;
const RSS_INTERVAL_MS = 50;
/** The reader itself stops at its time budget and says what it has; after so much more it is killed. Its start counts. */
const GRACE_MS = 3_000;
const HEAD_BYTES_MAX = 16_384;
/** Items of one answer: some for each entry, and sections of documents. */
const ITEMS_PER_ENTRY_MAX = 6;
const ITEMS_MAX = 10_000;
const MIB = 1024 * 1024;

export type ReaderLimits = { readonly memoryBytesMax: number };

/** `time` and `memory`: killed for it. `crash`: ended by itself. `answer`: said what it should not. `start`: never ran. */
export type ReaderEnd = "time" | "memory" | "crash" | "answer" | "start";

export type ReaderResult = {
  readonly items: readonly (ExtractedItem | PictureItem)[];
  readonly end: ReaderEnd | null;
  readonly spent: Spent;
};

type Job = {
  readonly items: (ExtractedItem | PictureItem)[];
  readonly resolve: (result: ReaderResult) => void;
  readonly frames: FrameReader;
  readonly timers: readonly NodeJS.Timeout[];
  readonly itemsMax: number;
  bytesLeft: number;
};

export class ReaderProcess {
  readonly #child: ChildProcess;
  readonly #answers: Socket;
  readonly #limits: ReaderLimits;
  readonly #ended: Promise<void>;
  #job: Job | null = null;
  #isOver = false;

  constructor(limits: ReaderLimits) {
    this.#limits = limits;
    this.#child = spawn(process.execPath, [...sandboxFlags(limits.memoryBytesMax), READER], {
      stdio: ["pipe", "ignore", "ignore", "pipe"],
      env: {},
      cwd: "/",
      // A signal to the service's terminal is no signal to its readers: they end when the service has ended with them.
      detached: true,
    });
    const child = this.#child;
    // First of all: what cannot be started says so in a later turn, and has no pipes.
    this.#ended = new Promise((resolve) => {
      child.once("error", () => {
        this.#over("start");
        resolve();
      });
      child.once("exit", () => {
        this.#over("crash");
        resolve();
      });
    });
    const answers = (child.stdio as ChildProcess["stdio"] | undefined)?.[ANSWERS_FD];
    if (!(answers instanceof Socket)) throw new Error("a reader has no pipes");
    this.#answers = answers;
    // A pipe breaks when the child has ended, and that is told by its exit.
    child.stdin?.on("error", () => undefined);
    this.#answers.on("error", () => undefined);
    this.#answers.on("data", (piece: Buffer) => this.#hear(piece));
    this.#offerToKernel();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** One at a time. */
  run({ bytes, budgets }: ExtractionRequest): Promise<ReaderResult> {
    return new Promise((resolve) => {
      if (this.#isOver) return resolve({ items: [], end: "start", spent: NOTHING_SPENT });
      // What a text of so many characters may take, names and files beside it.
      const pictures = budgets.picturesMax > 0 ? PICTURE_BYTES_MAX : 0;
      const bytesLeft =
        budgets.textCharsMax * 4 + budgets.fileBytesMax + pictures + budgets.archiveEntriesMax * 4_096 + MIB;
      const frames = new FrameReader({ headBytesMax: HEAD_BYTES_MAX, bodyBytesMax: bytesLeft });
      const deadline = setTimeout(() => this.#kill("time"), budgets.timeMsMax + GRACE_MS);
      const watch = setInterval(() => void this.#watchMemory(), RSS_INTERVAL_MS);
      const itemsMax = ITEMS_MAX + ITEMS_PER_ENTRY_MAX * budgets.archiveEntriesMax;
      this.#job = { items: [], resolve, frames, itemsMax, bytesLeft, timers: [deadline, watch] };
      this.#holdService(true);
      for (const piece of encodeFrame({ budgets }, bytes)) this.#child.stdin?.write(piece);
    });
  }

  /** Ends the process, at once where it is idle; resolves when it has ended. */
  async end(): Promise<void> {
    // Whoever waits for this must not end before.
    this.#holdService(true);
    this.#child.stdin?.end();
    if (this.#job === null) this.#kill("crash");
    await this.#ended;
  }

  /** Lets the service end without waiting for an idle reader. */
  unref(): void {
    this.#holdService(false);
  }

  #holdService(isHeld: boolean): void {
    for (const handle of [this.#child, this.#child.stdin, this.#answers]) {
      if (handle !== this.#child && !(handle instanceof Socket)) continue;
      if (isHeld) handle.ref();
      else handle.unref();
    }
  }

  #hear(piece: Buffer): void {
    const job = this.#job;
    if (job === null) return this.#kill("answer");
    job.bytesLeft -= piece.length;
    if (job.bytesLeft < 0 || job.items.length > job.itemsMax) return this.#kill("answer");
    try {
      for (const frame of job.frames.push(piece)) {
        const item = itemOf(frame);
        if (item === null) return this.#finish(job.frames.isEmpty ? null : "answer", spentOf(frame));
        job.items.push(item);
      }
    } catch {
      // The reader speaks another protocol: whatever made it do so has it.
      this.#kill("answer");
    }
  }

  async #watchMemory(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined || this.#job === null) return;
    const rss = await residentBytes(pid);
    if (rss !== null && rss > this.#limits.memoryBytesMax && this.#job !== null) this.#kill("memory");
  }

  #kill(why: ReaderEnd): void {
    this.#child.kill("SIGKILL");
    this.#over(why);
  }

  #over(why: ReaderEnd): void {
    this.#isOver = true;
    this.#finish(why);
  }

  #finish(end: ReaderEnd | null, spent: Spent = NOTHING_SPENT): void {
    const job = this.#job;
    this.#job = null;
    if (end !== null && !this.#isOver) this.#kill(end);
    if (job === null) return;
    for (const timer of job.timers) clearTimeout(timer);
    job.resolve({ items: job.items, end, spent });
  }

  /** Where the machine's memory ends, this process goes first, and not the service. */
  #offerToKernel(): void {
    const { pid } = this.#child;
    if (process.platform !== "linux" || pid === undefined) return;
    // Without it the kernel chooses by size; nothing else depends on it.
    writeFile(`/proc/${pid}/oom_score_adj`, "1000").catch(() => undefined);
  }
}

/** Null where the system does not tell. */
async function residentBytes(pid: number): Promise<number | null> {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
    return kib === undefined ? null : Number(kib) * 1024;
  } catch {
    // It has just ended, or this is no Linux: the limits of heap and time remain.
    return null;
  }
}
