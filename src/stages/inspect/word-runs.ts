/**
 * Short words in a row with little between them: five letters or digits set apart, four digits told as words.
 * Promises: what its patterns would find is seen, and hardly anything else; linear time. Looks at one place in as many as the
 * shortest run has characters, and tells most of them by two neighbours: a third of what the patterns cost. Pure.
 */
import { codes, readCodes, STRETCH_CHARS } from "./word-codes.ts";

export const DIGIT_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"] as const;
/** How a zero is read out too. */
export const ZERO_WORD = "oh";

/** The shortest run: five letters with four spaces; of words, four times two letters with three spaces. */
const RUN_CHARS_MIN = 9;
/** Long enough for the longest one that is just long enough, and what stands beside it. */
const RUN_CHARS_MAX = 64;
const SEPARATORS_MAX = 3;
const WORD_CHARS_MAX = 5;
const CODES = 65_536;

/** What a character is to a word as `\w` has them: 0 for no part of it, 1 to 26 for a letter of either case. */
const SIGNS = new Uint8Array(CODES);
const SIGN_BITS = 5;
const DIGIT = 27;
const UNDERSCORE = 28;
for (let code = 0; code < 128; code += 1) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z]/.test(character)) SIGNS[code] = code & 31;
  else if (/\d/.test(character)) SIGNS[code] = DIGIT;
  else if (character === "_") SIGNS[code] = UNDERSCORE;
}

type Kind = {
  readonly bit: number;
  readonly wordsMin: number;
  readonly separators: ReadonlySet<number>;
  /** The words that count, each by its signs one behind the other. */
  readonly words: ReadonlySet<number>;
};

const NUMBERS: readonly (readonly number[])[] = [...DIGIT_WORDS, ZERO_WORD].map((word) =>
  Array.from(word, (letter) => SIGNS[letter.charCodeAt(0)] ?? 0),
);
const SINGLES = Array.from({ length: DIGIT }, (_, index) => index + 1);
const APART: Kind = { bit: 1, wordsMin: 5, separators: codesOf(" \t.-"), words: new Set(SINGLES) };
const TOLD: Kind = {
  bit: 2,
  wordsMin: 4,
  separators: codesOf(" ,-"),
  words: new Set(NUMBERS.map((word) => word.reduce(withSign, 0))),
};
const SEPARATORS = new Uint8Array(CODES);
for (const code of [...APART.separators, ...TOLD.separators]) SEPARATORS[code] = 1;

function codesOf(characters: string): ReadonlySet<number> {
  return new Set(Array.from(characters, (character) => character.charCodeAt(0)));
}

/** By a character and its two neighbours: the bits of the kinds in whose words they stand. */
const MAY_BE = new Uint8Array(1 << (3 * SIGN_BITS));
for (const sign of SINGLES) MAY_BE[sign << SIGN_BITS] = APART.bit;
for (const word of NUMBERS) {
  word.forEach((sign, at) => {
    const three = [word[at - 1] ?? 0, sign, word[at + 1] ?? 0].reduce(withSign, 0);
    MAY_BE[three] = (MAY_BE[three] ?? 0) | TOLD.bit;
  });
}

function withSign(signs: number, sign: number): number {
  return (signs << SIGN_BITS) | sign;
}

/** Which kinds of run may stand in a text: each that does, and rarely another. */
export type WordRuns = { readonly apart: boolean; readonly told: boolean };

export function wordRunsIn(text: string): WordRuns {
  let bits = 0;
  // At the edges of a stretch a word may be cut, so that a run is seen there which is none.
  for (let from = 0; from === 0 || from + RUN_CHARS_MAX < text.length; from += STRETCH_CHARS - RUN_CHARS_MAX) {
    bits |= bitsIn(text.length <= STRETCH_CHARS ? text : text.slice(from, from + STRETCH_CHARS));
    if (text.length <= STRETCH_CHARS) break;
  }
  return { apart: (bits & APART.bit) !== 0, told: (bits & TOLD.bit) !== 0 };
}

function bitsIn(stretch: string): number {
  readCodes(stretch);
  let bits = 0;
  for (let probe = RUN_CHARS_MIN - 1; probe < stretch.length; probe += RUN_CHARS_MIN) {
    let at = probe;
    // Behind a separator within a run a word begins; behind the text stands a 0.
    while (SEPARATORS[codes[at] ?? 0] === 1 && at - probe < SEPARATORS_MAX) at += 1;
    const kinds = (MAY_BE[withSign(withSign(signAt(at - 1), signAt(at)), signAt(at + 1))] ?? 0) & ~bits;
    if (kinds === 0) continue;
    if ((kinds & APART.bit) !== 0 && isInRun(at, APART)) bits |= APART.bit;
    if ((kinds & TOLD.bit) !== 0 && isInRun(at, TOLD)) bits |= TOLD.bit;
  }
  return bits;
}

function signAt(at: number): number {
  return SIGNS[codes[at] ?? 0] ?? 0;
}

/** Whether enough words that count stand in a row around this place. */
function isInRun(at: number, kind: Kind): boolean {
  const start = startOf(at + 1);
  const end = endOf(start, kind);
  if (end < 0) return false;
  let words = 1;
  for (let next = endOfNext(end, kind); next >= 0 && words < kind.wordsMin; words += 1) next = endOfNext(next, kind);
  for (let before = startOfPrevious(start, kind); before >= 0 && words < kind.wordsMin; words += 1)
    before = startOfPrevious(before, kind);
  return words >= kind.wordsMin;
}

/** Of the word that goes on up to here; one character more than any that counts is looked at. */
function startOf(end: number): number {
  let start = end;
  while (start > 0 && end - start <= WORD_CHARS_MAX && signAt(start - 1) !== 0) start -= 1;
  return start;
}

/** Of the word that begins there; -1 where it does not count. */
function endOf(start: number, { words }: Kind): number {
  let signs = 0;
  let end = start;
  for (; end - start <= WORD_CHARS_MAX && signAt(end) !== 0; end += 1) signs = withSign(signs, signAt(end));
  return words.has(signs) ? end : -1;
}

function endOfNext(end: number, kind: Kind): number {
  let start = end;
  while (start - end < SEPARATORS_MAX && kind.separators.has(codes[start] ?? 0)) start += 1;
  return start === end ? -1 : endOf(start, kind);
}

function startOfPrevious(start: number, kind: Kind): number {
  let end = start;
  while (end > 0 && start - end < SEPARATORS_MAX && kind.separators.has(codes[end - 1] ?? 0)) end -= 1;
  if (end === start) return -1;
  const previous = startOf(end);
  return endOf(previous, kind) === end ? previous : -1;
}
