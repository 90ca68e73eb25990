/** What can be wrong with a chain of audit rows, and one line for people about each. */
import { assertNever } from "../../core/assert-never.ts";

export type ChainFault =
  /** What the row says does not give its hash. */
  | { readonly kind: "changed"; readonly seq: number }
  /** Rows `seq` to `lastSeq` are whole, but were written with other numbers, the first as `writtenAs`. */
  | { readonly kind: "reordered"; readonly seq: number; readonly lastSeq: number; readonly writtenAs: number }
  /** In an export: the row stands after row `afterSeq`. */
  | { readonly kind: "misplaced"; readonly seq: number; readonly afterSeq: number }
  | { readonly kind: "removed"; readonly seq: number; readonly lastSeq: number }
  /** The rows after these were renumbered to make room for them, or the row stands there twice. */
  | { readonly kind: "inserted"; readonly seq: number; readonly lastSeq: number }
  /** Both rows are whole by themselves, but this one was not written after the one before it. */
  | { readonly kind: "unlinked"; readonly seq: number }
  /** A checkpoint of `lastSeq` rows saw other rows, first at or after `seq`; their hashes were made to fit. */
  | { readonly kind: "rewritten"; readonly seq: number; readonly lastSeq: number }
  /** A checkpoint saw rows that are gone from the end. */
  | { readonly kind: "cut"; readonly seq: number; readonly lastSeq: number }
  /** A checkpoint or an anchor that no trusted key signed as it is. `seq`: of its row; null: it was given from outside. */
  | {
      readonly kind: "forged";
      readonly what: "checkpoint" | "anchor";
      readonly seq: number | null;
      readonly size: number | null;
      readonly why: ForgedWhy;
    }
  /** The checkpoint, from outside or in a row, speaks of another chain. */
  | { readonly kind: "foreign"; readonly seq: number | null; readonly size: number; readonly origin: string }
  /** A line of an export that is no row. */
  | { readonly kind: "unreadable"; readonly line: number }
  /** An export that ends before its last line, or with fewer rows than that line says. */
  | { readonly kind: "unfinished"; readonly seq: number }
  /** A row of a partial export that its path does not lead to the checkpoint. */
  | { readonly kind: "unproven"; readonly seq: number };

export type ForgedWhy = "signature" | "unknown-key" | "not-a-checkpoint" | "wrong-place" | "contradicts-itself";

const WHY: Readonly<Record<ForgedWhy, string>> = {
  signature: "its signature does not fit what it says",
  "unknown-key":
    "it is signed by a key that is not trusted here; an earlier key is given with --key or audit.previous_keys",
  "not-a-checkpoint": "it cannot be read",
  "wrong-place": "it does not belong into this place",
  "contradicts-itself": "what stands beside it says something else",
};

export function describeFault(fault: ChainFault): string {
  switch (fault.kind) {
    case "changed":
      return `row ${fault.seq} was changed after it was written`;
    case "reordered":
      return fault.seq === fault.lastSeq
        ? `row ${fault.seq} was moved: it was written as row ${fault.writtenAs}`
        : `${rowsText(fault)} were moved: they were written as row ${fault.writtenAs} and following`;
    case "misplaced":
      return `row ${fault.seq} was moved: it stands after row ${fault.afterSeq}`;
    case "removed":
      return `${rowsText(fault)} ${wasOrWere(fault)} removed`;
    case "inserted":
      return `${rowsText(fault)} ${wasOrWere(fault)} inserted later`;
    case "unlinked":
      return `row ${fault.seq} does not follow from row ${fault.seq - 1}: one of them was rewritten`;
    case "rewritten":
      return `${rowsText(fault)} ${wasOrWere(fault)} rewritten: the checkpoint of ${fault.lastSeq} rows saw others`;
    case "cut":
      return `${rowsText(fault)} ${wasOrWere(fault)} cut off the end`;
    case "forged": {
      const where = fault.seq === null ? "given from outside" : `in row ${fault.seq}`;
      const of = fault.size === null ? "" : ` of ${fault.size} rows`;
      return `the ${fault.what}${of} ${where} is forged: ${WHY[fault.why]}`;
    }
    case "foreign": {
      const where = fault.seq === null ? "given from outside" : `in row ${fault.seq}`;
      return `the checkpoint of ${fault.size} rows ${where} is of another chain, ${fault.origin}: another gateway, or this chain was replaced whole`;
    }
    case "unreadable":
      return `line ${fault.line} of the export is no audit row`;
    case "unfinished":
      return `the export is cut: row ${fault.seq} or later ones are missing`;
    case "unproven":
      return `row ${fault.seq} is not one the checkpoint saw`;
    default:
      return assertNever(fault);
  }
}

function rowsText({ seq, lastSeq }: { readonly seq: number; readonly lastSeq: number }): string {
  return seq === lastSeq ? `row ${seq}` : `rows ${seq} to ${lastSeq}`;
}

function wasOrWere({ seq, lastSeq }: { readonly seq: number; readonly lastSeq: number }): string {
  return seq === lastSeq ? "was" : "were";
}
