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
