/**
 * Finds words by how they end: names of diseases, operations and drugs are built from a few endings (-itis, -ectomy, -sartan), so
 * that also those count which stand in no list. Promises: whole words of plain letters, looked at once; linear time. Pure.
 */
import type { Candidate, DetectionMethod, EndingIndex, ScannedSegment } from "./compiled-pack.ts";
import { lastLetters } from "./tokens.ts";

type EndingMethod = Extract<DetectionMethod, { kind: "ending" }>;

/** Longer ones are no words. */
const LETTERS_MAX = 40;
export function indexEndings(endings: readonly string[]): EndingIndex {
  return Map.groupBy(new Set(endings), (ending) => lastLetters(ending, ending.length));
}

export function findEndings({ segment, tokens }: ScannedSegment, method: EndingMethod): readonly Candidate[] {
  const { text } = segment;
  const { bounds, endings } = tokens;
  const found: Candidate[] = [];
  for (const token of endings) {
    const start = bounds[token * 2] ?? 0;
    const end = bounds[token * 2 + 1] ?? 0;
    if (end - start < method.lettersMin || end - start > LETTERS_MAX) continue;
    const possible = method.endings.get(lastLetters(text, end));
    if (possible === undefined) continue;
    const word = text.slice(start, end).toLowerCase();
    if (isMeant(word, method) && possible.some((ending) => word.endsWith(ending))) {
      found.push({ start, end, value: word });
    }
  }
  return found;
}

function isMeant(word: string, { not }: EndingMethod): boolean {
  const singular = word.endsWith("s") ? word.slice(0, -1) : word;
  return /^[a-z]+$/.test(word) && !not.has(word) && !not.has(singular);
}
