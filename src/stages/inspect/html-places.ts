/**
 * What the markup of a mail says of its text: which of it is quoted, which a signature, as mail programs mark them.
 * Promises: hears of each block once, in the walk over the tags; one element is open at a time, so that depth costs nothing; at most
 * `MARKS_MAX` are told. Where they stand is counted when it is asked for, never before. Leaves what counts as a signature to text-places.ts.
 */
import { normaliseText } from "./normalise.ts";
import { linesOf } from "./text-lines.ts";

/** Lines of the text that are not blank, by their number; the end is not included. */
export type MarkedLines = { readonly from: number; readonly to: number; readonly place: "quoted" | "signature" };

export type Markup = {
  readonly marks: readonly MarkedLines[];
  /** How many lines a reader is shown; what comments, attributes and scripts hold is told behind them. */
  readonly shown: number;
};

/** Blocks that mail programs mark; each begins a line. */
export const MARKED_BLOCKS: ReadonlySet<string> = new Set(["blockquote", "div", "pre"]);

const MARKS_MAX = 500;
/** Of a longer tag no more is looked at. */
const TAG_CHARS_MAX = 1_000;
const MAY_BE_MARKED = /gmail_|quote|ignature|RplyFwd|moz-|border-top|OutlookMessageHeader/;
const QUOTE = /gmail_quote|yahoo_quoted|moz-cite-prefix|moz-forward-container|protonmail_quote|OutlookMessageHeader/;
/** Outlook closes the header block of what it quotes, and what it quotes stands behind it. */
const QUOTES_REST = /divRplyFwdMsg|border-top: ?solid #(?:E1E1E1|B5C4DF) 1\.0pt/i;
const SIGNATURE =
  /gmail_signature|moz-signature|protonmail_signature|AppleMailSignature|ms-outlook-(?:mobile-)?signature|\bid ?= ?["']?(?:x_)?Signature\b/;

/** What an opening tag says; `isRest`: of all that follows. */
export type BlockMark = { readonly place: MarkedLines["place"]; readonly isRest: boolean };

type Element = { readonly name: string; readonly from: number; readonly place: MarkedLines["place"] };

/** Of a block of `MARKED_BLOCKS`. */
export function markOf(name: string, tag: string): BlockMark | null {
  if (name === "blockquote") return { place: "quoted", isRest: false };
  const shown = tag.slice(0, TAG_CHARS_MAX);
  if (!MAY_BE_MARKED.test(shown)) return null;
  if (QUOTE.test(shown)) return { place: "quoted", isRest: false };
  if (QUOTES_REST.test(shown)) return { place: "quoted", isRest: true };
  return SIGNATURE.test(shown) ? { place: "signature", isRest: false } : null;
}

export class HtmlPlaces {
  readonly #pieces: readonly string[];
  readonly #closed: (Element & { readonly to: number })[] = [];
  #open: Element | null = null;
  #depth = 0;

  /** `pieces` of the text as it grows. */
  constructor(pieces: readonly string[]) {
    this.#pieces = pieces;
  }

  /** Called at each tag of such a block, before the text that it makes. */
  tag(name: string, isEnd: boolean, mark: BlockMark | null): void {
    if (this.#open === null) {
      if (mark !== null && this.#closed.length < MARKS_MAX) this.#begin(name, mark);
    } else if (name === this.#open.name) {
      this.#depth += isEnd ? -1 : 1;
      if (this.#depth === 0) this.#end(this.#open);
    }
  }

  /** Whether anything was marked. */
  get isAny(): boolean {
    return this.#open !== null || this.#closed.length > 0;
  }

  markup(): Markup {
    if (this.#open !== null) this.#end(this.#open);
    let counted = 0;
    let lines = 0;
    const linesBefore = (piece: number): number => {
      lines += linesIn(this.#pieces.slice(counted, piece).join(""));
      counted = piece;
      return lines;
    };
    const marks = this.#closed.map(({ from, to, place }) => ({ from: linesBefore(from), to: linesBefore(to), place }));
    return { marks, shown: linesBefore(this.#pieces.length) };
  }

  #begin(name: string, { place, isRest }: BlockMark): void {
    this.#depth = 1;
    // No tag has the empty name: such a block stays open to the end.
    this.#open = { name: isRest ? "" : name, from: this.#pieces.length, place };
  }

  #end(element: Element): void {
    this.#closed.push({ ...element, to: this.#pieces.length });
    this.#open = null;
  }
}

/** Counted as the text will be read: line ends alone part it, and a block begins with one. */
function linesIn(text: string): number {
  return linesOf(normaliseText(text)).reduce((count, line) => count + (line.isBlank ? 0 : 1), 0);
}
