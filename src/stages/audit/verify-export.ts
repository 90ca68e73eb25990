/**
 * Verifies an export by itself, without the database: a whole one as the chain it is, a partial one row by row along its paths to the
 * checkpoint it names. Promises to read line by line. A partial export proves each row in it, never that no other row exists.
 */
import type { AuditRow } from "../../core/event.ts";
import type { NoteVerifiers } from "../../parts/keys/signed-note.ts";
import { EMPTY_CHAIN, hashRow } from "../../parts/store/audit-chain.ts";
import type { ChainHead } from "../../parts/store/audit-chain.ts";
import { rootOfPath } from "../../parts/store/audit-tree.ts";
import type { ChainFault } from "./chain-faults.ts";
import { judgeMark } from "./chain-marks.ts";
import { ChainWalk, FROM_ROW_1 } from "./chain-walk.ts";
import { parseCheckpoint } from "./checkpoint-note.ts";
import { EXPORT_NAME, EXPORT_VERSION } from "./export-lines.ts";
import type { ExportEnd, ExportHeader } from "./export-lines.ts";
import { concluded, FAULTS_MAX, judgeGiven, startAfterRemoval } from "./verify.ts";
import type { GivenCheckpoint, GivenVerdict, Verification } from "./verify.ts";

export type ExportVerification = Verification & {
  readonly whole: boolean;
  /** Of a partial export: rows younger than its checkpoint, which nothing proves yet. */
  readonly uncovered: number;
};

export type VerifyExportOptions = {
  readonly checkpoints: readonly GivenCheckpoint[];
  readonly verifiers: NoteVerifiers | null;
  readonly onProgress?: (rows: number) => void;
};

/** What the file is not: an export of this version. */
export class NoExportError extends Error {
  override readonly name = "NoExportError";
}

const PROGRESS_ROWS = 1_000;

export async function verifyExport(
  lines: AsyncIterable<string>,
  options: VerifyExportOptions,
): Promise<ExportVerification> {
  let reader: WholeExport | PartialExport | null = null;
  let line = 0;
  let end: ExportEnd | null = null;
  for await (const text of lines) {
    line += 1;
    if (reader === null) {
      const header = headerOf(text);
      reader = header.whole ? new WholeExport(header, options) : new PartialExport(header, options);
      continue;
    }
    const found: Line | null = end === null ? lineOf(text) : null;
    if (found === null) reader.faults.push({ kind: "unreadable", line });
    else if ("end" in found) end = found;
    else reader.take(found);
    if (line % PROGRESS_ROWS === 0) options.onProgress?.(line);
    if (reader.faults.length >= FAULTS_MAX) break;
  }
  if (reader === null) throw new NoExportError();
  return reader.conclude(end);
}

/** Throws NoExportError. */
function headerOf(text: string): ExportHeader {
  const header = parsed(text);
  if (header?.["export"] !== EXPORT_NAME || header["version"] !== EXPORT_VERSION) throw new NoExportError();
  if (typeof header["whole"] !== "boolean" || typeof header["firstSeq"] !== "number") throw new NoExportError();
  return header as unknown as ExportHeader;
}

type Line = ExportEnd | (AuditRow & { readonly path?: unknown });

function lineOf(text: string): Line | null {
  const found = parsed(text);
  if (found === null) return null;
  if (found["end"] === true) return found as unknown as ExportEnd;
  const isText = (name: string): boolean => typeof found[name] === "string";
  const isTextOrNull = (name: string): boolean => found[name] === null || isText(name);
  const isNumber = (name: string): boolean => Number.isSafeInteger(found[name]);
  const isRow =
    ["seq", "at"].every(isNumber) &&
    ["kind", "body", "previousHash", "hash"].every(isText) &&
    ["messageId", "recipientId"].every(isTextOrNull);
  return isRow ? (found as unknown as AuditRow) : null;
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    // Said by the caller, with the number of the line.
    return null;
  }
}

class WholeExport {
  readonly faults: ChainFault[];
  readonly #walk: ChainWalk;
  readonly #given: GivenVerdict;
  readonly #options: VerifyExportOptions;
  readonly #firstSeq: number;

  constructor(header: ExportHeader, options: VerifyExportOptions) {
    const { verifiers } = options;
    const anchor = header.anchor === null ? null : lineOf(JSON.stringify(header.anchor));
    const isSound = anchor !== null && !("end" in anchor) && hashRow(anchor) === anchor.hash;
    const mark = isSound ? judgeMark(anchor, { verifiers, chainId: null, after: 0 }) : null;
    const { start, faults } =
      header.firstSeq === 1 ? { start: FROM_ROW_1, faults: [] } : startAfterRemoval(header.firstSeq, mark);
    this.#options = options;
    this.#firstSeq = start.seq;
    // A header that lies about the chain is found all the same: the checkpoint's root is another.
    this.#given = judgeGiven(options.checkpoints, { verifiers, chainId: start.chainId ?? header.chain });
    this.#walk = new ChainWalk({ start, outside: this.#given.outside, verifiers });
    this.faults = this.#walk.faults;
    this.faults.push(...this.#given.faults, ...faults);
  }

  take(row: AuditRow): void {
    this.#walk.take(row);
  }

  conclude(end: ExportEnd | null): ExportVerification {
    const walk = this.#walk;
    if (end === null || (end.head !== null && end.head.seq > walk.head.seq)) {
      this.faults.push({ kind: "unfinished", seq: walk.head.seq + 1 });
    } else if (end.checkpoint !== null) this.#judgeEnd(end.checkpoint);
    const signatures = this.#options.verifiers === null ? "unchecked" : "checked";
    const result = concluded(walk, { given: this.#given, firstSeq: this.#firstSeq, faultsMax: FAULTS_MAX, signatures });
    return { ...result, whole: true, uncovered: 0 };
  }

  /** An archive of removed rows ends with the checkpoint that its anchor holds too. */
  #judgeEnd(note: string): void {
    const walk = this.#walk;
    const { outside, faults } = judgeGiven([{ note }], { verifiers: this.#options.verifiers, chainId: walk.chainId });
    if (this.#options.verifiers !== null) this.faults.push(...faults);
    const [said] = outside;
    if (said === undefined || !("root" in said)) return;
    const isRight = said.size === walk.head.seq && walk.frontier?.root().toString("base64") === said.root;
    if (isRight) walk.provenThrough = said.size;
    else this.faults.push({ kind: "rewritten", seq: walk.signedThrough + 1, lastSeq: said.size });
  }
}

class PartialExport {
  readonly faults: ChainFault[] = [];
  readonly #verifiers: NoteVerifiers | null;
  readonly #firstSeq: number;
  /** null: nothing can be proved by it. */
  readonly #checkpoint: { readonly size: number; readonly root: string } | null;
  #head: ChainHead = EMPTY_CHAIN;
  #rows = 0;
  #uncovered = 0;

  constructor(header: ExportHeader, { verifiers, checkpoints }: VerifyExportOptions) {
    this.#verifiers = verifiers;
    this.#firstSeq = header.firstSeq;
    const said = header.checkpoint === null ? null : parseCheckpoint(header.checkpoint);
    const judged =
      header.checkpoint === null ? null : judgeGiven([{ note: header.checkpoint }], { verifiers, chainId: null });
    if (verifiers !== null && judged !== null) this.faults.push(...judged.faults);
    this.#checkpoint = said;
    const given = judgeGiven(checkpoints, {
      verifiers,
      chainId: said?.origin.slice(said.origin.lastIndexOf("/") + 1) ?? null,
    });
    this.faults.push(...given.faults);
    const same = given.outside.find(({ size }) => size === said?.size);
    if (same !== undefined && "root" in same && same.root !== said?.root) {
      this.faults.push({ kind: "rewritten", seq: 1, lastSeq: same.size });
    }
  }

  take(row: AuditRow & { readonly path?: unknown }): void {
    const { seq, hash } = row;
    this.#rows += 1;
    if (hashRow(row) !== hash) this.faults.push({ kind: "changed", seq });
    else if (seq <= this.#head.seq) this.faults.push({ kind: "misplaced", seq, afterSeq: this.#head.seq });
    else if (!this.#isProved(row)) this.faults.push({ kind: "unproven", seq });
    if (seq > this.#head.seq) this.#head = { seq, hash };
  }

  #isProved({ seq, hash, path }: AuditRow & { readonly path?: unknown }): boolean {
    const checkpoint = this.#checkpoint;
    if (checkpoint === null || seq > checkpoint.size) {
      this.#uncovered += 1;
      return path === null;
    }
    if (!Array.isArray(path) || !path.every((step) => typeof step === "string")) return false;
    return rootOfPath(hash, { seq, size: checkpoint.size, path })?.toString("base64") === checkpoint.root;
  }

  conclude(end: ExportEnd | null): ExportVerification {
    if (end === null || end.rows > this.#rows) this.faults.push({ kind: "unfinished", seq: this.#head.seq + 1 });
    const isSigned = this.#verifiers !== null && this.faults.length === 0;
    const through = this.#checkpoint?.size ?? 0;
    return {
      rows: this.#rows,
      firstSeq: this.#firstSeq,
      head: this.#head,
      faults: this.faults.slice(0, FAULTS_MAX),
      signedThrough: through,
      provenThrough: isSigned ? through : 0,
      signatures: this.#verifiers === null ? "unchecked" : "checked",
      unchecked: 0,
      tail: { kind: "not-provable", afterSeq: 0 },
      whole: false,
      uncovered: this.#uncovered,
    };
  }
}
