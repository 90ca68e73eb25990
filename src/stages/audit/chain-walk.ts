/**
 * Walks a chain row by row and names every row that is not as it was written. Promises flat memory, whatever the length, and that
 * one cause is told once: what follows from a fault already told is not told again. Knows no files and no database.
 */
import type { AuditRow } from "../../core/event.ts";
import type { NoteVerifiers } from "../../parts/keys/signed-note.ts";
import { EMPTY_CHAIN, hashRow } from "../../parts/store/audit-chain.ts";
import type { ChainHead } from "../../parts/store/audit-chain.ts";
import { Frontier } from "../../parts/store/audit-tree.ts";
import type { ChainFault } from "./chain-faults.ts";
import type { Checkpoint } from "./checkpoint-note.ts";
import { judgeMark } from "./chain-marks.ts";

/** A checkpoint kept outside: signed, or a head that somebody wrote down. Its signature has been checked. */
export type OutsideCheckpoint = Pick<Checkpoint, "size"> &
  ({ readonly root: string } | { readonly rowHash: string }) & { readonly note: string | null };

/** Where a walk begins: at row 1, or after rows that were removed. */
export type WalkStart = {
  readonly seq: number;
  /** Hash of the row before; null: not known, so the first row's link cannot be checked. */
  readonly previousHash: string | null;
  /** Of the rows before; null: not known, so no root can be checked before `resume`. */
  readonly frontier: Frontier | null;
  /** The anchor's last removed row, where rows up to it are still there. */
  readonly resume: { readonly seq: number; readonly hash: string; readonly frontier: Frontier } | null;
  readonly chainId: string | null;
};

export const FROM_ROW_1: WalkStart = {
  seq: 1,
  previousHash: EMPTY_CHAIN.hash,
  frontier: Frontier.empty,
  resume: null,
  chainId: null,
};

export type WalkOptions = {
  readonly start: WalkStart;
  /** Ascending by size. */
  readonly outside: readonly OutsideCheckpoint[];
  /** null: signatures are not checked. */
  readonly verifiers: NoteVerifiers | null;
};

/** A row that signs the rows before it is written soon after the last of them: so many rows later at most. */
const FRONTIERS_MAX = 8_192;
/** How far from its place a moved row is recognised as moved; beyond it is reported as changed. */
const MOVED_ROWS_MAX = 1_000;

type Moved = { readonly seq: number; lastSeq: number; readonly writtenAs: number };

export class ChainWalk {
  readonly faults: ChainFault[] = [];
  head: ChainHead;
  rows = 0;
  nextSeq: number;
  chainId: string | null;
  /** Size of the last checkpoint whose root is the one of these rows: in a row, and from outside. */
  signedThrough = 0;
  provenThrough = 0;
  /** Checkpoint rows too far from what they sign to be checked. */
  unchecked = 0;
  readonly #options: WalkOptions;
  /** What the next row must build on; null after a fault, where only the row itself can be judged. */
  #previous: string | null;
  #frontier: Frontier | null;
  readonly #frontiers: (Frontier | null)[] = [];
  #outsideIndex = 0;
  #lastMarkSize = 0;
  #moved: Moved | null = null;
  #note: string | null = null;

  constructor(options: WalkOptions) {
    const { start } = options;
    this.#options = options;
    this.nextSeq = start.seq;
    this.chainId = start.chainId;
    this.#previous = start.previousHash;
    this.#frontier = start.frontier;
    this.head = { seq: start.seq - 1, hash: start.previousHash ?? EMPTY_CHAIN.hash };
    while ((options.outside[this.#outsideIndex]?.size ?? Infinity) < start.seq - 1) this.#outsideIndex += 1;
    if (start.frontier !== null && start.seq > 1) this.#checkOutside(start.seq - 1, this.head.hash);
  }

  /** The tree over the rows so far; null where it is not known. */
  get frontier(): Frontier | null {
    return this.#frontier;
  }

  take(row: AuditRow): void {
    if (row.seq < this.nextSeq) {
      this.#takeLate(row);
      return;
    }
    if (row.seq > this.nextSeq) {
      this.#endMoved();
      this.faults.push({ kind: "removed", seq: this.nextSeq, lastSeq: row.seq - 1 });
      this.#previous = null;
    }
    this.chainId ??= row.seq === 1 ? row.hash : null;
    const isWhole = this.#judge(row);
    this.#previous = isWhole ? row.hash : null;
    this.head = { seq: row.seq, hash: row.hash };
    this.rows += 1;
    this.nextSeq = row.seq + 1;
    this.#grow(row);
    this.#checkOutside(row.seq, row.hash);
    if (isWhole && this.#moved === null) this.#judgeMark(row);
  }

  end(): void {
    this.#endMoved();
    const last = this.#options.outside.at(-1);
    if (last === undefined || last.size <= this.head.seq) return;
    this.faults.push({ kind: "cut", seq: this.head.seq + 1, lastSeq: last.size });
  }

  /** In exports only: a file has an order of its own. */
  #takeLate(row: AuditRow): void {
    const { seq } = row;
    const gap = this.faults.findIndex((fault) => fault.kind === "removed" && fault.seq <= seq && seq <= fault.lastSeq);
    const found = this.faults[gap];
    if (found?.kind !== "removed") {
      this.faults.push({ kind: "inserted", seq, lastSeq: seq });
      return;
    }
    const before: ChainFault[] = found.seq < seq ? [{ ...found, lastSeq: seq - 1 }] : [];
    const after: ChainFault[] = seq < found.lastSeq ? [{ ...found, seq: seq + 1 }] : [];
    this.faults.splice(gap, 1, ...before, ...after);
    this.faults.push({ kind: "misplaced", seq, afterSeq: this.nextSeq - 1 });
    if (hashRow(row) !== row.hash) this.faults.push({ kind: "changed", seq });
  }

  /** Whether the row is as it was written, in its place or another. */
  #judge(row: AuditRow): boolean {
    const { seq } = row;
    if (hashRow(row) === row.hash) {
      this.#endMoved();
      if (this.#previous !== null && row.previousHash !== this.#previous) this.faults.push({ kind: "unlinked", seq });
      return true;
    }
    const shift = this.#moved === null ? 0 : this.#moved.seq - this.#moved.writtenAs;
    if (this.#moved !== null && hashRow({ ...row, seq: seq - shift }) === row.hash) {
      this.#moved.lastSeq = seq;
      return true;
    }
    this.#endMoved();
    const writtenAs = seqThatFits(row);
    if (writtenAs === null) {
      this.faults.push({ kind: "changed", seq });
      return false;
    }
    this.#moved = { seq, lastSeq: seq, writtenAs };
    return true;
  }

  /** Rows that moved together tell why: others were put in before them, or taken away and the gap closed. */
  #endMoved(): void {
    const moved = this.#moved;
    this.#moved = null;
    if (moved === null) return;
    // What stands in its place again was not written after the moved ones.
    this.#previous = null;
    const { seq, lastSeq, writtenAs } = moved;
    if (lastSeq > seq && writtenAs < seq) this.faults.push({ kind: "inserted", seq: writtenAs, lastSeq: seq - 1 });
    if (lastSeq > seq && writtenAs > seq) this.faults.push({ kind: "removed", seq, lastSeq: writtenAs - 1 });
    this.faults.push({ kind: "reordered", seq, lastSeq, writtenAs });
  }

  #grow(row: AuditRow): void {
    const { resume } = this.#options.start;
    if (this.#frontier !== null) this.#frontier = this.#frontier.append(row.hash);
    if (resume !== null && row.seq === resume.seq) {
      if (row.hash === resume.hash) this.#frontier = resume.frontier;
      else this.faults.push({ kind: "unlinked", seq: row.seq + 1 });
    }
    this.#frontiers[row.seq % FRONTIERS_MAX] = this.#frontier;
  }

  #checkOutside(seq: number, rowHash: string): void {
    for (;;) {
      const next = this.#options.outside[this.#outsideIndex];
      if (next === undefined || next.size > seq) return;
      this.#outsideIndex += 1;
      if (next.size < seq) continue;
      const isRight =
        "rowHash" in next ? next.rowHash === rowHash : this.#frontier?.root().toString("base64") === next.root;
      if (isRight) this.provenThrough = next.size;
      else if ("rowHash" in next || this.#frontier !== null) this.#tellRewritten(next.size);
      this.#note = isRight ? next.note : null;
    }
  }

  #judgeMark(row: AuditRow): void {
    if (row.kind !== "checkpoint" && row.kind !== "anchor") return;
    const { verifiers } = this.#options;
    const judged = judgeMark(row, { verifiers, chainId: this.chainId, after: this.#lastMarkSize });
    if (judged.kind === "fault") {
      this.faults.push(judged.fault);
      return;
    }
    const { size, root, note } = judged;
    // The end is proven where nothing but the row of the checkpoint itself follows what the checkpoint saw.
    if (note === this.#note && size === this.provenThrough && row.seq === size + 1) this.provenThrough = row.seq;
    if (row.kind === "anchor") return;
    this.#lastMarkSize = size;
    // Signed over more rows than stand before it: some are gone, and the rest was renumbered.
    if (size >= row.seq) {
      this.#tellRewritten(size);
      return;
    }
    if (row.seq - size >= FRONTIERS_MAX) {
      this.unchecked += 1;
      return;
    }
    const frontier = this.#frontiers[size % FRONTIERS_MAX];
    if (frontier?.size !== size) return;
    if (frontier.root().toString("base64") === root) this.signedThrough = size;
    else this.#tellRewritten(size);
  }

  /** Unless a row since the last checkpoint that fitted is told of: that explains it. */
  #tellRewritten(size: number): void {
    const seq = Math.max(this.signedThrough, this.provenThrough, this.#options.start.seq - 1) + 1;
    const isTold = this.faults.some((fault) =>
      "lastSeq" in fault ? fault.lastSeq >= seq : "seq" in fault && (fault.seq ?? 0) >= seq,
    );
    if (!isTold && this.#moved === null) this.faults.push({ kind: "rewritten", seq, lastSeq: size });
  }
}

function seqThatFits(row: AuditRow): number | null {
  const last = row.seq + MOVED_ROWS_MAX;
  for (let seq = Math.max(1, row.seq - MOVED_ROWS_MAX); seq <= last; seq += 1) {
    if (hashRow({ ...row, seq }) === row.hash) return seq;
  }
  return null;
}
