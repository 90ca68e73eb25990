/**
 * Builds an index from a CSV of patients as it is read.
 * Promises: memory does not hold the text; errors name lines and columns, never a value; nothing is given back when more than
 * `unreadableShareMax` of a column cannot be read as what it is said to hold.
 */
import { EdmBuilder } from "./edm-builder.ts";
import { EdmError } from "./edm-error.ts";
import { fieldsOfKinds, kindOfHeading, LONE_FIELDS } from "./edm-fields.ts";
import type { ColumnKind } from "./edm-fields.ts";
import type { EdmKey } from "./edm-hash.ts";
import type { EdmColumn, EdmFacts, Sections } from "./edm-index.ts";
import type { DateOrder } from "./edm-values.ts";
import { CsvReader, delimiterOf } from "./csv-rows.ts";
import type { CsvRow } from "./csv-rows.ts";
import { addRow } from "./patient-row.ts";

export type BuildOptions = {
  /** As it stands in errors. */
  readonly name: string;
  readonly key: EdmKey;
  /** By heading; null leaves a column out. Columns not named are known by their heading, or left out. */
  readonly columns: ReadonlyMap<string, ColumnKind | null>;
  readonly dates: DateOrder;
  /** null: whichever stands most often in the heading. */
  readonly delimiter: string | null;
  readonly rowsMax: number;
  readonly bytes: number;
  readonly now: number;
  readonly onProgress: (rows: number) => void;
};

export type BuiltIndex = {
  readonly facts: EdmFacts;
  readonly sections: Sections;
  /** Headings of columns left out. */
  readonly leftOut: readonly string[];
  /** `patients.csv:12: birth_date`, the first of them. */
  readonly unreadable: readonly string[];
};

const LIMITS = { rowCharsMax: 65_536, cellsMax: 256 };
const FAULTS_MAX = 20;
const UNREADABLE_SHARE_MAX = 0.1;
const BYTES_PER_VALUE = 8;
const PROGRESS_ROWS = 1_000;

/** Throws EdmError PST-EDM-004. */
export async function buildIndex(texts: AsyncIterable<string>, options: BuildOptions): Promise<BuiltIndex> {
  const build = new Build(options);
  for await (const text of texts) build.read(text);
  return build.finish();
}

class Build {
  readonly #options: BuildOptions;
  readonly #builder: EdmBuilder;
  readonly #faults: string[] = [];
  readonly #unreadable: string[] = [];
  #heading = "";
  #csv: CsvReader | null = null;
  #kinds: readonly (ColumnKind | null)[] = [];
  #headings: readonly string[] = [];
  #values: number[] = [];
  #unread: number[] = [];
  #hasHeading = false;

  constructor(options: BuildOptions) {
    this.#options = options;
    this.#builder = new EdmBuilder(options.key.lookupKeys(), Math.ceil(options.bytes / BYTES_PER_VALUE));
  }

  read(text: string): void {
    if (this.#csv === null) {
      this.#heading += text;
      const end = this.#heading.search(/[\r\n]/);
      if (end < 0 && this.#heading.length <= LIMITS.rowCharsMax) return;
      this.#begin(this.#heading.slice(0, Math.max(0, end)));
      this.#readRows(this.#heading);
      this.#heading = "";
      return;
    }
    this.#readRows(text);
  }

  finish(): BuiltIndex {
    if (this.#csv === null) {
      this.#begin(this.#heading);
      this.#readRows(this.#heading);
    }
    for (const row of this.#csv?.end() ?? []) this.#row(row);
    this.#refuseFaults();
    const { rows } = this.#builder;
    if (rows === 0) throw this.#fault("holds no patients", "give a CSV with a heading and a row for each patient.");
    const columns = this.#headings.flatMap((heading, index): readonly EdmColumn[] => {
      const kind = this.#kinds[index] ?? null;
      const [values, unreadable] = [this.#values[index] ?? 0, this.#unread[index] ?? 0];
      return kind === null ? [] : [{ heading, kind, values, unreadable }];
    });
    const { sections, values, oneIn } = this.#builder.finish();
    const fields = fieldsOfKinds(columns.map(({ kind }) => kind));
    const facts = { created: this.#options.now, keyId: this.#options.key.id, rows, columns, fields, values, oneIn };
    const leftOut = this.#headings.filter((_, index) => this.#kinds[index] === null);
    return { facts, sections, leftOut, unreadable: this.#unreadable };
  }

  #begin(heading: string): void {
    const { name, delimiter } = this.#options;
    this.#csv = new CsvReader(name, delimiter ?? delimiterOf(heading), LIMITS);
  }

  #readRows(text: string): void {
    for (const row of this.#csv?.read(text) ?? []) this.#row(row);
  }

  #row({ line, cells }: CsvRow): void {
    if (!this.#hasHeading) {
      this.#readHeading(cells);
      return;
    }
    const { name, rowsMax, onProgress } = this.#options;
    if (cells.length !== this.#kinds.length) {
      this.#faults.push(`${name}:${line}: ${cells.length} cells where the heading has ${this.#kinds.length}`);
      if (this.#faults.length >= FAULTS_MAX) this.#refuseFaults();
      return;
    }
    if (this.#builder.rows >= rowsMax)
      throw this.#fault(`has more than ${rowsMax} rows`, "raise --rows-max, or split it into two indexes.");
    for (let column = 0; column < cells.length; column += 1) {
      if ((cells[column] ?? "").trim() !== "") this.#values[column] = (this.#values[column] ?? 0) + 1;
    }
    const { dates, now } = this.#options;
    const yearMax = new Date(now).getUTCFullYear();
    addRow(this.#builder, cells, {
      kinds: this.#kinds,
      dates,
      yearMax,
      onUnreadable: (column) => this.#tellUnreadable(line, column),
    });
    if (this.#builder.rows % PROGRESS_ROWS === 0) onProgress(this.#builder.rows);
  }

  #tellUnreadable(line: number, column: number): void {
    this.#unread[column] = (this.#unread[column] ?? 0) + 1;
    if (this.#unreadable.length < FAULTS_MAX) {
      this.#unreadable.push(`${this.#options.name}:${line}: ${this.#headings[column] ?? ""}`);
    }
  }

  #readHeading(cells: readonly string[]): void {
    this.#hasHeading = true;
    const { columns } = this.#options;
    this.#headings = cells.map((cell) => cell.replace(/^\uFEFF/, "").trim());
    for (const wanted of columns.keys()) {
      if (this.#headings.includes(wanted)) continue;
      throw this.#fault(`has no column "${wanted}"`, `its columns are: ${this.#headings.join(", ")}.`);
    }
    this.#kinds = this.#headings.map((heading) =>
      columns.has(heading) ? (columns.get(heading) ?? null) : kindOfHeading(heading),
    );
    const fields = fieldsOfKinds(this.#kinds.filter((kind) => kind !== null));
    const isUseful = fields.length > 1 || LONE_FIELDS.some((field) => fields.includes(field));
    if (!isUseful) {
      throw this.#fault(
        "has too few columns of a known kind",
        "say what they hold with --column HEADING=KIND, more than once.",
      );
    }
  }

  /** All that can be told at once. */
  #refuseFaults(): void {
    const { name } = this.#options;
    const lines = [...this.#faults];
    this.#headings.forEach((heading, column) => {
      const [values, unread] = [this.#values[column] ?? 0, this.#unread[column] ?? 0];
      if (unread <= values * UNREADABLE_SHARE_MAX) return;
      lines.push(`${name}: ${heading}: ${unread} of ${values} cells are no ${this.#kinds[column] ?? ""}`);
    });
    if (lines.length === 0) return;
    throw new EdmError("PST-EDM-004", `${name} has ${lines.length === 1 ? "1 error" : `${lines.length} errors`}`, {
      next: "correct the file, or name the kinds of its columns with --column and the order of dates with --dates.",
      lines,
    });
  }

  #fault(what: string, next: string): EdmError {
    return new EdmError("PST-EDM-004", `${this.#options.name} ${what}`, { next });
  }
}
