/**
 * One pass over a text finds every known word and phrase: dictionaries, labels, context words, given names, keywords.
 * Promises: whole words only, longest phrase first, no allocation per unknown word, linear time. The tokeniser is the
 * same for phrases and for text, so what is compared always agrees. Leaves meaning to the detectors.
 */
import { isAscii, lowerCase } from "./normalise.ts";
import { atOnce } from "./pauses.ts";
import type { Pausable } from "./pauses.ts";
import { FoundPhrases } from "./phrase-hits.ts";
import type { PhraseHits, PhraseNode } from "./phrase-hits.ts";
import { codes, readCodes, STRETCH_CHARS, THREE_LETTERS, threeLetters, WORD_CODES } from "./word-codes.ts";
import { hashWith, TOLD_BY_HASH_MAX, WordTable } from "./word-table.ts";

export type Tokens = {
  /** Start and end offset of token i at 2i and 2i+1. */
  readonly bounds: Int32Array;
  readonly count: number;
  /** Start and end offset, in turn, of the stretches of text outside of which no ASCII digit stands. */
  readonly digits: readonly number[];
  /** Tokens that may have one of the endings the pack asks for. */
  readonly endings: readonly number[];
};

/** Longest phrase in words; longer ones are refused at load. */
export const PHRASE_WORDS_MAX = 8;
/** Characters that may stand between two words of a phrase. */
const GAP_CHARS_MAX = 3;
/** Longest word compared; a longer token is never known. */
const WORD_CHARS_MAX = 48;
/** Digits so near each other are searched together. */
const DIGIT_GAP_CHARS = 32;

/** What one pass found. */
export type PhraseScan = {
  readonly tokens: Tokens;
  readonly hits: PhraseHits;
  /** Numbers of the sets of which something was found. */
  readonly sets: readonly number[];
};

const WORDS_AT_FIRST = 1_024;
const TOKENS_BETWEEN_PAUSES = 32_768;
/** Space for the words of a text up to this size, such as a header field, and how much of it is kept for the next texts. */
const SHORT_CHARS_MAX = 512;
const SHORT_TOKENS = SHORT_CHARS_MAX / 2;
const SHORT_SPARE_MAX = 64;
/** The same of longer texts; one far longer than most gives its own back. */
const LONG_TOKENS = 1_024;
const LONG_TOKENS_MAX = 32_768;
const LONG_SPARE_MAX = 3;
/** Set in the code of every lower-case ASCII letter and of no digit. */
const LETTER_BIT = 64;
const CODES_OF_ASCII = 128;
const NEVER = 0x7fffffff;
/** Of a word: a phrase by itself, the first of a longer one. */
const IS_PHRASE = 1;
const BEGINS_PHRASE = 2;
/** Numbers of two words that follow each other are below; several pairs may have one number. */
const PAIRS = 1 << 16;

/** Words of a phrase, lower case, as the text's tokeniser would split it. */
export function wordsOf(phrase: string): readonly string[] {
  const words: string[] = [];
  let start = -1;
  for (let i = 0; i <= phrase.length; i += 1) {
    const inside = i < phrase.length && WORD_CODES[phrase.charCodeAt(i)] !== 0;
    if (inside && start < 0) start = i;
    if (!inside && start >= 0) {
      words.push(phrase.slice(start, i).toLowerCase());
      start = -1;
    }
  }
  return words;
}

/** All phrases of all sets of one pack, compiled once. */
export class PhraseIndex {
  readonly #words = new WordTable();
  /** Where phrases go on after their first word, by its id. */
  readonly #firsts: (PhraseNode | undefined)[] = [];
  /** By id, what a word may be to a phrase. */
  #roles = new Uint8Array(WORDS_AT_FIRST);
  /** 1 where a phrase begins with two words of that number. */
  readonly #pairs = new Uint8Array(PAIRS);
  /** 1 where an ending has these last letters, and how short a word with one may be. */
  readonly #endings = new Uint8Array(THREE_LETTERS);
  #endingLettersMin = NEVER;
  readonly #shortSpare: Words[] = [];
  readonly #longSpare: Words[] = [];
  #setCount = 0;

  /** Adds a set and returns its number. A phrase without any word is ignored. */
  addSet(phrases: readonly string[]): number {
    const set = this.#setCount;
    this.#setCount += 1;
    phrases.forEach((phrase, index) => {
      const words = wordsOf(phrase);
      if (words.length === 0 || words.length > PHRASE_WORDS_MAX || words.some(isTooLong)) return;
      const [first = 0, ...rest] = words.map((word) => this.#words.intern(word));
      let node = (this.#firsts[first] ??= newNode(1));
      this.#addRole(first, rest.length === 0 ? IS_PHRASE : BEGINS_PHRASE);
      for (const id of rest) node = nextOf(node, id);
      if (rest[0] !== undefined) this.#pairs[pairOf(first, rest[0])] = 1;
      if (!node.entries.some((entry) => entry.set === set)) node.entries.push({ set, phrase: index });
    });
    return set;
  }

  #addRole(id: number, role: number): void {
    if (id >= this.#roles.length) {
      const larger = new Uint8Array(2 * id);
      larger.set(this.#roles);
      this.#roles = larger;
    }
    this.#roles[id] = (this.#roles[id] ?? 0) | role;
  }

  get setCount(): number {
    return this.#setCount;
  }

  /** Words of so many letters or more with the last three letters of one of these are told by `Tokens.endings`. */
  addEndings(endings: readonly string[], lettersMin: number): void {
    for (const ending of endings) this.#endings[lastLetters(ending, ending.length)] = 1;
    this.#endingLettersMin = Math.min(this.#endingLettersMin, Math.max(3, lettersMin));
  }

  /** All at once; see scanning. */
  scan(text: string): PhraseScan {
    if (text.length > STRETCH_CHARS) return atOnce(this.scanning(text));
    const scan = this.#begin(text);
    this.#tokeniseFrom(scan, 0);
    this.#matchFrom(scan, 0);
    return scan;
  }

  /** Splits the text and finds the phrases, whatever their case. Hits of each set stand in order of their place. */
  *scanning(text: string): Pausable<PhraseScan> {
    const scan = this.#begin(text);
    for (let at = 0; at < text.length;) {
      at = this.#tokeniseFrom(scan, at);
      yield;
    }
    for (let from = 0; from < scan.tokens.count; from += TOKENS_BETWEEN_PAUSES) {
      this.#matchFrom(scan, from);
      yield;
    }
    return scan;
  }

  /** Takes the tokens of a scan back, for another one; whoever does so looks at them no more. */
  release({ tokens }: PhraseScan): void {
    if (!(tokens instanceof Words) || tokens.size > LONG_TOKENS_MAX) return;
    const isShort = tokens.size === SHORT_TOKENS;
    const spare = isShort ? this.#shortSpare : this.#longSpare;
    if (spare.length < (isShort ? SHORT_SPARE_MAX : LONG_SPARE_MAX)) spare.push(tokens);
  }

  #begin(text: string): Scan {
    const isShort = text.length <= SHORT_CHARS_MAX;
    const tokens =
      (isShort ? this.#shortSpare : this.#longSpare).pop() ?? new Words(isShort ? SHORT_TOKENS : LONG_TOKENS);
    tokens.clear();
    // ASCII is lower-cased as it is read.
    const hits = new FoundPhrases(tokens);
    return { lower: isAscii(text) ? text : lowerCase(text), tokens, hits, sets: hits.sets };
  }

  #matchFrom(scan: Scan, from: number): void {
    const { ids, count } = scan.tokens;
    const until = Math.min(count, from + TOKENS_BETWEEN_PAUSES);
    const roles = this.#roles;
    const pairs = this.#pairs;
    for (let i = from; i < until; i += 1) {
      const id = ids[i] ?? 0;
      const role = roles[id] ?? 0;
      // Many phrases begin with an everyday word, and go on with few others.
      const goesOn = (role & BEGINS_PHRASE) !== 0 && i + 1 < count && pairs[pairOf(id, ids[i + 1] ?? 0)] === 1;
      if ((role & IS_PHRASE) === 0 && !goesOn) continue;
      const node = this.#firsts[id];
      if (node === undefined) continue;
      if ((role & IS_PHRASE) !== 0) scan.hits.add(node, i);
      if (goesOn) this.#matchOn(scan, i, node);
    }
  }

  /** Walks the trie from token `first`, of which this is the node. */
  #matchOn({ lower, tokens, hits }: Scan, first: number, root: PhraseNode): void {
    let node: PhraseNode | undefined = root;
    for (let next = first + 1; next < tokens.count; next += 1) {
      node = node.next?.get(tokens.ids[next] ?? 0);
      if (node === undefined || !joins(lower, tokens, next)) return;
      if (node.entries.length > 0) hits.add(node, first);
    }
  }

  /** The words that begin in the next stretch of the text, whole; returns where to go on. */
  #tokeniseFrom({ lower, tokens }: Scan, from: number): number {
    const until = Math.min(lower.length, from + STRETCH_CHARS);
    const size = until - from;
    readCodes(size === lower.length ? lower : lower.slice(from, until));
    tokens.makeRoom(size);
    const { bounds, ids } = tokens;
    const words = this.#words;
    let { count } = tokens;
    for (let at = 0; at < size; at += 1) {
      let code = WORD_CODES[codes[at] ?? 0] ?? 0;
      if (code === 0) continue;
      const start = at;
      let hash = 0;
      let common = LETTER_BIT;
      let any = 0;
      do {
        hash = hashWith(hash, code);
        common &= code;
        any |= code;
        at += 1;
        code = WORD_CODES[codes[at] ?? 0] ?? 0;
      } while (code !== 0);
      // One that goes on in the next stretch is read there, whole.
      if (at === size && until < lower.length) {
        tokens.count = count;
        return start > 0 ? from + start : addLongWord(lower, tokens, from);
      }
      const length = at - start;
      bounds[count * 2] = from + start;
      bounds[count * 2 + 1] = from + at;
      if (length <= TOLD_BY_HASH_MAX && common === LETTER_BIT && any < CODES_OF_ASCII)
        ids[count] = words.idOfShort(hash);
      else ids[count] = length <= WORD_CHARS_MAX ? words.idOf(hash, start, at) : 0;
      // Not every character is a letter of ASCII.
      if (common !== LETTER_BIT) tokens.addDigits(from + start, from + at);
      else if (length >= this.#endingLettersMin && this.#hasEnding(at)) tokens.endings.push(count);
      count += 1;
    }
    tokens.count = count;
    return until;
  }

  /** True where the word that ends there has the last letters of an ending. */
  #hasEnding(end: number): boolean {
    return this.#endings[threeLetters(codes[end - 3] ?? 0, codes[end - 2] ?? 0, codes[end - 1] ?? 0)] === 1;
  }
}

/** A word as long as a whole stretch is never known. */
function addLongWord(lower: string, tokens: Words, start: number): number {
  let end = start;
  while (end < lower.length && WORD_CODES[lower.charCodeAt(end)] !== 0) end += 1;
  tokens.makeRoom(2);
  tokens.add(start, end, 0);
  tokens.addDigits(start, end);
  return end;
}

function isTooLong(word: string): boolean {
  return word.length > WORD_CHARS_MAX;
}

/** As `threeLetters` has them, of the word that ends there. */
export function lastLetters(text: string, end: number): number {
  return threeLetters(text.charCodeAt(end - 3), text.charCodeAt(end - 2), text.charCodeAt(end - 1));
}

function pairOf(first: number, second: number): number {
  return (Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)) >>> 16;
}

function nextOf(node: PhraseNode, id: number): PhraseNode {
  const known = node.next?.get(id);
  if (known !== undefined) return known;
  const next = newNode(node.words + 1);
  node.next ??= new Map();
  node.next.set(id, next);
  return next;
}

function newNode(words: number): PhraseNode {
  return { next: null, words, entries: [] };
}

/** The words of a text while it is split. */
class Words implements Tokens {
  bounds: Int32Array<ArrayBuffer>;
  /** 0 for an unknown word. */
  ids: Int32Array<ArrayBuffer>;
  digits: number[] = [];
  endings: number[] = [];
  count = 0;

  constructor(size: number) {
    this.bounds = new Int32Array(2 * size);
    this.ids = new Int32Array(size);
  }

  get size(): number {
    return this.ids.length;
  }

  clear(): void {
    this.count = 0;
    if (this.digits.length > 0) this.digits = [];
    if (this.endings.length > 0) this.endings = [];
  }

  /** For the words of so many characters, which are parted by one at least. */
  makeRoom(chars: number): void {
    const needed = this.count + ((chars + 1) >> 1);
    if (needed <= this.ids.length) return;
    const size = Math.max(needed, 2 * this.ids.length);
    this.bounds = grown(this.bounds, 2 * size);
    this.ids = grown(this.ids, size);
  }

  /** There must be room. */
  add(start: number, end: number, id: number): void {
    this.bounds[this.count * 2] = start;
    this.bounds[this.count * 2 + 1] = end;
    this.ids[this.count] = id;
    this.count += 1;
  }

  addDigits(start: number, end: number): void {
    const last = this.digits.length - 1;
    if (last > 0 && start - (this.digits[last] ?? 0) <= DIGIT_GAP_CHARS) this.digits[last] = end;
    else this.digits.push(start, end);
  }
}

type Scan = {
  readonly lower: string;
  readonly tokens: Words;
  readonly hits: FoundPhrases;
  readonly sets: number[];
};

/** True when only spaces, hyphens and the like stand between token `index` and the one before it. */
function joins(lower: string, tokens: Tokens, index: number): boolean {
  const from = tokens.bounds[index * 2 - 1] ?? 0;
  const to = tokens.bounds[index * 2] ?? 0;
  if (to - from > GAP_CHARS_MAX) return false;
  for (let i = from; i < to; i += 1) {
    const code = lower.charCodeAt(i);
    // ! ; : ? and tabs part phrases.
    if (code === 33 || code === 59 || code === 58 || code === 63 || code === 9) return false;
  }
  return true;
}

function grown(array: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size);
  larger.set(array);
  return larger;
}
