/**
 * Every word a pack knows, by number.
 * Promises: an unknown word is told by one look or two, a known one by its letters, or by its hash where that holds them all; no
 * string is made of a text's words.
 * Works on the stretch of text that was read last (word-codes.ts).
 */
import { codes, readCodes, WORD_CODES } from "./word-codes.ts";

/** A power of two; more when there are more words. */
const SLOTS_AT_FIRST = 1_024;
const SLOTS_PER_WORD = 3;
const LETTERS_AT_FIRST = 4_096;

/** Words of so many letters from a to z at most have a hash that no other such word has: five bits of it are of each letter alone. */
export const TOLD_BY_HASH_MAX = 6;

/** Of a word's letters, one after the other, from 0. */
export function hashWith(hash: number, code: number): number {
  return ((hash << 5) | (hash >>> 27)) ^ code;
}

/** Brings the bits of all letters to where a slot is chosen by them. */
function mixed(hash: number): number {
  const product = Math.imul(hash, 0x9e3779b1);
  return product ^ (product >>> 15);
}

export class WordTable {
  /** Hash and id of a word in turn, where the hash says or at the next free place; no word has the id 0. */
  #slots = new Int32Array(2 * SLOTS_AT_FIRST);
  /** The same of the words told by their hash. */
  #shortSlots = new Int32Array(2 * SLOTS_AT_FIRST);
  #shortCount = 0;
  /** Letters of all words, and by id where those of a word end. */
  #letters = new Uint16Array(LETTERS_AT_FIRST);
  readonly #ends: number[] = [0];

  /** The id of a word in lower case, counted from 1; a new one where it was not known. */
  intern(word: string): number {
    readCodes(word);
    let hash = 0;
    for (let i = 0; i < word.length; i += 1) hash = hashWith(hash, codes[i] ?? 0);
    const isShort = word.length <= TOLD_BY_HASH_MAX && /^[a-z]+$/.test(word);
    const known = isShort ? this.idOfShort(hash) : this.idOf(hash, 0, word.length);
    return known === 0 ? this.#add(hash, word.length, isShort) : known;
  }

  /** Of a word of at most TOLD_BY_HASH_MAX letters, all of them a to z; 0 for an unknown one. */
  idOfShort(hash: number): number {
    const slots = this.#shortSlots;
    const last = slots.length - 2;
    const wanted = mixed(hash);
    for (let slot = (wanted << 1) & last; ; slot = (slot + 2) & last) {
      const id = slots[slot + 1] ?? 0;
      if (id === 0 || slots[slot] === wanted) return id;
    }
  }

  /** Of any other word between these places, whose letters have this hash; 0 for an unknown one. */
  idOf(hash: number, start: number, end: number): number {
    const slots = this.#slots;
    const last = slots.length - 2;
    const wanted = mixed(hash);
    for (let slot = (wanted << 1) & last; ; slot = (slot + 2) & last) {
      const id = slots[slot + 1] ?? 0;
      if (id === 0 || (slots[slot] === wanted && this.#stands(id, start, end))) return id;
    }
  }

  #stands(id: number, start: number, end: number): boolean {
    const letters = this.#letters;
    const from = this.#ends[id - 1] ?? 0;
    const length = end - start;
    if ((this.#ends[id] ?? 0) - from !== length) return false;
    for (let i = 0; i < length; i += 1) if (letters[from + i] !== WORD_CODES[codes[start + i] ?? 0]) return false;
    return true;
  }

  #add(hash: number, length: number, isShort: boolean): number {
    const id = this.#ends.length;
    const from = this.#ends[id - 1] ?? 0;
    if (from + length > this.#letters.length) this.#letters = withRoom(this.#letters, from + length);
    this.#letters.set(codes.subarray(0, length), from);
    this.#ends.push(from + length);
    if (isShort) {
      this.#shortCount += 1;
      this.#shortSlots = spacious(this.#shortSlots, this.#shortCount);
      place(this.#shortSlots, mixed(hash), id);
    } else {
      this.#slots = spacious(this.#slots, id - this.#shortCount);
      place(this.#slots, mixed(hash), id);
    }
    return id;
  }
}

/** With room for so many words. */
function spacious(slots: Int32Array<ArrayBuffer>, words: number): Int32Array<ArrayBuffer> {
  if (words * SLOTS_PER_WORD <= slots.length / 2) return slots;
  const larger = new Int32Array(slots.length * 2);
  for (let slot = 0; slot < slots.length; slot += 2) {
    const id = slots[slot + 1] ?? 0;
    if (id !== 0) place(larger, slots[slot] ?? 0, id);
  }
  return larger;
}

function place(slots: Int32Array, hash: number, id: number): void {
  const last = slots.length - 2;
  let slot = (hash << 1) & last;
  while (slots[slot + 1] !== 0) slot = (slot + 2) & last;
  slots[slot] = hash;
  slots[slot + 1] = id;
}

function withRoom(letters: Uint16Array<ArrayBuffer>, length: number): Uint16Array<ArrayBuffer> {
  const larger = new Uint16Array(Math.max(length, letters.length * 2));
  larger.set(letters);
  return larger;
}
