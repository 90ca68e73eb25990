/**
 * Reads hostile formats (archives, Office, PDF, RTF) in child processes that have nothing to lose or to tell.
 * Promises: at most `readersMax` children, started when first needed, replaced after some work and ended when idle; never
 * rejects: a reader that is killed or dies costs what it had not yet read (`over_budget`, `crashed`), never the mail nor the
 * service; one that dies by itself gets a second try. What waits is bounded in number and time. `close` ends them all.
 */
import type { Clock } from "../../core/clock.ts";
import type { UninspectableReason } from "../../core/findings.ts";
import type { Log } from "../../core/log.ts";
import { NOTHING_SPENT } from "./answer.ts";
import type { Extracted, ExtractedItem, ExtractionRequest } from "./extraction-types.ts";
import { PictureProgram } from "./picture-program.ts";
import type { PictureProgramOptions, PictureResult } from "./picture-program.ts";
import { ReaderProcess } from "./reader-process.ts";
import type { ReaderEnd, ReaderResult } from "./reader-process.ts";

export type ExtractionOptions = {
  readonly readersMax: number;
  /** Resident memory of one reader. */
  readonly readerMemoryBytesMax: number;
  /** What reads the text of pictures; null for nobody. */
  readonly pictures: PictureProgramOptions | null;
};

/** A fresh process now and then: nothing that one mail left in it stays for long. */
const JOBS_PER_READER_MAX = 200;
const BYTES_PER_READER_MAX = 256 * 1024 * 1024;
const IDLE_MS = 60_000;
const WAITING_MAX = 1_000;
const WAIT_MS_MAX = 60_000;
const TRIES_MAX = 2;
const NOT_READ: PictureResult = { text: null, end: "failed" };

type Slot = { readonly reader: ReaderProcess; jobs: number; bytes: number; idle: NodeJS.Timeout | null };
/** A reader to work with, or why there is none. */
type Taken = Slot | Extract<UninspectableReason, "over_budget" | "inspection_error">;
type Waiting = { readonly start: (taken: Taken) => void; readonly timer: NodeJS.Timeout };

export class Extraction {
  readonly #options: ExtractionOptions;
  readonly #log: Log;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #pictures: PictureProgram | null;
  readonly #idle: Slot[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #ending = new Set<Promise<void>>();
  readonly #busy = new Set<Slot>();
  #isClosed = false;
  #onQuiet: (() => void) | null = null;

  constructor(options: ExtractionOptions, deps: { readonly log: Log; readonly clock: Pick<Clock, "monotonic"> }) {
    this.#options = options;
    this.#log = deps.log;
    this.#pictures = options.pictures === null ? null : new PictureProgram(options.pictures);
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
      if (typeof slot === "string") return { items: [unread(slot)], tookMs, pictures: 0, spent: NOTHING_SPENT };
      const begun = this.#clock.monotonic();
      const { items, end, spent } = await this.#work(slot, request);
      tookMs += this.#clock.monotonic() - begun;
      if (end === null) return { ...(await this.#withTexts(items)), tookMs, spent };
      this.#tell(end);
      if (tries < TRIES_MAX && (end === "crash" || end === "start")) continue;
      return { ...(await this.#withTexts([...items, unread(REASONS[end])])), tookMs, spent };
    }
  }

  /** Each picture as the text in it, or as what it counts for without. */
  async #withTexts(items: ReaderResult["items"]): Promise<Pick<Extracted, "items" | "pictures">> {
    let pictures = 0;
    const read = items.map(async (item): Promise<ExtractedItem> => {
      if (item.kind !== "picture") return item;
      pictures += 1;
      const { place, reason, bytes } = item;
      const { text, end } = (await this.#pictures?.read(bytes)) ?? NOT_READ;
      if (end === null) return { kind: "text", place, text };
      if (end === "start") this.#log.error("picture_reader_unstarted", { code: "PST-INS-031" });
      else this.#log.info("picture_unread", { because: end });
      return { kind: "unread", place, reason };
    });
    return { items: await Promise.all(read), pictures };
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

  #take(): Promise<Taken> | Taken {
    if (this.#busy.size < this.#options.readersMax) return this.#fresh();
    if (this.#waiting.length >= WAITING_MAX) return "over_budget";
    return new Promise((start) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        start("over_budget");
      }, WAIT_MS_MAX);
      const waiting: Waiting = { start, timer };
      this.#waiting.push(waiting);
    });
  }

  #fresh(): Taken {
    try {
      const slot = this.#rested() ?? this.#started();
      this.#busy.add(slot);
      return slot;
    } catch {
      // Most failures to start are told later; no descriptors left is told at once.
      this.#tell("start");
      return "inspection_error";
    }
  }

  #started(): Slot {
    const reader = new ReaderProcess({ memoryBytesMax: this.#options.readerMemoryBytesMax });
    return { reader, jobs: 0, bytes: 0, idle: null };
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
