/** The lines of a text with their places, at most one more than `LINES_MAX`. Pure, linear. */

/** Of a longer line no more is looked at. */
const LINE_CHARS_MAX = 300;

/** Of a text with more lines none is marked. */
export const LINES_MAX = 50_000;

export type Line = {
  /** In the text; the line break is not part of it. */
  readonly start: number;
  readonly end: number;
  /** Without blanks at its ends, cut. */
  readonly text: string;
  readonly isBlank: boolean;
  /** Begins with `>`. */
  readonly isQuoted: boolean;
};

export function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  for (let start = 0; start <= text.length && lines.length <= LINES_MAX;) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    const shown = text.slice(start, Math.min(end, start + LINE_CHARS_MAX)).trim();
    lines.push({ start, end, text: shown, isBlank: shown === "", isQuoted: shown.startsWith(">") });
    start = end + 1;
  }
  return lines;
}
