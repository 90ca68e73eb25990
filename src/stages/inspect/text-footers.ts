/** What programs append to every mail: notices of confidentiality, remarks of mailing lists. Pure, linear. */
import type { Line } from "./text-lines.ts";

const NOTICE =
  /confidentiality (?:notice|statement|note|warning)|(?:e-?mail|message|communication|transmission)[^.]{0,120}(?:confidential|privileged|intended (?:only|solely))|not the intended recipient|received th(?:is|e) [a-z -]{1,40} in error|aviso de (?:confidencialidad|privacidad)|(?:este|el presente) (?:mensaje|correo)[^.]{0,120}confidencial|informaci[óo]n contenida[^.]{0,120}confidencial|no es (?:usted )?el destinatario|(?:ha recibido est[ea] [a-zóé ]{1,40}|lo ha recibido) por error/i;
const LIST =
  /\bto unsubscribe\b|\bunsubscribe (?:from|here)\b|you (?:received|are receiving) this (?:e-?mail|message) because|\bdarse de baja\b|\bmailing list\b.{0,80}https?:/i;
/** One of these stands in whatever the two above match. */
const HINT =
  /confiden|privileged|intended|receiv|aviso de|destinatario|por error|unsubscribe|darse de baja|mailing list/i;
const HEADING =
  /^[\W_]{0,9}(?:confidentiality|legal|privacy|hipaa)[a-z ]{0,24}(?:notice|statement|note|warning)[\W_]{0,9}$/i;
/** A longer paragraph is no footer, whatever it says. */
const PARAGRAPH_CHARS_MAX = 2_000;
/** A line that a program broke goes on in the next; a shorter one ends there, a longer one is a paragraph of its own. */
const BROKEN_CHARS_MIN = 50;
const BROKEN_CHARS_MAX = 130;
/** Words before the notice in its first line. */
const BEFORE_CHARS_MAX = 60;

type Lines = { readonly from: number; readonly to: number };

/** False for most texts, which need not be looked at line by line. */
export function mayHoldFooter(text: string): boolean {
  return HINT.test(text);
}

/** From line to line, the end not included. What stands before a notice in its paragraph, and behind its last full line, is no part of it. */
export function footerParagraphs(lines: readonly Line[]): readonly Lines[] {
  const found: Lines[] = [];
  for (let at = 0; at < lines.length;) {
    const to = paragraphEnd(lines, at);
    found.push(...noticesIn(lines, { from: at, to }));
    at = Math.max(to, at + 1);
  }
  return found;
}

function paragraphEnd(lines: readonly Line[], from: number): number {
  let to = from;
  while (lines[to] !== undefined && lines[to]?.isBlank === false) to += 1;
  return to;
}

function noticesIn(lines: readonly Line[], { from, to }: Lines): readonly Lines[] {
  const found: Lines[] = [];
  for (let at = from; at < to; at += 1) {
    if (!opensNotice(lines, at, to)) continue;
    const end = noticeEnd(lines, at, to);
    const chars = (lines[end - 1]?.end ?? 0) - (lines[at]?.start ?? 0);
    if (chars <= PARAGRAPH_CHARS_MAX) found.push({ from: at, to: end });
    at = end - 1;
  }
  return found;
}

/** A notice begins in this line: near its beginning, so that nothing else stands there. */
function opensNotice(lines: readonly Line[], at: number, to: number): boolean {
  const text = lines[at]?.text ?? "";
  // A sentence of it may end in the next line.
  const more = at + 1 < to && isBroken(lines[at]) ? `${text} ${lines[at + 1]?.text ?? ""}` : text;
  if (!HINT.test(more)) return false;
  return [NOTICE, LIST].some((pattern) => {
    const match = pattern.exec(more);
    return match !== null && match.index < Math.min(text.length, BEFORE_CHARS_MAX);
  });
}

function noticeEnd(lines: readonly Line[], from: number, to: number): number {
  let end = from + 1;
  while (end < to && (isBroken(lines[end - 1]) || goesOn(lines[end - 1]?.text ?? ""))) end += 1;
  return end;
}

/** A heading, and what ends in a colon. */
function goesOn(text: string): boolean {
  return text.endsWith(":") || HEADING.test(text);
}

function isBroken(line: Line | undefined): boolean {
  const chars = line === undefined ? 0 : line.end - line.start;
  return chars >= BROKEN_CHARS_MIN && chars <= BROKEN_CHARS_MAX;
}
