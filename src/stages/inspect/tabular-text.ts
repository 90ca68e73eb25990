/**
 * Lays a table of comma, semicolon or tab separated values out so that every cell follows its column's heading
 * (RFC 4180): `MRN: 12345`, for the label detectors.
 * Promises: linear time, output bounded by `charsMax`; a text that is no table comes back unchanged.
 */

const SEPARATORS = [",", ";", "\t", "|"] as const;
const COLUMNS_MAX = 200;
const HEADING_CHARS_MAX = 60;

export function layOutTable(text: string, charsMax: number): string {
  const head = headOf(text);
  if (head === null) return text;
  const rows = readRows(text.slice(head.from), head.separator);
  const headings = rows.next().value ?? [];
  const isHeading =
    headings.length > 1 && headings.every((cell) => !/\d{3}|@/.test(cell) && cell.length <= HEADING_CHARS_MAX);
  if (!isHeading || headings.length > COLUMNS_MAX) return text;
  const lines = [text.slice(0, head.from) + headings.join("\t")];
  let length = 0;
  for (const row of rows) {
    const line = row.map((cell, index) => (cell === "" ? "" : `${headings[index] ?? ""}: ${cell}`)).join("\t");
    length += line.length + 1;
    // The rest of the rows is still read, only without their headings.
    if (length > charsMax) return `${lines.join("\n")}\n${text}`;
    lines.push(line);
  }
  return lines.join("\n");
}

/** The cells of one line; quotes count as in a table of commas. */
export function cellsOf(line: string, separator: string): readonly string[] {
  return readRows(line, separator).next().value ?? [];
}

const HEAD_CHARS = 20_000;
/** Lines that may stand above the heading: a title, a date, an empty one. */
const TITLE_LINES_MAX = 5;

/** The heading is the first line full of cells that the next one is parted like; where there is none, the first line. */
function headOf(text: string): { readonly from: number; readonly separator: string } | null {
  const lines = text.slice(0, HEAD_CHARS).split("\n", TITLE_LINES_MAX + 2);
  let from = 0;
  for (const [index, line] of lines.slice(0, TITLE_LINES_MAX + 1).entries()) {
    const separator = separatorOf(line);
    const count = (of: string): number => (separator === null ? 0 : of.split(separator).length);
    const isFull = separator !== null && isMostlyFull(line.split(separator));
    if (separator !== null && isFull && count(line) === count(lines[index + 1] ?? "")) return { from, separator };
    from += line.length + 1;
  }
  const separator = separatorOf(lines[0] ?? "");
  return separator === null ? null : { from: 0, separator };
}

/** Titles in a table's first cell have empty ones behind them. */
function isMostlyFull(cells: readonly string[]): boolean {
  return cells.filter((cell) => cell.trim() !== "").length * 2 > cells.length;
}

/** The separator that occurs most in the first line. */
function separatorOf(line: string): string | null {
  let best: { readonly separator: string; readonly count: number } | null = null;
  for (const separator of SEPARATORS) {
    const count = line.split(separator).length - 1;
    if (count > (best?.count ?? 0)) best = { separator, count };
  }
  return best?.separator ?? null;
}

function* readRows(text: string, separator: string): Generator<readonly string[], undefined> {
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const isQuoted = text[at] === '"';
    const end = endOfCell(text, isQuoted ? endOfQuoted(text, at) : at, separator);
    const raw = text.slice(at, end);
    row.push((isQuoted ? raw.replace(/^"|"$/g, "").replaceAll('""', '"') : raw).trim());
    at = end + 1;
    if (text[end] !== separator) {
      yield row;
      row = [];
      if (text[end] === "\r" && text[end + 1] === "\n") at = end + 2;
    }
  }
  if (row.length > 0) yield row;
}

function endOfCell(text: string, from: number, separator: string): number {
  let at = from;
  while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at += 1;
  return at;
}

/** Index after the closing quote; an unclosed one ends with its line, as most readers do not agree on more. */
function endOfQuoted(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length) {
    if (text[at] === '"') {
      if (text[at + 1] !== '"') break;
      at += 1;
    }
    at += 1;
  }
  return Math.min(at + 1, text.length);
}
