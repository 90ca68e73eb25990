/**
 * Tells the rows of a database dump: what `INSERT INTO … (columns) VALUES` and PostgreSQL's `COPY … FROM stdin` put in, each value behind
 * its column, which the statement names or a `CREATE TABLE` before it. Promises: pure; linear time.
 */
import { labelOf } from "../key-fields.ts";
import type { RecordLines } from "./record-lines.ts";

const STATEMENT =
  /\b(?:insert\s{1,20}into|copy)\s{1,20}([\w.`"[\]]{1,200})\s{0,20}(?:\(([^()]{1,4000})\)\s{0,20})?(values|from\s{1,20}stdin)/gi;
const CREATION = /\bcreate\s{1,20}table\s{1,20}(?:if\s{1,20}not\s{1,20}exists\s{1,20})?([\w.`"[\]]{1,200})\s{0,20}\(/gi;
/** The name of a column at the start of a line of a `CREATE TABLE`, and what begins others. */
const COLUMN = /^\s{0,40}[`"[]?(\w{1,100})[`"\]]?\s{1,20}\w/;
const NO_COLUMN = /^\s{0,40}(?:primary|unique|key|index|constraint|foreign|check|fulltext)\b/i;
const COLUMNS_MAX = 200;
const COLUMN_LINE_CHARS_MAX = 400;
/** A text, with its quote doubled or escaped, another value, or a mark between them. */
const VALUE = /\s{0,100}(?:[nNeE]?'((?:[^'\\]|''|\\[^]){0,20000})'|([^\s,()';][^,()';]{0,200})|([,()]))/y;

export function hasSql(text: string): boolean {
  return /\binsert\s{1,20}into\b|\bfrom\s{1,20}stdin\b/i.test(text);
}

export function tellSql(text: string, lines: RecordLines): void {
  const tables = columnsOf(text);
  let done = 0;
  for (const found of text.matchAll(STATEMENT)) {
    if (lines.isFull) return;
    if (found.index < done) continue;
    const columns = found[2]?.split(",").map(columnLabel) ?? tables.get(columnLabel(found[1] ?? "")) ?? [];
    const from = found.index + found[0].length;
    const tell = found[3]?.toLowerCase() === "values" ? tellTuples : tellCopied;
    done = tell(text, { from, columns }, lines);
  }
}

/** The columns of each table that is created one a line, as programs write it. */
function columnsOf(text: string): ReadonlyMap<string, readonly string[]> {
  const tables = new Map<string, readonly string[]>();
  let done = 0;
  for (const found of text.matchAll(CREATION)) {
    if (found.index < done) continue;
    const columns: string[] = [];
    let from = text.indexOf("\n", found.index) + 1;
    for (let n = 0; n < COLUMNS_MAX && from > 0; n += 1) {
      const line = text.slice(from, from + COLUMN_LINE_CHARS_MAX).split("\n", 1)[0] ?? "";
      const column = NO_COLUMN.test(line) ? undefined : COLUMN.exec(line)?.[1];
      if (column === undefined) break;
      columns.push(columnLabel(column));
      done = from;
      from = text.indexOf("\n", from) + 1;
    }
    tables.set(columnLabel(found[1] ?? ""), columns);
  }
  return tables;
}

function columnLabel(name: string): string {
  return labelOf(name.replaceAll(/[`"[\]\s]/g, ""));
}

type Rows = { readonly from: number; readonly columns: readonly string[] };

/** `('a', 2), ('b', 3)`; what is neither value nor mark ends them. Where they end. */
function tellTuples(text: string, { from, columns }: Rows, lines: RecordLines): number {
  const value = new RegExp(VALUE);
  value.lastIndex = from;
  let column = 0;
  let depth = 0;
  let end = from;
  for (let found = value.exec(text); found !== null && !lines.isFull; found = value.exec(text)) {
    const [, quoted, bare, mark] = found;
    end = value.lastIndex;
    if (mark === "(") depth += 1;
    else if (mark === ")") depth -= 1;
    else if (mark === ",") column += 1;
    else if (depth === 0) break;
    else lines.add(columns[column] ?? "", quoted === undefined ? (bare ?? "") : unquoted(quoted));
    if (mark === "(" && depth === 1) column = 0;
  }
  return end;
}

function unquoted(text: string): string {
  return text.replaceAll("''", "'").replaceAll(/\\(.)/g, "$1");
}

/** Rows of tabs up to `\.` (PostgreSQL, text format); `\N` is no value. Where they end. */
function tellCopied(text: string, { from, columns }: Rows, lines: RecordLines): number {
  const mark = text.indexOf("\n\\.", from);
  const end = mark === -1 ? text.length : mark;
  const rows = text.slice(text.indexOf("\n", from) + 1, end);
  for (const row of rows.split("\n")) {
    if (lines.isFull) break;
    for (const [column, cell] of row.split("\t").entries())
      if (cell.trim() !== "\\N") lines.add(columns[column] ?? "", cell);
  }
  return end;
}
