/**
 * Walks the audit chain and names every row that is not as it was written: changed, removed, moved. Promises to read in pages
 * and to change nothing. Cannot see rows cut off at the end, or a chain rewritten whole, without a checkpoint kept outside
 * the database; where there is none it says so (`tail`) and does not call the end proven.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { AuditRow } from "../../core/event.ts";
import { EMPTY_CHAIN, hashRow } from "../../parts/store/audit-chain.ts";
import type { AuditSource, ChainHead } from "../../parts/store/audit-chain.ts";

export type ChainFault =
  /** What the row says does not give its hash. */
  | { readonly kind: "changed"; readonly seq: number }
  /** The row is whole, but was written with another sequence number. */
  | { readonly kind: "reordered"; readonly seq: number; readonly writtenAs: number }
  | { readonly kind: "removed"; readonly seq: number; readonly lastSeq: number }
  /** Both rows are whole by themselves, but this one was not written after the one before it. */
  | { readonly kind: "unlinked"; readonly seq: number }
  /** The checkpoint saw another row here: the chain was rewritten. */
  | { readonly kind: "rewritten"; readonly seq: number }
  /** The checkpoint saw rows that are gone from the end. */
  | { readonly kind: "cut"; readonly seq: number; readonly lastSeq: number };

export type Verification = {
  readonly rows: number;
  readonly head: ChainHead;
  /** At most `faultsMax`; empty where every row is as it was written. */
  readonly faults: readonly ChainFault[];
  /** `not-provable`: rows after `afterSeq` may have been cut or rewritten without leaving a trace in this database. */
  readonly tail: { readonly kind: "proven" } | { readonly kind: "not-provable"; readonly afterSeq: number };
};

export type VerifyOptions = {
  /** A head of this chain that was kept outside the database. */
  readonly checkpoint?: ChainHead | null;
  readonly pageRows?: number;
  readonly faultsMax?: number;
};

const PAGE_ROWS = 1_000;
const FAULTS_MAX = 100;
/** How far from its place a moved row is recognised as moved; beyond it is reported as changed. */
const MOVED_ROWS_MAX = 1_000;

export async function verifyChain(source: AuditSource, options: VerifyOptions = {}): Promise<Verification> {
  const { checkpoint = null, pageRows = PAGE_ROWS, faultsMax = FAULTS_MAX } = options;
  const walk = new Walk(checkpoint);
  for (;;) {
    const page = await source.auditPage(walk.nextSeq, pageRows);
    for (const row of page) walk.take(row);
    if (page.length < pageRows || walk.faults.length >= faultsMax) break;
  }
  if (walk.faults.length < faultsMax) walk.end();
  return { rows: walk.rows, head: walk.head, faults: walk.faults.slice(0, faultsMax), tail: tailOf(walk, checkpoint) };
}

/** One line for people. */
export function describeFault(fault: ChainFault): string {
  switch (fault.kind) {
    case "changed":
      return `row ${fault.seq} was changed after it was written`;
    case "reordered":
      return `row ${fault.seq} was moved: it was written as row ${fault.writtenAs}`;
    case "removed":
      return fault.seq === fault.lastSeq
        ? `row ${fault.seq} was removed`
        : `rows ${fault.seq} to ${fault.lastSeq} were removed`;
    case "unlinked":
      return `row ${fault.seq} does not follow from row ${fault.seq - 1}: one of them was rewritten`;
    case "rewritten":
      return `row ${fault.seq} is not the one the checkpoint saw: the chain was rewritten up to here`;
    case "cut":
      return `rows ${fault.seq} to ${fault.lastSeq} were cut off the end`;
    default:
      return assertNever(fault);
  }
}

class Walk {
  readonly faults: ChainFault[] = [];
  readonly #checkpoint: ChainHead | null;
  head: ChainHead = EMPTY_CHAIN;
  rows = 0;
  nextSeq = 1;
  /** What the next row must build on; null after a fault, where only the row itself can be judged. */
  #previous: string | null = EMPTY_CHAIN.hash;

  constructor(checkpoint: ChainHead | null) {
    this.#checkpoint = checkpoint;
  }

  take(row: AuditRow): void {
    if (row.seq > this.nextSeq) {
      this.faults.push({ kind: "removed", seq: this.nextSeq, lastSeq: row.seq - 1 });
      this.#previous = null;
    }
    const fault = this.#judge(row);
    if (fault !== null) this.faults.push(fault);
    const isWhole = fault === null || fault.kind === "unlinked" || fault.kind === "rewritten";
    this.#previous = isWhole ? row.hash : null;
    this.head = { seq: row.seq, hash: row.hash };
    this.rows += 1;
    this.nextSeq = row.seq + 1;
  }

  end(): void {
    const checkpoint = this.#checkpoint;
    if (checkpoint === null || checkpoint.seq <= this.head.seq) return;
    this.faults.push({ kind: "cut", seq: this.head.seq + 1, lastSeq: checkpoint.seq });
  }

  #judge(row: AuditRow): ChainFault | null {
    const { seq } = row;
    if (hashRow(row) !== row.hash) {
      const writtenAs = seqThatFits(row);
      return writtenAs === null ? { kind: "changed", seq } : { kind: "reordered", seq, writtenAs };
    }
    if (this.#previous !== null && row.previousHash !== this.#previous) return { kind: "unlinked", seq };
    if (this.#checkpoint?.seq === seq && this.#checkpoint.hash !== row.hash) return { kind: "rewritten", seq };
    return null;
  }
}

function seqThatFits(row: AuditRow): number | null {
  const last = row.seq + MOVED_ROWS_MAX;
  for (let seq = Math.max(1, row.seq - MOVED_ROWS_MAX); seq <= last; seq += 1) {
    if (hashRow({ ...row, seq }) === row.hash) return seq;
  }
  return null;
}

function tailOf(walk: Walk, checkpoint: ChainHead | null): Verification["tail"] {
  if (checkpoint === null) return { kind: "not-provable", afterSeq: 0 };
  if (walk.faults.length > 0) return { kind: "not-provable", afterSeq: 0 };
  return checkpoint.seq === walk.head.seq ? { kind: "proven" } : { kind: "not-provable", afterSeq: checkpoint.seq };
}
