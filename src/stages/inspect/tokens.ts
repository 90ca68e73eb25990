/**
 * One pass over a text finds every known word and phrase: dictionaries, labels, context words, given names, keywords.
 * Promises: whole words only, longest phrase first, no allocation per unknown word, linear time. The tokeniser is the
 * same for phrases and for text, so what is compared always agrees. Leaves meaning to the detectors.
 */
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
};

/** Longest phrase in words; longer ones are refused at load. */
export const PHRASE_WORDS_MAX = 8;
/** Characters that may stand between two words of a phrase. */
const GAP_CHARS_MAX = 3;
/** Longest word compared; a longer token is never known. */
const WORD_CHARS_MAX = 48;

/** Hits by set number; nothing stands for a set of which nothing was found. */
export type PhraseHits = readonly (readonly PhraseHit[] | undefined)[];

/** What one pass found. */
export type PhraseScan = { readonly tokens: Tokens; readonly hits: PhraseHits };

type Node = { readonly next: Map<number, Node>; readonly entries: { readonly set: number; readonly phrase: number }[] };

const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;
const HASH_BITS_MASK = 0xffff;
/** A millisecond's work or so. */
const CHARS_BETWEEN_PAUSES = 131_072;
const TOKENS_BETWEEN_PAUSES = 32_768;

const ASCII_WORD_CODES = Uint8Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z0-9]/.test(String.fromCharCode(code)) ? 1 : 0,
);

function isWordCode(code: number): boolean {
  if (code < 128) return ASCII_WORD_CODES[code] === 1;
  return code >= 0xaa && !(code >= 0x2000 && code <= 0x2bff) && code !== 0xd7 && code !== 0xf7 && !isLatinSign(code);
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
    const inside = i < phrase.length && isWordCode(phrase.charCodeAt(i));
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
  readonly #words = new Map<number, { readonly word: string; readonly id: number }[]>();
  /** Set where a known word's hash ends in these bits: most words of a text are unknown, and seen to be so here. */
  readonly #hashes = new Uint8Array(HASH_BITS_MASK + 1);
  readonly #root: Node = { next: new Map(), entries: [] };
  #wordCount = 0;
  #setCount = 0;

  /** Adds a set and returns its number. A phrase without any word is ignored. */
  addSet(phrases: readonly string[]): number {
    const set = this.#setCount;
    this.#setCount += 1;
    phrases.forEach((phrase, index) => {
      const words = wordsOf(phrase);
      if (words.length === 0 || words.length > PHRASE_WORDS_MAX) return;
      let node = this.#root;
      for (const word of words) {
        const id = this.#intern(word);
        let next = node.next.get(id);
        if (next === undefined) {
          next = { next: new Map(), entries: [] };
          node.next.set(id, next);
        }
        node = next;
      }
      if (!node.entries.some((entry) => entry.set === set)) node.entries.push({ set, phrase: index });
    });
    return set;
  }

  get setCount(): number {
    return this.#setCount;
  }

  #intern(word: string): number {
    const hash = hashOf(word);
    const bucket = this.#words.get(hash) ?? [];
    const known = bucket.find((entry) => entry.word === word);
    if (known !== undefined) return known.id;
    this.#wordCount += 1;
    bucket.push({ word, id: this.#wordCount });
    this.#words.set(hash, bucket);
    this.#hashes[hash & HASH_BITS_MASK] = 1;
    return this.#wordCount;
  }

  /** All at once; see scanning. */
  scan(lower: string): PhraseScan {
    return atOnce(this.scanning(lower));
  }

  /** Splits lower-cased text and finds the phrases. Hits of each set stand in order of their place. */
  *scanning(lower: string): Pausable<PhraseScan> {
    const { tokens, ids } = yield* this.#tokenise(lower);
    const hits: (PhraseHit[] | undefined)[] = Array.from({ length: this.#setCount });
    const scan = { lower, tokens, ids, hits, busyUntil: new Int32Array(this.#setCount) };
    for (let from = 0; from < tokens.count; from += TOKENS_BETWEEN_PAUSES) {
      this.#matchFrom(scan, from);
      if (tokens.count > TOKENS_BETWEEN_PAUSES) yield;
    }
    return { tokens, hits };
  }

  #matchFrom(scan: Scan, from: number): void {
    const until = Math.min(scan.tokens.count, from + TOKENS_BETWEEN_PAUSES);
    for (let i = from; i < until; i += 1) if (scan.ids[i] !== 0) this.#match(scan, i);
  }

  *#tokenise(lower: string): Pausable<{ tokens: Tokens; ids: Int32Array }> {
    const size = Math.max(64, lower.length >> 2);
    const found: Found = { bounds: new Int32Array(size * 2), ids: new Int32Array(size), count: 0 };
    for (let at = 0; at < lower.length;) {
      at = this.#tokeniseFrom(lower, at, found);
      if (at < lower.length) yield;
    }
    const { bounds, ids, count } = found;
    return { tokens: { bounds, count }, ids };
  }

  /** The words that begin in the next stretch of the text, whole; returns where the last of them ended. */
  #tokeniseFrom(lower: string, from: number, found: Found): number {
    const until = from + CHARS_BETWEEN_PAUSES;
    let hash = FNV_OFFSET;
    let start = -1;
    let i = from;
    for (; i < lower.length && (i < until || start >= 0); i += 1) {
      const code = lower.charCodeAt(i);
      if (isWordCode(code)) {
        if (start < 0) start = i;
        hash = Math.imul(hash ^ code, FNV_PRIME);
      } else if (start >= 0) {
        this.#add(lower, found, { start, end: i, hash });
        start = -1;
        hash = FNV_OFFSET;
      }
    }
    if (start >= 0) this.#add(lower, found, { start, end: i, hash });
    return i;
  }

  #add(lower: string, found: Found, { start, end, hash }: Word): void {
    if (found.count === found.ids.length) {
      found.bounds = grown(found.bounds);
      found.ids = grown(found.ids);
    }
    found.bounds[found.count * 2] = start;
    found.bounds[found.count * 2 + 1] = end;
    if (this.#hashes[hash & HASH_BITS_MASK] !== 0) found.ids[found.count] = this.#idOf(lower, hash, { start, end });
    found.count += 1;
  }

  #idOf(lower: string, hash: number, { start, end }: { readonly start: number; readonly end: number }): number {
    const bucket = this.#words.get(hash);
    if (bucket === undefined || end - start > WORD_CHARS_MAX) return 0;
    for (const { word, id } of bucket) {
      if (word.length === end - start && lower.startsWith(word, start)) return id;
    }
    return 0;
  }

  /** Walks the trie from token `first`; of each set the longest phrase counts, and phrases of a set do not overlap. */
  #match(scan: Scan, first: number): void {
    let node = this.#root.next.get(scan.ids[first] ?? 0);
    const found: { readonly set: number; readonly hit: PhraseHit }[] = [];
    for (let last = first; node !== undefined;) {
      for (const { set, phrase } of node.entries) {
        const end = scan.tokens.bounds[last * 2 + 1] ?? 0;
        const hit = { start: scan.tokens.bounds[first * 2] ?? 0, end, token: first, tokens: last - first + 1, phrase };
        found.push({ set, hit });
      }
      last += 1;
      if (node.next.size === 0 || last >= scan.tokens.count || !joins(scan, last)) break;
      node = node.next.get(scan.ids[last] ?? 0);
    }
    // Longest first: deeper nodes were pushed later.
    for (const { set, hit } of found.toReversed()) {
      if (first < (scan.busyUntil[set] ?? 0)) continue;
      scan.busyUntil[set] = first + hit.tokens;
      (scan.hits[set] ??= []).push(hit);
    }
  }
}

/** Words so far; `ids` holds 0 for an unknown one. */
type Found = { bounds: Int32Array<ArrayBuffer>; ids: Int32Array<ArrayBuffer>; count: number };
type Word = { readonly start: number; readonly end: number; readonly hash: number };

type Scan = {
  readonly lower: string;
  readonly tokens: Tokens;
  readonly ids: Int32Array;
  readonly hits: (PhraseHit[] | undefined)[];
  readonly busyUntil: Int32Array;
};

/** True when only spaces, hyphens and the like stand between token `index` and the one before it. */
function joins({ lower, tokens }: Scan, index: number): boolean {
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
