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
/** Of a heading with blanks and quotes around it. */
const PART_CHARS_MAX = HEADING_CHARS_MAX + 10;
/** Lines of another kind after which a table is over: notes, blank lines and page breaks stand between rows. */
const STRAY_LINES_MAX = 3;
/** Lines between a heading and its first row. */
const LINES_BELOW_HEADING_MAX = 2;
/** `-----`, `+---+---+`, `|:--|--:|`, and nothing at all. */
const RULE = /^[\s|+:=_-]{0,2000}$/;
const [BLANK, TAB, BAR, COMMA, SEMICOLON] = [32, 9, 124, 44, 59] as const;
/** Between words of a list rather than of a sentence. */
const TIGHT = /[,;][A-Za-z"]/;
const WIDE_GAP = /[A-Za-z0-9)] {2,40}\S/;
const NO_HEADING = /\d{3}|@/;

/** The cells of a line that is a row of the table; null where it is none. */
type Parting = (line: string) => readonly string[] | null;
type Table = { readonly headings: readonly string[]; readonly part: Parting };

export function tablesIn(text: string, charsMax: number): string {
  if (!mayHoldTable(text)) return "";
  const told: string[] = [];
  let chars = 0;
  let table: Table | null = null;
  let strays = 0;
  for (let from = 0, to = lineEnd(text, 0); from < text.length; from = to + 1, to = lineEnd(text, from)) {
    if (to - from > LINE_CHARS_MAX || (table === null && !mayBeHeading(text, from, to))) continue;
    const line = text.slice(from, to).trimEnd();
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
    table = tableBelow(line, nextRow(text, to + 1));
    strays = 0;
  }
  return told.join("\n");
}

/** False for most prose, at little cost: each table told holds one of these. */
function mayHoldTable(text: string): boolean {
  if (text.includes("\t") || text.includes("|")) return true;
  return (text.includes("  ") && WIDE_GAP.test(text)) || TIGHT.test(text);
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** False for most lines of prose, in one look at each character: what stands between two commas is long there. */
function mayBeHeading(text: string, from: number, to: number): boolean {
  let part = from;
  let blank = from;
  let hasParts = false;
  for (let at = from; at < to; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BLANK) {
      if (blank === at - 1 && blank > from) return true;
      blank = at;
    } else if (code === TAB || code === BAR) {
      return true;
    } else if (code === COMMA || code === SEMICOLON) {
      if (at - part > PART_CHARS_MAX) return false;
      part = at + 1;
      hasParts = true;
    }
  }
  return hasParts && to - part <= PART_CHARS_MAX;
}

function rowOf(headings: readonly string[], row: readonly string[]): string {
  return row.map((cell, column) => (cell === "" ? "" : `${headings[column] ?? ""}: ${cell}`)).join("\t");
}

/** The table whose heading the line is: the next line that says something is parted as it is. */
function tableBelow(line: string, next: string | null): Table | null {
  if (next === null || NO_HEADING.test(line)) return null;
  for (const separator of SEPARATORS) {
    const table = mayBeParted(line, next, separator) ? parted(line, separator) : null;
    if (table !== null && table.part(next) !== null) return table;
  }
  const table = line.includes("  ") ? laidOut(line) : null;
  return table === null || table.part(next) === null ? null : table;
}

function nextRow(text: string, start: number): string | null {
  let from = start;
  for (let n = 0; n <= LINES_BELOW_HEADING_MAX && from < text.length; n += 1) {
    const to = lineEnd(text, from);
    if (to - from > LINE_CHARS_MAX) return null;
    const line = text.slice(from, to).trimEnd();
    if (!RULE.test(line)) return line;
    from = to + 1;
  }
  return null;
}

/** Two lines of prose seldom hold as many commas. */
function mayBeParted(line: string, next: string, separator: string): boolean {
  if (!line.includes(separator) || !next.includes(separator)) return false;
  return separator === "\t" || next.includes('"') || countOf(next, separator) === countOf(line, separator);
}

function countOf(line: string, separator: string): number {
  let count = 0;
  for (let at = line.indexOf(separator); at >= 0; at = line.indexOf(separator, at + 1)) count += 1;
  return count;
}

function parted(line: string, separator: string): Table | null {
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
