/**
 * Weighs a whole message: the sum of what each word in it, and each class of which enough was found, speaks for or against a patient.
 * Promises: deterministic, in whole hundredths; each word counts once however often it stands there; at most so much of a text is read.
 * What stands in a notice or in a blank form does not count.
 */
import type { CompiledDetector, Match } from "./compiled-pack.ts";
import type { Mark, TextPlaces } from "./text-places.ts";

/** Characters read of one text, and of all together. */
const TEXT_CHARS_MAX = 8_192;
const MESSAGE_CHARS_MAX = 65_536;
/** Longer numbers are as this one. */
const DIGITS_MAX = 8;
const WORD_CHARS_MAX = 40;

/** Enough of one class: `distinct` values of these detectors, each at least so sure. */
export type CountWeight = {
  readonly detectors: readonly string[];
  readonly minConfidence: number;
  readonly distinct: number;
  readonly weight: number;
};

/** Hundredths. */
export type WeighedMethod = {
  readonly kind: "weighed";
  readonly base: number;
  readonly words: ReadonlyMap<string, number>;
  readonly counts: readonly CountWeight[];
  /** Of a message with so many characters or more. */
  readonly sizes: readonly { readonly chars: number; readonly weight: number }[];
};

type MatchesOf = (detector: string) => readonly Match[];

/** What a message is weighed by. */
export class MessageFacts {
  readonly words: ReadonlySet<string>;
  readonly chars: number;
  readonly #places: TextPlaces;
  readonly #matchesOf: MatchesOf;
  readonly #values = new Map<string, readonly Match[]>();

  constructor(places: TextPlaces, matchesOf: MatchesOf) {
    this.#places = places;
    this.#matchesOf = matchesOf;
    const words = new Set<string>();
    let left = MESSAGE_CHARS_MAX;
    let chars = 0;
    places.segments.forEach(({ kind, text }, index) => {
      if (kind === "sender" || kind === "header") return;
      if (kind === "body") chars += text.length;
      const read = text.slice(0, Math.min(left, TEXT_CHARS_MAX));
      left -= read.length;
      for (const piece of piecesBetween(read, places.marksOf(index).filter(isSilent))) addWords(piece, words);
    });
    this.words = words;
    this.chars = chars;
  }

  /** Different values of these detectors that are so sure; beyond `most` nobody counts on. */
  distinct(detectors: readonly string[], minConfidence: number, most: number): number {
    const values = new Set<string>();
    for (const id of detectors) {
      for (const { value, confidence } of this.#counted(id)) {
        if (confidence >= minConfidence) values.add(value);
        if (values.size >= most) return values.size;
      }
    }
    return values.size;
  }

  #counted(detector: string): readonly Match[] {
    const known = this.#values.get(detector);
    if (known !== undefined) return known;
    const counted = this.#matchesOf(detector).filter((match) => {
      const mark = this.#places.markOf(match.segment, match);
      return mark === null || !isSilent(mark);
    });
    this.#values.set(detector, counted);
    return counted;
  }
}

/** In hundredths; above 0 it speaks for a patient. */
export function weigh({ base, words, counts, sizes }: WeighedMethod, facts: MessageFacts): number {
  let sum = base;
  for (const word of facts.words) sum += words.get(word) ?? 0;
  for (const { chars, weight } of sizes) if (facts.chars >= chars) sum += weight;
  for (const { detectors, minConfidence, distinct, weight } of counts) {
    if (facts.distinct(detectors, minConfidence, distinct) >= distinct) sum += weight;
  }
  return sum;
}

/** One match for the whole message, as sure as the sum says: 50 at 0, 73 at 100, 88 at 200. */
export function weighedMatch(detector: CompiledDetector, sum: number): Match {
  const confidence = Math.round(100 / (1 + Math.exp(-sum / 100)));
  return { detector, segment: 0, start: 0, end: 0, value: "message", confidence };
}

function isSilent({ place }: Mark): boolean {
  return place === "footer" || place === "form";
}

function piecesBetween(text: string, marks: readonly Mark[]): readonly string[] {
  if (marks.length === 0) return [text];
  let from = 0;
  const pieces = marks.map(({ start, end }) => {
    const piece = text.slice(from, start);
    from = end;
    return piece;
  });
  return [...pieces, text.slice(from)];
}

/** Words in small letters, numbers by their length (`0000`), and the signs # $ % /. */
function addWords(text: string, words: Set<string>): void {
  for (let at = 0; at < text.length;) {
    const kind = kindOf(text.charCodeAt(at));
    const from = at;
    at += 1;
    if (kind === OTHER) continue;
    if (kind === SIGN) {
      words.add(text.charAt(from));
      continue;
    }
    while (at < text.length && kindOf(text.charCodeAt(at)) === kind) at += 1;
    if (kind === DIGIT) words.add("0".repeat(Math.min(at - from, DIGITS_MAX)));
    else if (at - from <= WORD_CHARS_MAX) words.add(text.slice(from, at).toLowerCase());
  }
}

const OTHER = 0;
const LETTER = 1;
const DIGIT = 2;
const SIGN = 3;
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const sign = String.fromCharCode(code);
  if (/[a-z']/i.test(sign)) return LETTER;
  if (/[0-9]/.test(sign)) return DIGIT;
  return /[#$%/]/.test(sign) ? SIGN : OTHER;
});

function kindOf(code: number): number {
  return KINDS[code] ?? OTHER;
}
