/** The header of an index file: what may be known without the key. Promises: total; anything but a sound header is null. Pure. */
import { COLUMN_KINDS } from "./edm-fields.ts";
import type { ColumnKind, EdmField } from "./edm-fields.ts";
import { SECTIONS } from "./edm-index.ts";
import type { EdmColumn, EdmFacts } from "./edm-index.ts";

export type EdmHeader = EdmFacts & {
  readonly version: 1;
  /** Hex, of the key of this one file. */
  readonly salt: string;
  /** Of the sections, in 32 bit numbers. */
  readonly lengths: readonly number[];
};

export function parseHeader(text: string, known: readonly EdmField[]): EdmHeader | null {
  const value = parseJson(text);
  if (!isRecord(value)) return null;
  const { version, created, keyId, salt, rows, columns, fields, values, oneIn, lengths } = value;
  if (version !== 1 || !isCount(created) || !isHex(keyId) || !isHex(salt) || !isCount(rows) || !isCount(values))
    return null;
  if (
    !isListOf(columns, isColumn) ||
    !isListOf(fields, (field): field is EdmField => known.some((name) => name === field))
  )
    return null;
  if (!isListOf(lengths, isCount) || lengths.length !== SECTIONS.length || !isRecord(oneIn)) return null;
  const taken = Object.entries(oneIn).filter(
    ([field, count]) => known.some((name) => name === field) && isCount(count),
  );
  return { version, created, keyId, salt, rows, columns, fields, values, oneIn: Object.fromEntries(taken), lengths };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says that the file is damaged.
    return null;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isHex(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{16,64}$/.test(value);
}

function isListOf<T>(value: unknown, is: (entry: unknown) => entry is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= 1_000 && value.every(is);
}

function isColumn(value: unknown): value is EdmColumn {
  return (
    isRecord(value) &&
    typeof value["heading"] === "string" &&
    isKind(value["kind"]) &&
    isCount(value["values"]) &&
    isCount(value["unreadable"])
  );
}

function isKind(value: unknown): value is ColumnKind {
  return COLUMN_KINDS.some((kind) => kind === value);
}
