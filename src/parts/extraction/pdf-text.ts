/** The pieces of text of a PDF page as lines: in the order of the file, and by where they stand. Pure. */

export type PdfText = {
  readonly str: string;
  readonly hasEOL: boolean;
  /** The last two are the place, from the left and from below. */
  readonly transform: readonly number[];
  readonly width: number;
  readonly height: number;
};

export function inOrder(texts: readonly PdfText[]): string {
  return texts.map(({ str, hasEOL }) => (hasEOL ? `${str}\n` : str)).join("");
}

/** Characters that mean nothing: their font tells shapes only. */
const STRANGE = /[\0-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]/g; // oxlint-disable-line no-control-regex
const STRANGE_SHARE_MAX = 0.1;
/** Fewer letters prove nothing. */
const LETTERS_MIN = 200;
/** In what is written in Latin letters every third one is a vowel, whatever the language. */
const VOWEL_SHARE_MIN = 0.15;

/** True where the codes of a page are not those of its letters, so that nobody can read them but by looking. */
export function isGibberish(dense: string): boolean {
  if ((dense.match(STRANGE)?.length ?? 0) > dense.length * STRANGE_SHARE_MAX) return true;
  const letters = dense.match(/[a-z]/gi)?.length ?? 0;
  const vowels = dense.match(/[aeiouy]/gi)?.length ?? 0;
  return letters >= LETTERS_MIN && vowels < letters * VOWEL_SHARE_MIN;
}

type Piece = { readonly text: string; readonly left: number; readonly right: number; readonly base: number };

/** Lines from above to below, each from the left to the right; a gap is a blank, a wide one a tab. */
export function inPlaces(texts: readonly PdfText[]): string {
  const pieces = texts.filter(({ str }) => str.trim() !== "").map(pieceOf);
  const byHeight = pieces.toSorted((a, b) => b.base - a.base);
  const lines: Piece[][] = [];
  for (const piece of byHeight) {
    const line = lines.at(-1);
    const first = line?.[0];
    if (line !== undefined && first !== undefined && first.base - piece.base < SAME_LINE) line.push(piece);
    else lines.push([piece]);
  }
  return lines.map(lineOf).join("\n");
}

/** In points: less than the height of the smallest print. */
const SAME_LINE = 4;
const TOUCHING = 1;
const WIDE_GAP = 20;

function pieceOf({ str, transform, width }: PdfText): Piece {
  const left = transform[4] ?? 0;
  return { text: str, left, right: left + width, base: transform[5] ?? 0 };
}

function lineOf(pieces: readonly Piece[]): string {
  let text = "";
  let end: number | null = null;
  for (const piece of pieces.toSorted((a, b) => a.left - b.left)) {
    const gap = end === null ? 0 : piece.left - end;
    text += `${gap > WIDE_GAP ? "\t" : gap > TOUCHING ? " " : ""}${piece.text}`;
    end = piece.right;
  }
  return text;
}
