/**
 * Finds words by how they end: names of diseases, operations and drugs are built from a few endings (-itis, -ectomy, -sartan), so
 * that also those count which stand in no list. Promises: whole words of plain letters, looked at once; linear time. Pure.
 */
import type { Candidate, DetectionMethod, EndingIndex, ScannedSegment } from "./compiled-pack.ts";

type EndingMethod = Extract<DetectionMethod, { kind: "ending" }>;

/** Longer ones are no words. */
const LETTERS_MAX = 40;
/** Of a letter's code, what its capital has too. */
const LETTER_BITS = 31;

export function indexEndings(endings: readonly string[]): EndingIndex {
  const byLast = Map.groupBy(new Set(endings), (ending) => lastLettersAt(ending, ending.length));
  const known = new Uint8Array(1 << 15);
  const knownLast = new Uint8Array(LETTER_BITS + 1);
  for (const key of byLast.keys()) {
    known[key] = 1;
    knownLast[key & LETTER_BITS] = 1;
  }
  return { known, knownLast, byLast };
}

export function findEndings({ segment, tokens }: ScannedSegment, method: EndingMethod): readonly Candidate[] {
  const { text } = segment;
  const { bounds, count } = tokens;
  const { known, knownLast, byLast } = method.endings;
  const { lettersMin } = method;
  const found: Candidate[] = [];
  for (let i = 0; i < count; i += 1) {
    const start = bounds[i * 2] ?? 0;
    const end = bounds[i * 2 + 1] ?? 0;
    if (end - start < lettersMin || end - start > LETTERS_MAX) continue;
    if (knownLast[text.charCodeAt(end - 1) & LETTER_BITS] === 0) continue;
    const key = lastLettersAt(text, end);
    if (known[key] === 0) continue;
    const word = text.slice(start, end).toLowerCase();
    if (isMeant(word, method) && byLast.get(key)?.some((ending) => word.endsWith(ending)) === true) {
      found.push({ start, end, value: word });
    }
  }
  return found;
}

function isMeant(word: string, { not }: EndingMethod): boolean {
  const singular = word.endsWith("s") ? word.slice(0, -1) : word;
  return /^[a-z]+$/.test(word) && !not.has(word) && !not.has(singular);
}

/** Of the three characters before `end`, whatever their case; other characters may look like letters here. */
function lastLettersAt(text: string, end: number): number {
  const first = text.charCodeAt(end - 3) & LETTER_BITS;
  const second = text.charCodeAt(end - 2) & LETTER_BITS;
  return (first << 10) | (second << 5) | (text.charCodeAt(end - 1) & LETTER_BITS);
}
