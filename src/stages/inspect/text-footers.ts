/** Paragraphs that programs append to every mail: notices of confidentiality, remarks of mailing lists. Pure, linear. */
import type { Line } from "./text-lines.ts";

const NOTICE =
  /confidentiality (?:notice|statement)|(?:e-?mail|message|communication|transmission)[^.]{0,120}(?:confidential|privileged|intended (?:only|solely))|not the intended recipient|received th(?:is|e) [a-z -]{1,40} in error|aviso de confidencialidad/i;
const LIST =
  /\bto unsubscribe\b|\bunsubscribe (?:from|here)\b|you (?:received|are receiving) this (?:e-?mail|message) because|\bmailing list\b.{0,80}https?:/i;
/** A longer paragraph is no footer, whatever it says. */
const PARAGRAPH_CHARS_MAX = 2_000;

/** From line to line, the end not included. */
export function footerParagraphs(lines: readonly Line[]): readonly { readonly from: number; readonly to: number }[] {
  const found: { readonly from: number; readonly to: number }[] = [];
  for (let from = 0; from < lines.length;) {
    const to = paragraphEnd(lines, from);
    if (isFooter(lines.slice(from, to))) found.push({ from, to });
    from = Math.max(to, from + 1);
  }
  return found;
}

function paragraphEnd(lines: readonly Line[], from: number): number {
  let to = from;
  while (lines[to] !== undefined && lines[to]?.isBlank === false) to += 1;
  return to;
}

function isFooter(paragraph: readonly Line[]): boolean {
  const [first] = paragraph;
  const last = paragraph.at(-1);
  if (first === undefined || last === undefined || last.end - first.start > PARAGRAPH_CHARS_MAX) return false;
  const text = paragraph.map((line) => line.text).join(" ");
  return NOTICE.test(text) || LIST.test(text);
}
