/**
 * Characters of a Word document as a reader sees them (MS-DOC 2.4, 2.8.25): paragraphs, fields, cells.
 * Promises: codes of fields follow their paragraph; rows of tables are laid out with the headings of their columns. Which mark ends a
 * row and which a cell stands elsewhere in the file: a row ends where each row of the table has a mark without a text before it.
 */
import { TableRows } from "./table-rows.ts";
import type { TextCollector } from "./text-collector.ts";

const TOKENS = /[\x07\x0b-\x0e\r\x13-\x15]|[^\x07\x0b-\x0e\r\x13-\x15]+/g; // oxlint-disable-line no-control-regex
const SILENT = /[\x00-\x06\x08\x1f]/g; // oxlint-disable-line no-control-regex
const CELL = "\x07";
const FIELD = "\x13";
const FIELD_RESULT = "\x14";
const FIELD_END = "\x15";
/** Cells of one table that are kept until its rows are known. */
const CELLS_MAX = 10_000;
const COLUMNS_MAX = 64;
const FIELDS_MAX = 1_000;

export class DocText {
  /** True once there was something to see. */
  hasText = false;
  readonly #out: TextCollector;
  #line = "";
  #aside = "";
  /** For each open field, whether its code is under way. */
  readonly #fields: boolean[] = [];
  #cells: string[] = [];

  constructor(out: TextCollector) {
    this.#out = out;
  }

  append(text: string): void {
    for (const [token] of text.matchAll(TOKENS)) this.#token(token);
  }

  endPart(): void {
    this.#fields.length = 0;
    this.#endTable();
    this.#endParagraph();
  }

  end(): void {
    this.endPart();
  }

  #token(token: string): void {
    switch (token) {
      case CELL:
        this.#cells.push(this.#line);
        this.#line = "";
        if (this.#cells.length >= CELLS_MAX) this.#endTable();
        return;
      case FIELD:
        if (this.#fields.length < FIELDS_MAX) this.#fields.push(true);
        return;
      case FIELD_RESULT:
        if (this.#fields.length > 0) this.#fields[this.#fields.length - 1] = false;
        return;
      case FIELD_END:
        this.#fields.pop();
        this.#aside += this.#aside === "" ? "" : "\n";
        return;
      case "\r":
      case "\x0c":
      case "\x0e":
        return this.#endParagraph();
      case "\x0b":
        this.#line += "\n";
        return;
      default:
        return this.#write(token);
    }
  }

  #write(text: string): void {
    // Hyphens that do not break, and those that may; places of pictures and notes.
    const shown = text.replaceAll("\x1e", "-").replace(SILENT, "");
    this.hasText ||= shown.trim() !== "";
    if (this.#fields.at(-1) === true) this.#aside += shown;
    else this.#line += shown;
  }

  /** Within a cell it only breaks the line; before the first cell of a table nobody can tell, and the text is told apart. */
  #endParagraph(): void {
    if (this.#cells.length > 0 && this.#cells.at(-1) !== "") {
      this.#line += "\n";
      return;
    }
    this.#endTable();
    this.#out.append(this.#line);
    this.#out.endLine();
    this.#endAside();
    this.#line = "";
  }

  #endAside(): void {
    this.#out.append(this.#aside);
    this.#out.endLine();
    this.#aside = "";
  }

  #endTable(): void {
    if (this.#cells.length === 0) return;
    const cells = this.#cells;
    this.#cells = [];
    const columns = columnsOf(cells);
    const table = new TableRows();
    for (const cellsOfRow of columns === null ? rowsByMarks(cells) : rowsOf(cells, columns)) {
      const row = [...cellsOfRow.entries()].map(([column, text]) => [column, text.trim()] as const);
      this.#out.append(table.layOut(new Map(row.filter(([, text]) => text !== ""))));
    }
    this.#out.endLine();
    this.#endAside();
  }
}

/** The number of cells after which each of several rows ends with a mark of its own; null where there is none. */
function columnsOf(cells: readonly string[]): number | null {
  for (let columns = 1; columns <= COLUMNS_MAX && (columns + 1) * 2 <= cells.length; columns += 1) {
    if (cells.length % (columns + 1) !== 0) continue;
    let isRow = true;
    for (let at = columns; at < cells.length && isRow; at += columns + 1) isRow = cells[at] === "";
    if (isRow) return columns;
  }
  return null;
}

function* rowsOf(cells: readonly string[], columns: number): Generator<readonly string[], void, undefined> {
  for (let at = 0; at < cells.length; at += columns + 1) yield cells.slice(at, at + columns);
}

function* rowsByMarks(cells: readonly string[]): Generator<readonly string[], void, undefined> {
  let row: string[] = [];
  for (const cell of cells) {
    if (cell !== "") row.push(cell);
    else if (row.length > 0) {
      yield row;
      row = [];
    }
  }
  yield row;
}
