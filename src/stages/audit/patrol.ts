/**
 * Reads the audit again while the service runs, a little at a time: all of it once a day, and in between what is new. Promises an
 * alert that names the row where one is no longer as it was written, also where its hashes were made to fit and a checkpoint tells.
 */
import type { RaiseAlert } from "../../core/alert.ts";
import type { Clock } from "../../core/clock.ts";
import type { NoteVerifiers } from "../../parts/keys/signed-note.ts";
import type { AuditSource } from "../../parts/store/audit-chain.ts";
import type { ChainFault } from "./chain-faults.ts";
import { ChainWalk } from "./chain-walk.ts";
import { startOf } from "./verify.ts";

export type PatrolOptions = {
  /** Rows of one run; what a run costs. */
  readonly rowsMax: number;
  /** From one beginning to the next. */
  readonly roundMs: number;
};

export type PatrolDeps = {
  readonly store: AuditSource;
  readonly verifiers: NoteVerifiers | null;
  readonly clock: Clock;
  readonly raise: RaiseAlert;
};

const PAGE_ROWS = 500;
/** Faults told of in one round: the first ones say where to look. */
const ALERTS_MAX = 5;

export class Patrol {
  readonly #options: PatrolOptions;
  readonly #deps: PatrolDeps;
  #walk: ChainWalk | null = null;
  #begunAt = 0;
  /** Faults of this round that were told of. */
  #told = 0;

  constructor(options: PatrolOptions, deps: PatrolDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** One run. */
  async run(signal: AbortSignal): Promise<void> {
    const { store } = this.#deps;
    const walk = await this.#atWork();
    let left = walk.faults.length < ALERTS_MAX ? this.#options.rowsMax : 0;
    while (left > 0 && !signal.aborted) {
      const page = await store.auditPage(walk.nextSeq, Math.min(left, PAGE_ROWS));
      if (page.length === 0) break;
      if (await this.#wasRemoved(page[0]?.seq ?? 0, walk)) return;
      for (const row of page) walk.take(row);
      left -= page.length;
    }
    const { seq } = await store.auditHead();
    if (seq < walk.head.seq && !walk.faults.some(({ kind }) => kind === "cut")) {
      walk.faults.push({ kind: "cut", seq: seq + 1, lastSeq: walk.head.seq });
    }
    this.#tell(walk.faults);
  }

  async #atWork(): Promise<ChainWalk> {
    const now = this.#deps.clock.now();
    if (this.#walk !== null && now - this.#begunAt < this.#options.roundMs) return this.#walk;
    const { start, faults } = await startOf(this.#deps.store, this.#deps.verifiers);
    this.#walk = new ChainWalk({ start, outside: [], verifiers: this.#deps.verifiers });
    this.#walk.faults.push(...faults);
    this.#begunAt = now;
    this.#told = 0;
    return this.#walk;
  }

  /** Old rows left while the walk was among them: the next run begins anew, and judges whether that was right. */
  async #wasRemoved(nextSeq: number, walk: ChainWalk): Promise<boolean> {
    if (nextSeq === walk.nextSeq) return false;
    const [first] = await this.#deps.store.auditPage(1, 1);
    if (first?.seq !== nextSeq) return false;
    this.#walk = null;
    return true;
  }

  #tell(faults: readonly ChainFault[]): void {
    for (const fault of faults.slice(this.#told, ALERTS_MAX)) {
      const seq = "seq" in fault && fault.seq !== null ? { seq: fault.seq } : {};
      this.#deps.raise({ code: "PST-AUD-001", facts: { fault: fault.kind, ...seq } });
    }
    this.#told = Math.max(this.#told, faults.length);
  }
}
