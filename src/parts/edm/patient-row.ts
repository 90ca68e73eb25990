/**
 * Puts the cells of one row into an index.
 * Promises: a cell that cannot be read as what its column holds is told, never its text; the others of the row are kept.
 */
import type { EdmBuilder } from "./edm-builder.ts";
import { NUMBER_FIELDS } from "./edm-fields.ts";
import type { ColumnKind, EdmField } from "./edm-fields.ts";
import {
  addressValue,
  bareNumberValue,
  dateValue,
  emailValue,
  fullNameWords,
  nameWords,
  numberValue,
  phoneValue,
  ssnValue,
  zipValue,
} from "./edm-values.ts";
import type { DateOrder, NameWords } from "./edm-values.ts";

export type RowReading = {
  readonly kinds: readonly (ColumnKind | null)[];
  readonly dates: DateOrder;
  /** Latest year a date of two digits may mean. */
  readonly yearMax: number;
  /** Told the column of a cell that cannot be read. */
  readonly onUnreadable: (column: number) => void;
};

export function addRow(builder: EdmBuilder, cells: readonly string[], reading: RowReading): void {
  let given = "";
  let surname = "";
  let named = -1;
  for (let column = 0; column < reading.kinds.length; column += 1) {
    const kind = reading.kinds[column] ?? null;
    const cell = (cells[column] ?? "").trim();
    if (kind === null || cell === "") continue;
    if (kind === "given_name" || kind === "surname") named = column;
    if (kind === "given_name") given = `${given} ${cell}`;
    else if (kind === "surname") surname = `${surname} ${cell}`;
    else if (!addCell(builder, { kind, cell }, reading)) reading.onUnreadable(column);
  }
  const words = nameWords(given, surname);
  builder.addName(words);
  const isLost = given !== "" && surname !== "" && (words.given.length === 0 || words.surname.length === 0);
  if (isLost) reading.onUnreadable(named);
  builder.endRow();
}

type Cell = { readonly kind: Exclude<ColumnKind, "given_name" | "surname">; readonly cell: string };

/** False where the cell says nothing that could be sought. */
function addCell(builder: EdmBuilder, { kind, cell }: Cell, reading: RowReading): boolean {
  if (kind === "name") return addFullName(builder, fullNameWords(cell));
  const value = valueOf({ kind, cell }, reading);
  if (value !== null) builder.add(kind, value);
  const bare = isNumber(kind) ? bareNumberValue(cell) : null;
  if (bare !== null && bare !== value) builder.add(kind, bare);
  return value !== null;
}

function isNumber(kind: ColumnKind): boolean {
  return (NUMBER_FIELDS as readonly ColumnKind[]).includes(kind);
}

function addFullName(builder: EdmBuilder, words: NameWords): boolean {
  if (words.given.length === 0 || words.surname.length === 0) return false;
  builder.addName(words);
  return true;
}

function valueOf(
  { kind, cell }: { readonly kind: Exclude<EdmField, "name" | "surname">; readonly cell: string },
  { dates, yearMax }: RowReading,
): string | null {
  switch (kind) {
    case "birth_date":
      return dateValue(cell, dates, yearMax);
    case "mrn":
    case "member_id":
    case "account":
      return numberValue(cell);
    case "ssn":
      return ssnValue(cell);
    case "email":
      return emailValue(cell);
    case "phone":
      return phoneValue(cell);
    case "address":
      return addressValue(cell);
    case "zip":
      return zipValue(cell);
    default:
      return kind satisfies never;
  }
}
