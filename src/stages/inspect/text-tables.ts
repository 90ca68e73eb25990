/**
 * Tables that stand in a plain text, parted by tabs, bars, semicolons, commas or laid out with blanks: each row told once more with
 * every cell behind its column's heading (`MRN: 12345`), for the label detectors.
 * Promises: linear time; at most `charsMax` characters; an empty text where there is no table. Pure.
 */
import { cellsOf } from "./tabular-text.ts";

const SEPARATORS = ["\t", "|", ";", ","] as const;
const LINE_CHARS_MAX = 2_000;
const COLUMNS_MAX = 100;
const HEADING_CHARS_MAX = 40;
const HEADING_WORDS_MAX = 5;
/** Lines of another kind after which a table is over: notes, blank lines and page breaks stand between rows. */
const STRAY_LINES_MAX = 3;
/** Lines between a heading and its first row. */
const LINES_BELOW_HEADING_MAX = 2;
/** `-----`, `+---+---+`, `|:--|--:|`, and nothing at all. */
const RULE = /^[\s|+:=_-]{0,2000}$/;
const MARKED = /[\t|;,]|\S {2}/;

/** The cells of a line that is a row of the table; null where it is none. */
type Parting = (line: string) => readonly string[] | null;
type Table = { readonly headings: readonly string[]; readonly part: Parting };

export function tablesIn(text: string, charsMax: number): string {
  const lines = text.split("\n");
  const told: string[] = [];
  let chars = 0;
  let table: Table | null = null;
  let strays = 0;
  for (const [index, raw] of lines.entries()) {
    const line = raw.trimEnd();
    if (line.length > LINE_CHARS_MAX || (table === null && !MARKED.test(line))) continue;
    const row: readonly string[] | null = table?.part(line) ?? null;
    if (table !== null && row !== null) {
      strays = 0;
      const shown = rowOf(table.headings, row);
      chars += shown.length + 1;
      if (chars > charsMax) break;
      told.push(shown);
      continue;
    }
    strays += 1;
    if (table !== null && strays <= STRAY_LINES_MAX) continue;
    table = tableBelow(line, lines, index);
    strays = 0;
  }
  return told.join("\n");
}

function rowOf(headings: readonly string[], row: readonly string[]): string {
  return row.map((cell, column) => (cell === "" ? "" : `${headings[column] ?? ""}: ${cell}`)).join("\t");
}

/** The table whose heading the line is: the next line that says something is parted as it is. */
function tableBelow(line: string, lines: readonly string[], index: number): Table | null {
  if (/\d{3}|@/.test(line)) return null;
  const next = lines.slice(index + 1, index + 2 + LINES_BELOW_HEADING_MAX).find((each) => !RULE.test(each));
  if (next === undefined || next.length > LINE_CHARS_MAX) return null;
  for (const table of [...SEPARATORS.map((separator) => parted(line, separator)), laidOut(line)]) {
    if (table !== null && table.part(next.trimEnd()) !== null) return table;
  }
  return null;
}

function parted(line: string, separator: string): Table | null {
  if (!line.includes(separator)) return null;
  const headings = between(line, separator);
  if (!areHeadings(headings)) return null;
  // Empty cells at the end of a row are not always written.
  const fewest = separator === "\t" ? 2 : headings.length;
  const part = (row: string): readonly string[] | null => {
    if (!row.includes(separator) || RULE.test(row)) return null;
    const cells = between(row, separator);
    return cells.length >= fewest && cells.length <= headings.length ? cells : null;
  };
  return { headings, part };
}

/** Bars often stand around the row, too. */
function between(line: string, separator: string): readonly string[] {
  if (separator !== "|") return cellsOf(line, separator);
  return line
    .trim()
    .replace(/^\|/, "")
    .replace(/\|$/, "")
    .split("|")
    .map((cell) => cell.trim());
}

/** Columns that blanks lay out begin where their headings begin; rows whose cells lie otherwise are parted by wide gaps. */
function laidOut(line: string): Table | null {
  const found = [...line.matchAll(/\S+(?: \S+)*/g)];
  const headings = found.map(([heading]) => heading);
  if (!areHeadings(headings)) return null;
  const starts = found.map(({ index }) => index);
  const part = (row: string): readonly string[] | null => {
    if (RULE.test(row)) return null;
    const wide = row.trim().split(/ {2,}/);
    if (wide.length === headings.length) return wide;
    const isAligned = starts.every((start) => start === 0 || row.length <= start || row[start - 1] === " ");
    if (!isAligned || row.length <= (starts[1] ?? 0)) return null;
    const cells = starts.map((start, column) => row.slice(column === 0 ? 0 : start, starts[column + 1]).trim());
    return cells.filter((cell) => cell !== "").length > 1 ? cells : null;
  };
  return { headings, part };
}

function areHeadings(cells: readonly string[]): boolean {
  return cells.length > 1 && cells.length <= COLUMNS_MAX && cells.every(isHeading);
}

function isHeading(cell: string): boolean {
  return (
    /\p{L}/u.test(cell) &&
    cell.length <= HEADING_CHARS_MAX &&
    cell.split(" ", HEADING_WORDS_MAX + 1).length <= HEADING_WORDS_MAX
  );
}
