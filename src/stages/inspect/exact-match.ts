/**
 * Tells which values of an index that stand in a text belong to one person.
 * Promises: a match is `minFields` different things known of one row of the index, all within `withinChars` and together unlikely to
 * meet by chance, or one value of a field that may count alone; common values (a name, a date, a ZIP code) never count alone. The row
 * is kept to count people and never told.
 */
import { EDM_FIELDS, fieldBit, groupBit, hasField } from "../../parts/edm/edm-fields.ts";
import type { EdmIndex, RowList } from "../../parts/edm/edm-index.ts";
import { hasRow } from "../../parts/edm/edm-index.ts";
import type { Candidate, ScannedSegment } from "./compiled-pack.ts";
import { findExactValues } from "./exact-values.ts";
import type { ExactValue } from "./exact-values.ts";

export type ExactMethod = {
  readonly kind: "edm";
  readonly index: EdmIndex;
  /** Made of the detector's own invented rows, for the tests of the pack. */
  readonly sample: EdmIndex;
  /** Sets of fields. */
  readonly fields: number;
  readonly alone: number;
  readonly minFields: number;
  readonly withinChars: number;
};

/** Several fields of one row, the name among them only as a surname, one field alone, one whose numbers are too dense. */
const LEVELS = { together: 95, surname: 75, alone: 85, dense: 40 } as const;
/** How likely values may meet in some row without meaning it. */
const CHANCE_MAX = 0.05;
const SURNAME_CHANCE_MAX = 0.005;
/** Values looked at around one. */
const NEIGHBOURS_MAX = 64;
/** A value of more rows than this says too little to begin with. */
const ROWS_MAX = 500;
/** Alone a value counts where so few share it, as a family its telephone. */
const SHARERS_MAX = 12;

/** What is known of one row within the window of one value. */
type Sighting = { groups: number; fields: number; chance: number; end: number };

export function findExact(scan: ScannedSegment, method: ExactMethod): readonly Candidate[] {
  const values = findExactValues(scan, method.index, method.fields & method.index.fields);
  return values.length === 0 ? [] : new ExactMatching(values, method).candidates(scan.isLate);
}

/** The values of one text against one index. */
class ExactMatching {
  readonly #values: readonly ExactValue[];
  readonly #method: ExactMethod;
  /** What the table says, asked for only where enough stands together. */
  readonly #lists = new Map<string, RowList | null>();
  /** Where the last match of a row ends: what stands in it is told already. */
  readonly #covered = new Map<number, number>();

  constructor(values: readonly ExactValue[], method: ExactMethod) {
    this.#values = values;
    this.#method = method;
  }

  candidates(isLate: () => boolean): readonly Candidate[] {
    const found: Candidate[] = [];
    // Whole names first: a surname says less than the name it stands in.
    for (const isSurname of [false, true]) {
      for (const [at, value] of this.#values.entries()) {
        if ((value.field === "surname") !== isSurname) continue;
        if (isLate()) break;
        const candidate = this.#together(value, this.#window(at)) ?? this.#alone(value);
        if (candidate !== null) found.push(candidate);
      }
    }
    return found.toSorted((a, b) => a.start - b.start);
  }

  /** What stands behind a value, as near as it must, and says something else of a person. */
  #window(at: number): readonly ExactValue[] {
    const first = this.#values[at];
    const near: ExactValue[] = [];
    if (first === undefined) return near;
    const furthest = first.start + this.#method.withinChars;
    let groups = groupBit(first.field);
    for (let next = at + 1; next < this.#values.length && near.length < NEIGHBOURS_MAX; next += 1) {
      const value = this.#values[next];
      if (value === undefined || value.start > furthest) break;
      if (value.start < first.end || value.end > furthest || groupBit(value.field) === groupBit(first.field)) continue;
      groups |= groupBit(value.field);
      near.push(value);
    }
    return bitsOf(groups) < this.#method.minFields ? [] : near;
  }

  #together(first: ExactValue, near: readonly ExactValue[]): Candidate | null {
    let best: (Sighting & { readonly row: number }) | null = null;
    for (const [row, sighting] of this.#sightings(first, near)) {
      if (bitsOf(sighting.groups) < this.#method.minFields || sighting.chance > chanceMax(sighting.fields)) continue;
      if ((this.#covered.get(row) ?? 0) > first.start) continue;
      this.#covered.set(row, sighting.end);
      if (best === null || bitsOf(sighting.groups) > bitsOf(best.groups)) best = { row, ...sighting };
    }
    if (best === null) return null;
    const base = isSurnameOnly(best.fields) ? LEVELS.surname : LEVELS.together;
    return candidateOf({ start: first.start, ...best, base });
  }

  /** Of each row that holds the first value: what else of it stands near. */
  #sightings(first: ExactValue, near: readonly ExactValue[]): ReadonlyMap<number, Sighting> {
    const rows = new Map<number, Sighting>();
    const list = near.length === 0 ? null : this.#rowsOf(first);
    if (list === null) return rows;
    for (const value of near) {
      const other = this.#rowsOf(value);
      if (other === null || !this.#tells(list, other)) continue;
      const unlikely = other.count / this.#method.index.population;
      eachCommonRow(list, other, (row) => {
        // The number of rows that hold the first value; each further one makes it the less likely that any does by chance.
        const known = rows.get(row) ?? {
          groups: groupBit(first.field),
          fields: fieldBit(first.field),
          chance: list.count,
          end: first.end,
        };
        see(known, value, unlikely);
        rows.set(row, known);
      });
    }
    return rows;
  }

  /** Two that are common meet in some row anyway; a third must make up for it, where three are asked for. */
  #tells(one: RowList, other: RowList): boolean {
    const { minFields, index } = this.#method;
    return minFields > 2 || (one.count * other.count) / index.population <= CHANCE_MAX;
  }

  #alone({ start, end, field, value, isPlain }: ExactValue): Candidate | null {
    if (!hasField(this.#method.alone, field) || !isPlain) return null;
    const list = this.#rowsOf({ field, value });
    if (list === null || list.count > SHARERS_MAX) return null;
    const row = list.rows[list.from] ?? 0;
    if ((this.#covered.get(row) ?? 0) > start) return null;
    const base = this.#method.index.isDense(field) ? LEVELS.dense : LEVELS.alone;
    return candidateOf({ start, end, row, fields: fieldBit(field), base });
  }

  #rowsOf({ field, value }: Pick<ExactValue, "field" | "value">): RowList | null {
    const key = `${field} ${value}`;
    let list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, (list = this.#method.index.find(field, value)));
    return list;
  }
}

/** A value more of the same row; a whole name takes the place of its surname. */
function see(known: Sighting, { field, start, end }: ExactValue, unlikely: number): void {
  if (field === "name" && hasField(known.fields, "surname")) {
    known.fields = (known.fields & ~fieldBit("surname")) | fieldBit("name");
    known.end = Math.max(known.end, end);
  }
  if ((known.groups & groupBit(field)) !== 0 || start < known.end) return;
  known.groups |= groupBit(field);
  known.fields |= fieldBit(field);
  known.chance *= unlikely;
  known.end = end;
}

function eachCommonRow(one: RowList, other: RowList, tell: (row: number) => void): void {
  const [fewer, more] = one.count <= other.count ? [one, other] : [other, one];
  if (fewer.count > ROWS_MAX) return;
  for (let at = fewer.from; at < fewer.from + fewer.count; at += 1) {
    const row = fewer.rows[at] ?? 0;
    if (hasRow(more, row)) tell(row);
  }
}

type Found = {
  readonly start: number;
  readonly end: number;
  readonly row: number;
  readonly fields: number;
  readonly base: number;
};

/** The value counts people: one row is one, wherever and however it is written. */
function candidateOf({ start, end, row, fields, base }: Found): Candidate {
  return { start, end, value: `edm row ${row}`, base, fields: EDM_FIELDS.filter((field) => hasField(fields, field)) };
}

function isSurnameOnly(fields: number): boolean {
  return hasField(fields, "surname") && !hasField(fields, "name");
}

function chanceMax(fields: number): number {
  return isSurnameOnly(fields) ? SURNAME_CHANCE_MAX : CHANCE_MAX;
}

function bitsOf(set: number): number {
  let count = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
