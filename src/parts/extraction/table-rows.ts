/**
 * Lays the rows of a table out: as they stand, and once more with each cell behind its column's heading, since a label and its
 * value may stand beside or below one another. Promises: pure; a row takes at most three times its text and its headings.
 */

const HEADING_CHARS_MAX = 60;
const CELL_CHARS_MAX = 200;
const COLUMNS_MAX = 200;
/** Titles and blank rows may stand above the headings. */
const HEADING_ROWS_MAX = 20;

/** Cells by their column; a column without one is missing. */
export type Row = ReadonlyMap<number, string>;

export class TableRows {
  #headings: Row | null = null;
  #rows = 0;

  /** The lines of the next row, each with its end. */
  layOut(row: Row): string {
    const cells = [...row].filter(([, text]) => text !== "");
    if (cells.length === 0) return "";
    const plain = `${cells.map(([, text]) => text).join("\t")}\n`;
    this.#rows += 1;
    if (this.#headings === null) {
      if (this.#rows <= HEADING_ROWS_MAX && isHeading(row)) this.#headings = row;
      return plain;
    }
    const headed = cells
      .filter(([column, text]) => this.#headings?.has(column) === true && isShort(text))
      .map(([column, text]) => `${this.#headings?.get(column) ?? ""}: ${text}`);
    return headed.length === 0 ? plain : `${plain}${headed.join("\t")}\n`;
  }
}

function isHeading(row: Row): boolean {
  if (row.size < 2 || row.size > COLUMNS_MAX) return false;
  return [...row.values()].every((text) => text.length <= HEADING_CHARS_MAX && !/\d{3}|@|\n/.test(text));
}

function isShort(text: string): boolean {
  return text.length <= CELL_CHARS_MAX && !text.includes("\n");
}
