/**
 * One pass over a text finds every known word and phrase: dictionaries, labels, context words, given names, keywords.
 * Promises: whole words only, longest phrase first, no allocation per unknown word, linear time. The tokeniser is the
 * same for phrases and for text, so what is compared always agrees. Leaves meaning to the detectors.
 */
import { isAscii, lowerCase } from "./normalise.ts";
import { atOnce } from "./pauses.ts";
import type { Pausable } from "./pauses.ts";

/** A place where a phrase of a set was found. */
export type PhraseHit = {
  readonly start: number;
  readonly end: number;
  /** Index of the first token of the hit, for looking at its neighbours. */
  readonly token: number;
  readonly tokens: number;
  /** Index of the phrase in its set. */
  readonly phrase: number;
};

export type Tokens = {
  /** Start and end offset of token i at 2i and 2i+1. */
  readonly bounds: Int32Array;
  readonly count: number;
  /** Start and end offset, in turn, of the stretches of text outside of which no ASCII digit stands. */
  readonly digits: readonly number[];
};

/** Longest phrase in words; longer ones are refused at load. */
export const PHRASE_WORDS_MAX = 8;
/** Characters that may stand between two words of a phrase. */
const GAP_CHARS_MAX = 3;
/** Longest word compared; a longer token is never known. */
const WORD_CHARS_MAX = 48;
/** Digits so near each other are searched together. */
const DIGIT_GAP_CHARS = 32;

/** Hits by set number; nothing stands for a set of which nothing was found. */
export type PhraseHits = readonly (readonly PhraseHit[] | undefined)[];

/** What one pass found. */
export type PhraseScan = { readonly tokens: Tokens; readonly hits: PhraseHits };

type Node = { readonly next: Map<number, Node>; readonly entries: { readonly set: number; readonly phrase: number }[] };

const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;
/** A power of two; more when there are more words. */
const SLOTS_AT_FIRST = 1_024;
const SLOTS_PER_WORD = 4;
/** Text looked at between two pauses: a fraction of a millisecond's work. */
const STRETCH_CHARS = 32_768;
const TOKENS_BETWEEN_PAUSES = 32_768;
/** Space for the words of a text as long as most; a longer one gives its own back. */
const SPARE_TOKENS_MAX = 32_768;
const TOKENS_AT_FIRST = 1_024;

/** The codes of one stretch: an array answers many times faster than a string, asked for each character. */
const codes = new Uint16Array(STRETCH_CHARS);
const codesAsBytes = Buffer.from(codes.buffer);

/** Lower-case codes of ASCII letters and digits; 0 for all other ASCII. */
const ASCII_WORD_CODES = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[A-Za-z0-9]/.test(character) ? character.toLowerCase().charCodeAt(0) : 0;
});
/** Set in the code of every lower-case ASCII letter and of no digit. */
const LETTER_BIT = 64;

/** The code as words hold it, ASCII in lower case; 0 where it is no part of a word. */
function wordCode(code: number): number {
  if (code < 128) return ASCII_WORD_CODES[code] ?? 0;
  const isWord =
    code >= 0xaa && !(code >= 0x2000 && code <= 0x2bff) && code !== 0xd7 && code !== 0xf7 && !isLatinSign(code);
  return isWord ? code : 0;
}

/** Signs of the Latin-1 block that are no letters. */
function isLatinSign(code: number): boolean {
  return code >= 0xab && code <= 0xbf && code !== 0xb5 && code !== 0xba;
}

/** Words of a phrase, lower case, as the text's tokeniser would split it. */
export function wordsOf(phrase: string): readonly string[] {
  const words: string[] = [];
  let start = -1;
  for (let i = 0; i <= phrase.length; i += 1) {
    const inside = i < phrase.length && wordCode(phrase.charCodeAt(i)) !== 0;
    if (inside && start < 0) start = i;
    if (!inside && start >= 0) {
      words.push(phrase.slice(start, i).toLowerCase());
      start = -1;
    }
  }
  return words;
}

function hashOf(word: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < word.length; i += 1) hash = Math.imul(hash ^ word.charCodeAt(i), FNV_PRIME);
  return hash;
}

/** All phrases of all sets of one pack, compiled once. */
export class PhraseIndex {
  /** Known words by their ids, which count from 1, and their hashes. */
  readonly #words: string[] = [""];
  readonly #hashes: number[] = [0];
  /** Ids by the last bits of the hash, or the next free place; few are taken, so that an unknown word is seen to be so at once. */
  #slots = new Int32Array(SLOTS_AT_FIRST);
  /** Where phrases go on after their first word, by its id. */
  readonly #firsts: (Node | undefined)[] = [];
  /** Nodes passed on the way through the trie; none is deeper than a phrase is long. */
  readonly #path: Node[] = [];
  #spare: Words | null = null;
  #setCount = 0;

  /** Adds a set and returns its number. A phrase without any word is ignored. */
  addSet(phrases: readonly string[]): number {
    const set = this.#setCount;
    this.#setCount += 1;
    phrases.forEach((phrase, index) => {
      const words = wordsOf(phrase);
      if (words.length === 0 || words.length > PHRASE_WORDS_MAX) return;
      const [first = 0, ...rest] = words.map((word) => this.#intern(word));
      let node = (this.#firsts[first] ??= newNode());
      for (const id of rest) node = nextOf(node, id);
      if (!node.entries.some((entry) => entry.set === set)) node.entries.push({ set, phrase: index });
    });
    return set;
  }

  get setCount(): number {
    return this.#setCount;
  }

  #intern(word: string): number {
    const hash = hashOf(word);
    let slot = hash & (this.#slots.length - 1);
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & (this.#slots.length - 1)) {
      const id = this.#slots[slot] ?? 0;
      if (this.#words[id] === word) return id;
    }
    const id = this.#words.push(word) - 1;
    this.#hashes.push(hash);
    this.#slots[slot] = id;
    if (id * SLOTS_PER_WORD > this.#slots.length) this.#spread();
    return id;
  }

  #spread(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    for (let id = 1; id < this.#words.length; id += 1) {
      let slot = (this.#hashes[id] ?? 0) & (slots.length - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = id;
    }
    this.#slots = slots;
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

  /** Takes the tokens of a scan back, for the next one; whoever does so looks at them no more. */
  release({ tokens }: PhraseScan): void {
    if (tokens instanceof Words && tokens.size <= SPARE_TOKENS_MAX) this.#spare = tokens;
  }

  #begin(text: string): Scan {
    const tokens = this.#spare ?? new Words();
    this.#spare = null;
    tokens.clear();
    // ASCII is lower-cased as it is read.
    return { lower: isAscii(text) ? text : lowerCase(text), tokens, hits: [] };
  }

  #matchFrom(scan: Scan, from: number): void {
    const { ids, count } = scan.tokens;
    const until = Math.min(count, from + TOKENS_BETWEEN_PAUSES);
    for (let i = from; i < until; i += 1) if (ids[i] !== 0) this.#match(scan, i);
  }

  /** The words that begin in the next stretch of the text, whole; returns where to go on. */
  #tokeniseFrom({ lower, tokens }: Scan, from: number): number {
    const until = Math.min(lower.length, from + STRETCH_CHARS);
    const size = until - from;
    codesAsBytes.write(size === lower.length ? lower : lower.slice(from, until), "utf16le");
    for (let at = 0; at < size; at += 1) {
      const start = at;
      let hash = FNV_OFFSET;
      let common = LETTER_BIT;
      for (; at < size; at += 1) {
        const code = wordCode(codes[at] ?? 0);
        if (code === 0) break;
        hash = Math.imul(hash ^ code, FNV_PRIME);
        common &= code;
      }
      if (at === start) continue;
      // One that goes on in the next stretch is read there, whole.
      if (at === size && until < lower.length) return start > 0 ? from + start : addLongWord(lower, tokens, from);
      tokens.add(from + start, from + at, at - start <= WORD_CHARS_MAX ? this.#idOf(hash, start, at) : 0);
      // Not every character is a letter of ASCII.
      if (common !== LETTER_BIT) tokens.addDigits(from + start, from + at);
    }
    return until;
  }

  /** Of the word at these places of the stretch; 0 for an unknown one. */
  #idOf(hash: number, start: number, end: number): number {
    const last = this.#slots.length - 1;
    for (let slot = hash & last; ; slot = (slot + 1) & last) {
      const id = this.#slots[slot] ?? 0;
      if (id === 0 || (this.#hashes[id] === hash && stands(this.#words[id] ?? "", start, end))) return id;
    }
  }

  /** Walks the trie from token `first`; of each set the longest phrase counts, and phrases of a set do not overlap. */
  #match({ lower, tokens, hits }: Scan, first: number): void {
    let depth = 0;
    let node = this.#firsts[tokens.ids[first] ?? 0];
    while (node !== undefined) {
      this.#path[depth] = node;
      depth += 1;
      const next = first + depth;
      if (node.next.size === 0 || next >= tokens.count || !joins(lower, tokens, next)) break;
      node = node.next.get(tokens.ids[next] ?? 0);
    }
    const start = tokens.bounds[first * 2] ?? 0;
    for (; depth > 0; depth -= 1) {
      const end = tokens.bounds[(first + depth) * 2 - 1] ?? 0;
      for (const { set, phrase } of this.#path[depth - 1]?.entries ?? []) {
        const found = (hits[set] ??= []);
        const last = found.at(-1);
        if (last === undefined || first >= last.token + last.tokens) {
          found.push({ start, end, token: first, tokens: depth, phrase });
        }
      }
    }
  }
}

/** A word as long as a whole stretch is never known. */
function addLongWord(lower: string, tokens: Words, start: number): number {
  let end = start;
  while (end < lower.length && wordCode(lower.charCodeAt(end)) !== 0) end += 1;
  tokens.add(start, end, 0);
  tokens.addDigits(start, end);
  return end;
}

/** True where the word stands between these places of the stretch. */
function stands(word: string, start: number, end: number): boolean {
  if (word.length !== end - start) return false;
  for (let i = 0; i < word.length; i += 1) {
    if (word.charCodeAt(i) !== wordCode(codes[start + i] ?? 0)) return false;
  }
  return true;
}

function nextOf(node: Node, id: number): Node {
  const known = node.next.get(id);
  if (known !== undefined) return known;
  const next = newNode();
  node.next.set(id, next);
  return next;
}

function newNode(): Node {
  return { next: new Map(), entries: [] };
}

/** The words of a text while it is split. */
class Words implements Tokens {
  bounds = new Int32Array(2 * TOKENS_AT_FIRST);
  /** 0 for an unknown word. */
  ids = new Int32Array(TOKENS_AT_FIRST);
  digits: number[] = [];
  count = 0;

  get size(): number {
    return this.ids.length;
  }

  clear(): void {
    this.count = 0;
    if (this.digits.length > 0) this.digits = [];
  }

  add(start: number, end: number, id: number): void {
    if (this.count === this.ids.length) {
      this.bounds = grown(this.bounds);
      this.ids = grown(this.ids);
    }
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

type Scan = { readonly lower: string; readonly tokens: Words; readonly hits: (PhraseHit[] | undefined)[] };

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

function grown(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
