/** Lines of a form that nobody filled in: labels with a gap, an empty box or nothing behind them. Pure, linear. */
import type { Line } from "./text-lines.ts";

const GAP = /_{4,}|\.{6,}|\[ {0,3}\]|☐/;
const TICKED = /\[ ?[xX✓✔] ?\]|☑|☒/;
/** A value rather than a label: a number, a date, what is written into the gap. */
const VALUE = /\d{2}|_[^\s_/]/;
/** At most five words: a sentence that ends in a colon is none. */
const LABEL = /^[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ0-9'/.()#&-]{0,30}(?: [A-Za-zÀ-ÿ0-9'/.()#&-]{1,30}){0,4} ?:$/;
const LABELLED = /^[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ0-9 '/.()#&-]{0,60}:/;
const FILLED = /:\s{0,4}[^\s_:[.☐][^_:[]/;

export function isBlankForm(lines: readonly Line[], at: number): boolean {
  const text = lines[at]?.text ?? "";
  if (GAP.test(text)) return !TICKED.test(text) && !VALUE.test(text) && !FILLED.test(text);
  if (!LABEL.test(text)) return false;
  // A value may stand on the next line.
  const next = lines[at + 1];
  return next === undefined || next.isBlank || LABELLED.test(next.text) || GAP.test(next.text);
}
