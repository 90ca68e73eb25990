/**
 * Reads the rows of a CSV as its text comes, piece by piece (RFC 4180; quoted cells may hold line ends and doubled quotes).
 * Promises: memory is one row; every row knows the line it begins on; a row over its limits is an error that names the line and
 * not the text.
 */
import { EdmError } from "./edm-error.ts";

export type CsvLimits = { readonly rowCharsMax: number; readonly cellsMax: number };
export type CsvRow = { readonly line: number; readonly cells: readonly string[] };

const QUOTE = 34;
const LF = 10;
const CR = 13;
const DELIMITERS = [",", ";", "\t", "|"] as const;

/** The sign that stands most often in the heading. */
export function delimiterOf(heading: string): string {
  const counts = DELIMITERS.map((sign) => heading.split(sign).length - 1);
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ",";
}

export class CsvReader {
  readonly #delimiter: number;
  readonly #limits: CsvLimits;
  readonly #name: string;
  #cells: string[] = [];
  #cell = "";
  #state: "start" | "plain" | "quoted" | "closed" = "start";
  #line = 1;
  #rowLine = 1;
  #chars = 0;
  #afterCr = false;

  /** `name` stands in errors. */
  constructor(name: string, delimiter: string, limits: CsvLimits) {
    this.#name = name;
    this.#delimiter = delimiter.charCodeAt(0);
    this.#limits = limits;
  }

  /** Rows that end in this piece of text. */
  *read(text: string): Generator<CsvRow> {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      const isBreak = code === LF || code === CR;
      if (this.#state === "quoted") {
        if (code === LF) this.#line += 1;
        if (code !== QUOTE) continue;
        this.#take(text.slice(from, at));
        this.#state = "closed";
        from = at + 1;
        continue;
      }
      if (code === QUOTE) {
        if (this.#state === "closed") {
          // Doubled: one of it, and the cell goes on.
          this.#cell += '"';
          this.#state = "quoted";
          from = at + 1;
        } else if (this.#state === "start") {
          this.#state = "quoted";
          from = at + 1;
        }
        continue;
      }
      if (code === this.#delimiter || isBreak) {
        if (this.#state !== "closed") this.#take(text.slice(from, at));
        from = at + 1;
        if (isBreak && code === LF && this.#afterCr && this.#isEmpty()) {
          this.#afterCr = false;
          continue;
        }
        this.#endCell();
        if (isBreak) yield* this.#endRow();
        this.#afterCr = code === CR;
        continue;
      }
      if (this.#state === "closed") throw this.#fault("a quoted cell goes on behind its quote");
      this.#state = "plain";
      this.#afterCr = false;
    }
    if (from < text.length && this.#state !== "closed") this.#take(text.slice(from));
  }

  /** A last row without its line end. */
  *end(): Generator<CsvRow> {
    if (this.#state === "quoted") throw this.#fault("a quoted cell does not end");
    if (this.#isEmpty()) return;
    this.#endCell();
    yield* this.#endRow();
  }

  #isEmpty(): boolean {
    return this.#cells.length === 0 && this.#cell === "" && this.#state === "start";
  }

  #take(text: string): void {
    this.#cell = this.#cell === "" ? text : this.#cell + text;
    this.#chars += text.length;
    if (this.#chars > this.#limits.rowCharsMax) {
      throw this.#fault(`a row is longer than ${this.#limits.rowCharsMax} characters; a quote may be missing`);
    }
  }

  #endCell(): void {
    if (this.#cells.length >= this.#limits.cellsMax) throw this.#fault(`has more than ${this.#limits.cellsMax} cells`);
    this.#cells.push(this.#cell);
    this.#cell = "";
    this.#state = "start";
  }

  *#endRow(): Generator<CsvRow> {
    const row = { line: this.#rowLine, cells: this.#cells };
    this.#cells = [];
    this.#chars = 0;
    this.#line += 1;
    this.#rowLine = this.#line;
    if (row.cells.length > 1 || row.cells[0] !== "") yield row;
  }

  #fault(what: string): EdmError {
    return new EdmError("PST-EDM-004", `${this.#name}:${this.#rowLine}: ${what}`, {
      next: "correct the file; nothing was built.",
    });
  }
}
