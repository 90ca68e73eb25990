/**
 * The tables of an HTML text with each cell behind its column's heading, since a label may stand above its value.
 * Promises: only short cells are looked at; tables within tables each by themselves; bounded by the text.
 */
import { TableRows } from "../../parts/extraction/table-rows.ts";

const CELL_PIECES_MAX = 40;
const DEPTH_MAX = 50;

type Table = { readonly rows: TableRows; row: Map<number, string>; cellAt: number | null };

export class HtmlTables {
  readonly #pieces: readonly string[];
  readonly #told: string[];
  readonly #open: Table[] = [];

  /** `pieces` of the text as it grows; `told` takes the rows. */
  constructor(pieces: readonly string[], told: string[]) {
    this.#pieces = pieces;
    this.#told = told;
  }

  /** Called at each tag of a table, before the text that it makes. */
  tag(name: string, isEnd: boolean): void {
    if (name === "table") {
      if (isEnd) this.#end();
      else if (this.#open.length < DEPTH_MAX) this.#open.push({ rows: new TableRows(), row: new Map(), cellAt: null });
      return;
    }
    const table = this.#open.at(-1);
    if (table === undefined) return;
    this.#endCell(table);
    if (name === "tr") this.#endRow(table);
    else if (!isEnd) table.cellAt = this.#pieces.length;
  }

  #end(): void {
    const table = this.#open.pop();
    if (table === undefined) return;
    this.#endCell(table);
    this.#endRow(table);
  }

  #endCell(table: Table): void {
    if (table.cellAt === null) return;
    const isShort = this.#pieces.length - table.cellAt <= CELL_PIECES_MAX;
    const text = isShort ? this.#pieces.slice(table.cellAt).join("").replace(/\s+/g, " ").trim() : "";
    table.row.set(table.row.size, text);
    table.cellAt = null;
  }

  #endRow(table: Table): void {
    if (table.row.size === 0) return;
    // The row as it stands is in the text already.
    const headed = table.rows.layOut(table.row).split("\n")[1] ?? "";
    if (headed !== "") this.#told.push(headed);
    table.row = new Map();
  }
}
