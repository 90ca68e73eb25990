/**
 * The audit as JSON Lines that prove themselves. A whole export is the chain, row by row; one with filters carries for each row the path
 * that leads it to the last signed checkpoint, so that it can be given away without the others. Promises every field of a row as it
 * is stored; verify-export.ts reads it back.
 */
import type { AuditRow } from "../../core/event.ts";
import type { AuditSource, ChainHead } from "../../parts/store/audit-chain.ts";
import { Frontier } from "../../parts/store/audit-tree.ts";
import { BLOCK_ROWS, blockOf, TreePaths } from "../../parts/store/audit-tree-paths.ts";
import { judgeMark, markBodyOf } from "./chain-marks.ts";
import { parseCheckpoint } from "./checkpoint-note.ts";
import { isWhole, matches } from "./export-filter.ts";
import type { ExportFilter } from "./export-filter.ts";

export const EXPORT_NAME = "postern audit export";
export const EXPORT_VERSION = 1;

export type ExportHeader = {
  readonly export: typeof EXPORT_NAME;
  readonly version: typeof EXPORT_VERSION;
  /** Each row there is; otherwise only those that passed the filter. */
  readonly whole: boolean;
  readonly filter: ExportFilter | null;
  /** Hash of row 1, by which the chain is known. */
  readonly chain: string | null;
  /** The first row of the chain, or of what is left of it. */
  readonly firstSeq: number;
  /** The row that says why earlier ones are gone. */
  readonly anchor: AuditRow | null;
  /** Of a partial export: the checkpoint the paths of its rows lead to. */
  readonly checkpoint: string | null;
};

export type ExportEnd = {
  readonly end: true;
  readonly rows: number;
  /** Of a whole export: where the chain stood. */
  readonly head: ChainHead | null;
  /** A checkpoint of exactly these rows, where one was made. */
  readonly checkpoint: string | null;
};

/** `path` null: younger than the checkpoint. */
export type ProvedRow = AuditRow & { readonly path: readonly string[] | null };

const PAGE_ROWS = 1_000;

/** Rows were removed while they were read. */
export class RowsGoneError extends Error {
  override readonly name = "RowsGoneError";
}

export async function* exportLines(source: Omit<AuditSource, "auditOf">, filter: ExportFilter): AsyncGenerator<string> {
  const [first] = await source.auditPage(1, 1);
  const head = await source.auditHead();
  const firstSeq = first?.seq ?? 1;
  const [anchor] = firstSeq === 1 ? [] : await source.auditMarks("anchor", Number.MAX_SAFE_INTEGER, 1);
  const facts = { firstSeq, anchor: anchor ?? null, head, chain: await source.chainId() };
  yield* isWhole(filter) ? wholeLines(source, facts) : provedLines(source, { ...facts, filter });
}

type Facts = Pick<ExportHeader, "firstSeq" | "anchor" | "chain"> & { readonly head: ChainHead };

async function* wholeLines(
  source: Omit<AuditSource, "auditOf">,
  { firstSeq, anchor, chain, head }: Facts,
): AsyncGenerator<string> {
  yield headerLine({ whole: true, filter: null, chain, firstSeq, anchor, checkpoint: null });
  let rows = 0;
  for await (const row of rowsOf(source, firstSeq, head.seq)) {
    yield JSON.stringify(row);
    rows += 1;
  }
  yield endLine({ rows, head, checkpoint: null });
}

/** All rows from `fromSeq` to `throughSeq`; throws RowsGoneError where one is missing that was there when the reading began. */
export async function* rowsOf(
  source: Omit<AuditSource, "auditOf">,
  fromSeq: number,
  throughSeq: number,
): AsyncGenerator<AuditRow> {
  let next = fromSeq;
  while (next <= throughSeq) {
    const page = await source.auditPage(next, Math.min(PAGE_ROWS, throughSeq - next + 1));
    const last = page.at(-1);
    if (last === undefined || (next === fromSeq && page[0]?.seq !== next && (await isGone(source, next))))
      throw new RowsGoneError();
    // A gap further on is tampering: the rows that are there are told all the same, and verification finds it.
    for (const row of page) if (row.seq <= throughSeq) yield row;
    next = last.seq + 1;
  }
}

async function isGone(source: Omit<AuditSource, "auditOf">, seq: number): Promise<boolean> {
  const [first] = await source.auditPage(1, 1);
  return first === undefined || first.seq > seq;
}

export function headerLine(header: Omit<ExportHeader, "export" | "version">): string {
  return JSON.stringify({ export: EXPORT_NAME, version: EXPORT_VERSION, ...header } satisfies ExportHeader);
}

export function endLine(end: Omit<ExportEnd, "end">): string {
  return JSON.stringify({ end: true, ...end } satisfies ExportEnd);
}

async function* provedLines(
  source: Omit<AuditSource, "auditOf">,
  { firstSeq, anchor, chain, head, filter }: Facts & { readonly filter: ExportFilter },
): AsyncGenerator<string> {
  const [mark] = await source.auditMarks("checkpoint", Number.MAX_SAFE_INTEGER, 1);
  const note = mark === undefined ? null : (markBodyOf(mark)?.note ?? null);
  const size = note === null ? 0 : (parseCheckpoint(note)?.size ?? 0);
  yield headerLine({ whole: false, filter, chain, firstSeq, anchor, checkpoint: note });
  const paths = size < firstSeq ? null : await pathsFor(source, { size, firstSeq, anchor });
  let rows = 0;
  for await (const block of blocksOf(source, firstSeq, head.seq)) {
    const hashes = block.map(({ hash }) => hash);
    const isFull = block[0]?.seq === blockOf(block[0]?.seq ?? 1) * BLOCK_ROWS + 1;
    for (const row of block.filter((found) => matches(found, filter))) {
      const path = paths !== null && isFull && row.seq <= size ? paths.pathOf(row.seq, hashes) : null;
      yield JSON.stringify({ ...row, path } satisfies ProvedRow);
      rows += 1;
    }
  }
  yield endLine({ rows, head: null, checkpoint: null });
}

/** null: the rows before the first one are not accounted for, so nothing can be proved. */
async function pathsFor(
  source: Omit<AuditSource, "auditOf">,
  { size, firstSeq, anchor }: { readonly size: number; readonly firstSeq: number; readonly anchor: AuditRow | null },
): Promise<TreePaths | null> {
  const removed = removedBefore(firstSeq, anchor);
  if (removed === null) return null;
  const paths = new TreePaths(size, removed);
  for await (const row of rowsOf(source, firstSeq, size)) paths.add(row.hash);
  return paths;
}

function removedBefore(firstSeq: number, anchor: AuditRow | null): Frontier | null {
  if (firstSeq === 1) return Frontier.empty;
  const mark = anchor === null ? null : judgeMark(anchor, { verifiers: null, chainId: null, after: 0 });
  return mark?.kind === "sound" && mark.size === firstSeq - 1 ? mark.frontier : null;
}

/** Rows in the blocks of the tree; the first and the last may be short. */
async function* blocksOf(
  source: Omit<AuditSource, "auditOf">,
  firstSeq: number,
  lastSeq: number,
): AsyncGenerator<readonly AuditRow[]> {
  let block: AuditRow[] = [];
  for await (const row of rowsOf(source, firstSeq, lastSeq)) {
    if (block[0] !== undefined && blockOf(block[0].seq) !== blockOf(row.seq)) {
      yield block;
      block = [];
    }
    block.push(row);
  }
  if (block.length > 0) yield block;
}
