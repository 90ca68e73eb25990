/**
 * Collects the values of patients, row by row, and makes the sorted table and the filters of an index.
 * Promises: keeps hashes and row numbers only; memory is 12 bytes a value and the filters; rows of a value ascend.
 */
import { filterAdd, foldFilter, newFilter } from "./bit-filter.ts";
import { NUMBER_FIELDS } from "./edm-fields.ts";
import type { EdmField } from "./edm-fields.ts";
import { pairMark, quickHash, ValueHasher, valueMark } from "./edm-hash.ts";
import type { LookupKeys } from "./edm-hash.ts";
import { LIST_BIT } from "./edm-index.ts";
import type { Sections } from "./edm-index.ts";
import { pairValue } from "./edm-values.ts";
import type { NameWords } from "./edm-values.ts";

const PARTITIONS = 256;
const NUMBERS_PER_ENTRY = 3;
const ENTRIES_AT_FIRST = 16;
/** From here on sorting by two bytes at a time is faster than by one. */
const MANY_NUMBERS = 200_000;
const SURNAME_LETTERS_MIN = 3;
/** Lengths that few numbers have say nothing of how densely numbers are given. */
const LENGTH_SHARE_MIN = 0.01;

export type Built = {
  readonly sections: Sections;
  readonly values: number;
  readonly oneIn: Readonly<Partial<Record<EdmField, number>>>;
};

export class EdmBuilder {
  readonly #keys: LookupKeys;
  readonly #hasher: ValueHasher;
  readonly #partitions: (Partition | null)[] = Array.from({ length: PARTITIONS }, () => null);
  readonly #filter: Uint32Array;
  readonly #words: Uint32Array;
  readonly #nameWords = new Set<number>();
  /** Of numbers: how many have each length. */
  readonly #lengths = new Map<EdmField, number[]>();
  #entries = 0;
  #row = 0;

  /** `valuesMax`: about how many values may come. */
  constructor(keys: LookupKeys, valuesMax: number) {
    this.#keys = keys;
    this.#hasher = new ValueHasher(keys.values);
    this.#filter = newFilter(valuesMax);
    this.#words = newFilter(Math.min(valuesMax, 1_000_000));
  }

  get rows(): number {
    return this.#row;
  }

  /** Values that follow belong to the next one. */
  endRow(): void {
    this.#row += 1;
  }

  /** In the form of edm-values.ts. */
  add(field: EdmField, value: string): void {
    filterAdd(this.#filter, valueMark(field, quickHash(value, this.#keys.seed)));
    this.#keep(field, value);
    if ((NUMBER_FIELDS as readonly EdmField[]).includes(field) && /^\d+$/.test(value)) this.#countLength(field, value);
  }

  addName({ given, surname }: NameWords): void {
    for (const one of given) {
      for (const other of surname) {
        if (one === other) continue;
        const marks = [this.#mark(one), this.#mark(other)] as const;
        filterAdd(this.#filter, pairMark(...marks));
        this.#keep("name", pairValue(one, other));
      }
    }
    for (const word of surname) {
      if (word.length < SURNAME_LETTERS_MIN) continue;
      filterAdd(this.#filter, valueMark("surname", this.#mark(word)));
      this.#keep("surname", word);
    }
  }

  finish(): Built {
    const hi = new Uint32Array(this.#entries);
    const lo = new Uint32Array(this.#entries);
    const slots = new Uint32Array(this.#entries);
    const lists = new RowLists();
    let count = 0;
    for (let number = 0; number < PARTITIONS; number += 1) {
      const sorted = this.#partitions[number]?.sorted();
      this.#partitions[number] = null;
      if (sorted === undefined) continue;
      for (let at = 0; at < sorted.length;) {
        const end = endOfValue(sorted, at);
        hi[count] = sorted[at] ?? 0;
        lo[count] = sorted[at + 1] ?? 0;
        slots[count] = lists.slotOf(sorted, at, end);
        count += 1;
        at = end;
      }
    }
    const sections: Sections = {
      words: foldFilter(this.#words, this.#nameWords.size),
      filter: foldFilter(this.#filter, count),
      hi: hi.subarray(0, count),
      lo: lo.subarray(0, count),
      slots: slots.subarray(0, count),
      lists: lists.all(),
    };
    return { sections, values: count, oneIn: this.#oneIn() };
  }

  #mark(word: string): number {
    const mark = quickHash(word, this.#keys.seed);
    if (!this.#nameWords.has(mark)) {
      this.#nameWords.add(mark);
      filterAdd(this.#words, mark);
    }
    return mark;
  }

  #keep(field: EdmField, value: string): void {
    this.#hasher.hash(field, value);
    const { hi, lo } = this.#hasher;
    const number = hi >>> 24;
    (this.#partitions[number] ??= new Partition()).add(hi, lo, this.#row);
    this.#entries += 1;
  }

  #countLength(field: EdmField, { length }: string): void {
    let counts = this.#lengths.get(field);
    if (counts === undefined) this.#lengths.set(field, (counts = []));
    counts[length] = (counts[length] ?? 0) + 1;
  }

  #oneIn(): Built["oneIn"] {
    const found = Array.from(this.#lengths, ([field, counts]): [EdmField, number] => {
      const all = counts.reduce((sum, count) => sum + count, 0);
      const spaces = counts.map((count, length) =>
        count >= all * LENGTH_SHARE_MIN ? (9 * 10 ** (length - 1)) / count : Infinity,
      );
      return [field, Math.max(1, Math.round(spaces.reduce((least, space) => Math.min(least, space), Infinity)))];
    });
    return Object.fromEntries(found);
  }
}

/** Entries whose hashes begin alike, one behind the other: hi, lo, row. */
class Partition {
  #entries = new Uint32Array(ENTRIES_AT_FIRST * NUMBERS_PER_ENTRY);
  #used = 0;

  add(hi: number, lo: number, row: number): void {
    if (this.#used === this.#entries.length) {
      const larger = new Uint32Array(Math.ceil((this.#entries.length * 3) / 2 / NUMBERS_PER_ENTRY) * NUMBERS_PER_ENTRY);
      larger.set(this.#entries);
      this.#entries = larger;
    }
    this.#entries[this.#used] = hi;
    this.#entries[this.#used + 1] = lo;
    this.#entries[this.#used + 2] = row;
    this.#used += NUMBERS_PER_ENTRY;
  }

  /** By hash, rows of one hash in the order they came: some bits at a time, the last first, which keeps that order. */
  sorted(): Uint32Array {
    let from: Uint32Array = this.#entries.subarray(0, this.#used);
    let to: Uint32Array = new Uint32Array(this.#used);
    const bits = this.#used > MANY_NUMBERS ? 16 : 8;
    for (const word of [1, 0]) {
      for (let shift = 0; shift < 32; shift += bits) {
        sortBy(from, to, { word, shift, bits });
        [from, to] = [to, from];
      }
    }
    return from;
  }
}

type Digit = { readonly word: number; readonly shift: number; readonly bits: 8 | 16 };

const starts = new Uint32Array(65_537);

function sortBy(from: Uint32Array, to: Uint32Array, { word, shift, bits }: Digit): void {
  const last = 2 ** bits - 1;
  starts.fill(0, 0, last + 2);
  for (let at = word; at < from.length; at += NUMBERS_PER_ENTRY) {
    const next = (((from[at] ?? 0) >>> shift) & last) + 1;
    starts[next] = (starts[next] ?? 0) + 1;
  }
  for (let digit = 1; digit <= last; digit += 1) starts[digit] = (starts[digit] ?? 0) + (starts[digit - 1] ?? 0);
  for (let at = 0; at < from.length; at += NUMBERS_PER_ENTRY) {
    const digit = ((from[at + word] ?? 0) >>> shift) & last;
    const place = starts[digit] ?? 0;
    starts[digit] = place + 1;
    to[place * NUMBERS_PER_ENTRY] = from[at] ?? 0;
    to[place * NUMBERS_PER_ENTRY + 1] = from[at + 1] ?? 0;
    to[place * NUMBERS_PER_ENTRY + 2] = from[at + 2] ?? 0;
  }
}

function endOfValue(sorted: Uint32Array, at: number): number {
  let end = at + NUMBERS_PER_ENTRY;
  while (end < sorted.length && sorted[end] === sorted[at] && sorted[end + 1] === sorted[at + 1]) {
    end += NUMBERS_PER_ENTRY;
  }
  return end;
}

/** Rows of values that several rows hold. */
class RowLists {
  #numbers = new Uint32Array(1_024);
  #used = 0;

  slotOf(sorted: Uint32Array, at: number, end: number): number {
    const first = sorted[at + 2] ?? 0;
    // A row that says the same twice, as two columns may, holds it once.
    if ((sorted[end - 1] ?? 0) === first) return first;
    const start = this.#used;
    this.#push(0);
    let last = -1;
    for (let place = at + 2; place < end; place += NUMBERS_PER_ENTRY) {
      const row = sorted[place] ?? 0;
      if (row !== last) this.#push(row);
      last = row;
    }
    this.#numbers[start] = this.#used - start - 1;
    return LIST_BIT + start;
  }

  all(): Uint32Array {
    return this.#numbers.subarray(0, this.#used);
  }

  #push(number: number): void {
    if (this.#used === this.#numbers.length) {
      const larger = new Uint32Array(Math.ceil(this.#numbers.length * 1.5));
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#used] = number;
    this.#used += 1;
  }
}
