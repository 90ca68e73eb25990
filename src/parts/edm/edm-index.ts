/**
 * An exact-data-match index in memory: which rows hold a value.
 * Promises: total, whatever the bytes say; a stranger costs a look at a filter, an HMAC only where it passes; holds no value and
 * gives none back. Its memory is shared by threads and never written.
 *
 * The table is sorted by hash: halves of 32 bits in `hi` and `lo`, and in `slots` the row, or with the topmost bit set the place in
 * `lists` where the number of rows stands, and then the rows, ascending.
 */
import { filterKnows } from "./bit-filter.ts";
import { fieldSet, hasField } from "./edm-fields.ts";
import type { ColumnKind, EdmField } from "./edm-fields.ts";
import { pairMark, quickHash, ValueHasher, valueMark } from "./edm-hash.ts";
import type { LookupKeys } from "./edm-hash.ts";

export type EdmColumn = {
  readonly heading: string;
  readonly kind: ColumnKind;
  /** Cells with something in them, and how many of these could not be read as what the column holds. */
  readonly values: number;
  readonly unreadable: number;
};

/** What is known of an index without its key. */
export type EdmFacts = {
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly keyId: string;
  readonly rows: number;
  readonly columns: readonly EdmColumn[];
  readonly fields: readonly EdmField[];
  /** Different values. */
  readonly values: number;
  /** Of numbers: one in so many of their length is taken. */
  readonly oneIn: Readonly<Partial<Record<EdmField, number>>>;
};

export const SECTIONS = ["words", "filter", "hi", "lo", "slots", "lists"] as const;
export type SectionName = (typeof SECTIONS)[number];
export type Sections = Readonly<Record<SectionName, Uint32Array>>;

export const LIST_BIT = 0x8000_0000;

/** Rows that hold one value, ascending. */
export type RowList = { readonly rows: Uint32Array; readonly from: number; readonly count: number };

/** One of so many numbers taken: below it, one that looks right is too often a chance hit. */
const ONE_IN_MIN = 1_000;
/** Chance hits are counted among at least so many people. */
const POPULATION_MIN = 20_000;

export class EdmIndex {
  readonly facts: EdmFacts;
  readonly seed: number;
  /** Of fields it holds. */
  readonly fields: number;
  readonly population: number;
  readonly #sections: Sections;
  readonly #hasher: ValueHasher;

  constructor(facts: EdmFacts, sections: Sections, keys: LookupKeys) {
    this.facts = facts;
    this.seed = keys.seed;
    this.fields = fieldSet(facts.fields);
    this.population = Math.max(facts.rows, POPULATION_MIN);
    this.#sections = sections;
    this.#hasher = new ValueHasher(keys.values);
  }

  holds(field: EdmField): boolean {
    return hasField(this.fields, field);
  }

  /** So many of its numbers are taken that one alone says little. */
  isDense(field: EdmField): boolean {
    return (this.facts.oneIn[field] ?? ONE_IN_MIN) < ONE_IN_MIN;
  }

  /** By the quick hash of a folded word: whether it may be part of somebody's name. */
  mayBeName(word: number): boolean {
    return filterKnows(this.#sections.words, word);
  }

  mayBePair(one: number, other: number): boolean {
    return filterKnows(this.#sections.filter, pairMark(one, other));
  }

  /** By the quick hash of the value. */
  mayBe(field: EdmField, hash: number): boolean {
    return filterKnows(this.#sections.filter, valueMark(field, hash));
  }

  /** Whether the filter lets the value pass. */
  mayHold(field: EdmField, value: string): boolean {
    return this.mayBe(field, quickHash(value, this.seed));
  }

  find(field: EdmField, value: string): RowList | null {
    this.#hasher.hash(field, value);
    const { hi, lo, slots } = this.#sections;
    const at = this.#placeOf(this.#hasher.hi, this.#hasher.lo);
    if (at >= hi.length || hi[at] !== this.#hasher.hi || lo[at] !== this.#hasher.lo) return null;
    return this.#rowsAt(slots, at);
  }

  #placeOf(high: number, low: number): number {
    const { hi, lo } = this.#sections;
    let from = 0;
    let to = hi.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const there = hi[middle] ?? 0;
      if (there < high || (there === high && (lo[middle] ?? 0) < low)) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #rowsAt(slots: Uint32Array, at: number): RowList | null {
    const slot = slots[at] ?? 0;
    if (slot < LIST_BIT) return { rows: slots, from: at, count: 1 };
    const { lists } = this.#sections;
    const from = slot - LIST_BIT + 1;
    const count = Math.min(lists[from - 1] ?? 0, lists.length - from);
    return count > 0 ? { rows: lists, from, count } : null;
  }
}

/** Whether the row is in the list. */
export function hasRow({ rows, from, count }: RowList, row: number): boolean {
  let low = from;
  let high = from + count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] ?? 0) < row) low = middle + 1;
    else high = middle;
  }
  return low < from + count && rows[low] === row;
}
