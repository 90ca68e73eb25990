/** Where the mail begins that a reply or a forward carries along, as mail programs introduce it. Pure, linear. */
import type { Line } from "./text-lines.ts";

const WROTE = /^(?:on|el|le|am)\b.{4,240}\b(?:wrote|escribió|a écrit|schrieb).{0,80}:$/i;
const WROTE_OPENING = /^(?:on|el|le|am)\b.{4,240}$/i;
const ORIGINAL = /^-{2,20} ?(?:original message|forwarded message|mensaje original|mensaje reenviado) ?-{2,20}$/i;
const FORWARDED = /^begin forwarded message:$/i;
const FROM = /^\*?(?:from|de):\*? ?\S/i;
const SENT = /^\*?(?:sent|date|enviado|fecha):\*? ?\S/i;
const ADDRESSED = /^\*?(?:to|subject|para|asunto):\*? ?\S/i;
/** Of a header block, lines without blank ones. */
const BLOCK_LINES_MAX = 6;

/** Number of the first line of the quoted tail; the number of lines where there is none. What is known to be quoted introduces nothing. */
export function quotedFrom(lines: readonly Line[], isKnown: (line: number) => boolean): number {
  const found = lines.findIndex((_, i) => !isKnown(i) && introduces(lines, i));
  return found < 0 ? lines.length : found;
}

function introduces(lines: readonly Line[], at: number): boolean {
  const text = lines[at]?.text ?? "";
  if (ORIGINAL.test(text) || FORWARDED.test(text)) return true;
  if (FROM.test(text)) return isHeaderBlock(lines, at);
  const wraps = WROTE_OPENING.test(text) && WROTE.test(`${text} ${lines[at + 1]?.text ?? ""}`);
  if (!WROTE.test(text) && !wraps) return false;
  // Where the quoted lines say so themselves, an answer may stand between and below them.
  const next = lines.slice(at + (WROTE.test(text) ? 1 : 2), at + 5).find((line) => !line.isBlank);
  return next?.isQuoted !== true;
}

function isHeaderBlock(lines: readonly Line[], at: number): boolean {
  const block = lines.slice(at + 1, at + 1 + BLOCK_LINES_MAX).map(({ text }) => text);
  return block.some((text) => SENT.test(text)) && block.some((text) => ADDRESSED.test(text));
}
