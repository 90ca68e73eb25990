/**
 * Whether a chain is as it was written: every row, its place, every checkpoint in it, and the checkpoints somebody kept outside.
 * Promises to read in pages and to change nothing. Cannot see rows cut off at the end, or a chain put in the place of another,
 * without a checkpoint from outside; how far one reached is said (`tail`), and beyond it nothing is called proven.
 */
import type { NoteVerifiers } from "../../parts/keys/signed-note.ts";
import { hashRow } from "../../parts/store/audit-chain.ts";
import type { AuditSource, ChainHead } from "../../parts/store/audit-chain.ts";
import type { ChainFault } from "./chain-faults.ts";
import { judgeMark } from "./chain-marks.ts";
import type { MarkVerdict } from "./chain-marks.ts";
import { ChainWalk, FROM_ROW_1 } from "./chain-walk.ts";
import type { OutsideCheckpoint, WalkStart } from "./chain-walk.ts";
import { isOfChain, parseCheckpoint } from "./checkpoint-note.ts";

/** Kept outside the database: a signed note, or a head as `audit verify` prints it. */
export type GivenCheckpoint = { readonly note: string } | { readonly head: ChainHead };

export type Verification = {
  readonly rows: number;
  /** The first row there is; rows before it were removed. */
  readonly firstSeq: number;
  readonly head: ChainHead;
  /** At most `faultsMax`; empty where every row is as it was written. */
  readonly faults: readonly ChainFault[];
  /** Rows up to here are those a checkpoint within the chain signed; 0: none did. */
  readonly signedThrough: number;
  /** Rows up to here are those a checkpoint from outside saw; 0: none was given, or none fitted. */
  readonly provenThrough: number;
  /** Whether signatures were checked: not without a key. */
  readonly signatures: "checked" | "unchecked";
  /** Checkpoints that could not be compared: about rows that were removed, or too far from their rows. */
  readonly unchecked: number;
  /** `not-provable`: rows after `afterSeq` may have been cut or rewritten without leaving a trace in this database. */
  readonly tail: { readonly kind: "proven" } | { readonly kind: "not-provable"; readonly afterSeq: number };
};

export type ChainSource = Pick<AuditSource, "auditPage" | "auditMarks">;

export type VerifyOptions = {
  readonly checkpoints?: readonly GivenCheckpoint[];
  /** Keys that are trusted; null: none is known, signatures are not checked. */
  readonly verifiers?: NoteVerifiers | null;
  readonly pageRows?: number;
  readonly faultsMax?: number;
  /** Told after every page how many rows were read. */
  readonly onProgress?: (rows: number) => void;
};

const PAGE_ROWS = 1_000;
export const FAULTS_MAX = 100;

export async function verifyChain(source: ChainSource, options: VerifyOptions = {}): Promise<Verification> {
  const { checkpoints = [], verifiers = null, pageRows = PAGE_ROWS, faultsMax = FAULTS_MAX } = options;
  const { start, faults: startFaults } = await startOf(source, verifiers);
  const given = judgeGiven(checkpoints, { verifiers, chainId: start.chainId });
  const walk = new ChainWalk({ start, outside: given.outside, verifiers });
  walk.faults.push(...given.faults, ...startFaults);
  for (;;) {
    const page = await source.auditPage(walk.nextSeq, pageRows);
    for (const row of page) walk.take(row);
    options.onProgress?.(walk.rows);
    if (page.length < pageRows || walk.faults.length >= faultsMax) break;
  }
  return concluded(walk, {
    given,
    firstSeq: start.seq,
    faultsMax,
    signatures: verifiers === null ? "unchecked" : "checked",
  });
}

export type Conclusion = {
  readonly given: GivenVerdict;
  readonly firstSeq: number;
  readonly faultsMax: number;
  readonly signatures: Verification["signatures"];
};

/** What a walk that took its last row came to. */
export function concluded(walk: ChainWalk, { given, firstSeq, faultsMax, signatures }: Conclusion): Verification {
  if (walk.faults.length < faultsMax) walk.end();
  const { faults, provenThrough, signedThrough, rows, head } = walk;
  const isProven = faults.length === 0 && given.outside.length > 0 && provenThrough === head.seq;
  return {
    rows,
    firstSeq,
    head,
    faults: faults.slice(0, faultsMax),
    signedThrough,
    provenThrough,
    signatures,
    unchecked: walk.unchecked + given.outside.filter(({ size }) => size < firstSeq - 1).length,
    tail: isProven ? { kind: "proven" } : { kind: "not-provable", afterSeq: faults.length > 0 ? 0 : provenThrough },
  };
}

export type GivenVerdict = { readonly outside: readonly OutsideCheckpoint[]; readonly faults: readonly ChainFault[] };

/** Checkpoints from outside that can be compared with the chain, and what is wrong with the others. */
export function judgeGiven(
  checkpoints: readonly GivenCheckpoint[],
  { verifiers, chainId }: { readonly verifiers: NoteVerifiers | null; readonly chainId: string | null },
): GivenVerdict {
  const outside: OutsideCheckpoint[] = [];
  const faults: ChainFault[] = [];
  for (const given of checkpoints) {
    if ("head" in given) {
      outside.push({ size: given.head.seq, rowHash: given.head.hash, note: null });
      continue;
    }
    const said = parseCheckpoint(given.note);
    const verdict = verifiers?.check(given.note) ?? "unknown";
    const size = said?.size ?? null;
    if (said === null) faults.push({ kind: "forged", what: "checkpoint", seq: null, size, why: "not-a-checkpoint" });
    else if (verdict !== "valid") {
      const why = verdict === "forged" ? "signature" : "unknown-key";
      faults.push({ kind: "forged", what: "checkpoint", seq: null, size, why });
    } else if (chainId !== null && !isOfChain(said.origin, chainId)) {
      faults.push({ kind: "foreign", seq: null, size: said.size, origin: said.origin });
    } else outside.push({ size: said.size, root: said.root, note: given.note });
  }
  return { outside: outside.toSorted((a, b) => a.size - b.size), faults };
}

type Start = { readonly start: WalkStart; readonly faults: readonly ChainFault[] };

/** Where a walk begins: at row 1, or where the newest anchor says that the rows before were removed. */
export async function startOf(source: ChainSource, verifiers: NoteVerifiers | null): Promise<Start> {
  const [first] = await source.auditPage(1, 1);
  if (first === undefined || first.seq === 1) {
    return { start: { ...FROM_ROW_1, chainId: first?.hash ?? null }, faults: [] };
  }
  const [anchor] = await source.auditMarks("anchor", Number.MAX_SAFE_INTEGER, 1);
  const isWhole = anchor !== undefined && hashRow(anchor) === anchor.hash;
  const judged = isWhole ? judgeMark(anchor, { verifiers, chainId: null, after: 0 }) : null;
  return startAfterRemoval(first.seq, judged);
}

/** The chain begins at `firstSeq`; only an anchor that can be believed says that this is right. */
export function startAfterRemoval(firstSeq: number, anchor: MarkVerdict | null): Start {
  if (anchor?.kind !== "sound" || anchor.body.kind !== "anchor") {
    const start = { seq: firstSeq, previousHash: null, frontier: null, resume: null, chainId: null };
    return { start, faults: firstSeq === 1 ? [] : [{ kind: "removed", seq: 1, lastSeq: firstSeq - 1 }] };
  }
  const { frontier, body, origin } = anchor;
  const chainId = origin.slice(origin.lastIndexOf("/") + 1);
  if (frontier.size < firstSeq) {
    const start = { seq: frontier.size + 1, previousHash: body.hash, frontier, resume: null, chainId };
    return { start, faults: [] };
  }
  // The service ended while it removed: the rest of what goes is still there, and must be what the anchor saw.
  const resume = { seq: frontier.size, hash: body.hash, frontier };
  return { start: { seq: firstSeq, previousHash: null, frontier: null, resume, chainId }, faults: [] };
}
