/**
 * Reads hostile formats (archives, Office, PDF, RTF) in child processes that have nothing to lose or to tell.
 * Promises: at most `readersMax` children, started when first needed, replaced after some work and ended when idle; never
 * rejects: a reader that is killed or dies costs what it had not yet read (`over_budget`, `crashed`), never the mail nor the
 * service; one that dies by itself gets a second try. What waits is bounded in number and time. `close` ends them all.
 */
import type { Clock } from "../../core/clock.ts";
import type { UninspectableReason } from "../../core/findings.ts";
import type { Log } from "../../core/log.ts";
import type { Extracted, ExtractedItem, ExtractionRequest } from "./extraction-types.ts";
import { ReaderProcess } from "./reader-process.ts";
import type { ReaderEnd, ReaderResult } from "./reader-process.ts";

export type ExtractionOptions = {
  readonly readersMax: number;
  /** Resident memory of one reader. */
  readonly readerMemoryBytesMax: number;
};

/** A fresh process now and then: nothing that one mail left in it stays for long. */
const JOBS_PER_READER_MAX = 200;
const BYTES_PER_READER_MAX = 256 * 1024 * 1024;
const IDLE_MS = 60_000;
const WAITING_MAX = 1_000;
const WAIT_MS_MAX = 60_000;
const TRIES_MAX = 2;

type Slot = { readonly reader: ReaderProcess; jobs: number; bytes: number; idle: NodeJS.Timeout | null };
type Waiting = { readonly start: (slot: Slot | null) => void; readonly timer: NodeJS.Timeout };

export class Extraction {
  readonly #options: ExtractionOptions;
  readonly #log: Log;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #idle: Slot[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #ending = new Set<Promise<void>>();
  readonly #busy = new Set<Slot>();
  #isClosed = false;
  #onQuiet: (() => void) | null = null;

  constructor(options: ExtractionOptions, deps: { readonly log: Log; readonly clock: Pick<Clock, "monotonic"> }) {
    this.#options = options;
    this.#log = deps.log;
    this.#clock = deps.clock;
  }

  /** Process ids of the children that wait for work. */
  get idlePids(): readonly number[] {
    return pidsOf(this.#idle);
  }

  get busyPids(): readonly number[] {
    return pidsOf([...this.#busy]);
  }

  async extract(request: ExtractionRequest): Promise<Extracted> {
    let tookMs = 0;
    for (let tries = 1; ; tries += 1) {
      const slot = await this.#take();
      if (slot === null) return { items: [unread("over_budget")], tookMs };
      const begun = this.#clock.monotonic();
      const { items, end } = await this.#work(slot, request);
      tookMs += this.#clock.monotonic() - begun;
      if (end === null) return { items, tookMs };
      this.#tell(end);
      if (tries < TRIES_MAX && (end === "crash" || end === "start")) continue;
      return { items: [...items, unread(REASONS[end])], tookMs };
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#busy.size > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
    for (const slot of this.#idle.splice(0)) this.#end(slot);
    await Promise.all(this.#ending);
  }

  async #work(slot: Slot, request: ExtractionRequest): Promise<ReaderResult> {
    slot.jobs += 1;
    slot.bytes += request.bytes.length;
    const result = await slot.reader.run(request);
    this.#giveBack(slot);
    return result;
  }

  /** A reader to work with; null where too much waits. */
  #take(): Promise<Slot | null> | Slot {
    if (this.#busy.size < this.#options.readersMax) return this.#fresh();
    if (this.#waiting.length >= WAITING_MAX) return Promise.resolve(null);
    return new Promise((start) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        start(null);
      }, WAIT_MS_MAX);
      const waiting: Waiting = { start, timer };
      this.#waiting.push(waiting);
    });
  }

  #fresh(): Slot {
    const slot = this.#rested() ?? {
      reader: new ReaderProcess({ memoryBytesMax: this.#options.readerMemoryBytesMax }),
      jobs: 0,
      bytes: 0,
      idle: null,
    };
    this.#busy.add(slot);
    return slot;
  }

  /** One that waits for work, and is still alive. */
  #rested(): Slot | null {
    for (let slot = this.#idle.pop(); slot !== undefined; slot = this.#idle.pop()) {
      if (slot.idle !== null) clearTimeout(slot.idle);
      slot.idle = null;
      if (!slot.reader.isOver) return slot;
    }
    return null;
  }

  #giveBack(slot: Slot): void {
    this.#busy.delete(slot);
    const isWornOut = slot.jobs >= JOBS_PER_READER_MAX || slot.bytes >= BYTES_PER_READER_MAX;
    if (slot.reader.isOver || isWornOut || this.#isClosed) this.#end(slot);
    else this.#rest(slot);
    const next = this.#waiting.shift();
    if (next !== undefined) {
      clearTimeout(next.timer);
      next.start(this.#fresh());
      return;
    }
    if (this.#busy.size === 0) this.#onQuiet?.();
  }

  #rest(slot: Slot): void {
    slot.reader.unref();
    slot.idle = setTimeout(() => {
      this.#idle.splice(this.#idle.indexOf(slot), 1);
      this.#end(slot);
    }, IDLE_MS).unref();
    this.#idle.push(slot);
  }

  #end(slot: Slot): void {
    if (slot.idle !== null) clearTimeout(slot.idle);
    const ended = slot.reader.end().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #tell(end: ReaderEnd): void {
    if (end === "start") this.#log.error("reader_unstarted", { code: "PST-INS-005" });
    else this.#log.warn("reader_ended", { code: "PST-INS-004", because: end });
  }
}

const REASONS: Readonly<Record<ReaderEnd, UninspectableReason>> = {
  time: "over_budget",
  memory: "over_budget",
  crash: "crashed",
  answer: "crashed",
  start: "inspection_error",
};

function pidsOf(slots: readonly Slot[]): readonly number[] {
  return slots.flatMap(({ reader }) => reader.pid ?? []);
}

function unread(reason: UninspectableReason): ExtractedItem {
  return { kind: "unread", place: "", reason };
}
