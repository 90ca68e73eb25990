/**
 * Reads terms or codes out of the files publishers give: plain lines, tables, RxNorm, the FDA's NDC directory, LOINC.
 * Promises: a file is read line by line, whatever its size; errors name file and line.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { ListKind } from "../../stages/inspect/term-list.ts";
import { CliError } from "../cli-error.ts";

export const FORMATS = ["lines", "csv", "tsv", "rxnorm", "ndc", "loinc"] as const;
export type Format = (typeof FORMATS)[number];

const LINE_CHARS_MAX = 64 * 1024;

/** What one line of a table holds, by column. */
type Row = (column: string) => string;
type Table = {
  readonly separator: "," | "\t" | "|";
  /** Names of the columns where the file does not say them. */
  readonly header?: readonly string[];
  readonly valuesOf: (row: Row, kind: ListKind) => readonly string[];
};

/** RXNCONSO.RRF (RxNorm technical documentation, section 12.4). */
const RXNCONSO = "RXCUI LAT TS LUI STT SUI ISPREF RXAUI SAUI SCUI SDUI SAB TTY CODE STR SRL SUPPRESS CVF".split(" ");
/** Ingredients and brands; clinical drugs are names of eight words that stand in no mail. */
const RXNORM_NAMES = new Set(["IN", "PIN", "MIN", "BN"]);

const TABLES: Readonly<Record<"rxnorm" | "ndc" | "loinc", Table>> = {
  rxnorm: {
    separator: "|",
    header: RXNCONSO,
    valuesOf: (row, kind) => {
      const isName = row("SAB") === "RXNORM" && RXNORM_NAMES.has(row("TTY")) && row("SUPPRESS") === "N";
      if (!isName) return [];
      return kind === "codes" ? [row("RXCUI")] : [row("STR")];
    },
  },
  ndc: {
    separator: "\t",
    // What is sold without a prescription has brands such as Fresh.
    valuesOf: (row, kind) => {
      if (!row("PRODUCTTYPENAME").includes("PRESCRIPTION")) return [];
      if (kind === "codes") return [row("PRODUCTNDC")];
      return [row("PROPRIETARYNAME"), row("NONPROPRIETARYNAME"), ...row("SUBSTANCENAME").split(";")];
    },
  },
  loinc: {
    separator: ",",
    valuesOf: (row, kind) => {
      if (row("STATUS") !== "ACTIVE") return [];
      return kind === "codes" ? [row("LOINC_NUM")] : [row("COMPONENT"), row("CONSUMER_NAME")];
    },
  },
};

export type SourceOptions = { readonly format: Format; readonly kind: ListKind; readonly columns: readonly string[] };

/** Every value of a file, as it stands there. */
export async function* valuesIn(path: string, { format, kind, columns }: SourceOptions): AsyncGenerator<string> {
  if (format === "lines") {
    for await (const { line } of linesOf(path)) if (!line.startsWith("#")) yield line;
    return;
  }
  const table = format === "csv" || format === "tsv" ? plainTable(format, columns) : TABLES[format];
  let header = table.header;
  for await (const { line, number } of linesOf(path)) {
    const fields = fieldsOf(line, table.separator);
    if (fields === null) throw sourceError(`${path}:${number}: a quotation is not closed`);
    if (header === undefined) {
      header = fields;
      continue;
    }
    yield* table.valuesOf(rowOf(header, fields, path), kind);
  }
}

function plainTable(format: "csv" | "tsv", columns: readonly string[]): Table {
  if (columns.length === 0) throw sourceError(`--format ${format} needs --column: the column that holds the terms`);
  return { separator: format === "csv" ? "," : "\t", valuesOf: (row) => columns.map(row) };
}

function rowOf(header: readonly string[], fields: readonly string[], path: string): Row {
  return (column) => {
    const at = header.indexOf(column);
    if (at >= 0) return fields[at] ?? "";
    const known = header.slice(0, 30).join(", ");
    throw sourceError(`${path}:1: there is no column ${column}; it has ${known}`);
  };
}

async function* linesOf(path: string): AsyncGenerator<{ readonly line: string; readonly number: number }> {
  const input = createReadStream(path, "utf8");
  let number = 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (/[\uFFFD\0]/.test(line))
        throw sourceError(`${path}:${number}: no text in UTF-8; save it anew in that encoding`);
      if (line.length > LINE_CHARS_MAX)
        throw sourceError(`${path}:${number}: longer than ${LINE_CHARS_MAX} characters`);
      if (line.trim() !== "") yield { line: number === 1 ? line.replace(/^\uFEFF/, "") : line, number };
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    const why = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new CliError(`PST-INS-020 ${path} cannot be read (${why})`, { next: "Check the path and its permissions." });
  } finally {
    input.destroy();
  }
}

/** Fields of one line; null where a quotation is open at its end. */
function fieldsOf(line: string, separator: string): readonly string[] | null {
  if (separator !== ",") return line.split(separator).map((field) => field.trim());
  const fields: string[] = [];
  for (let at = 0; at <= line.length;) {
    if (line[at] === '"') {
      const field = /"((?:[^"]|"")*)"(?:,|$)/y;
      field.lastIndex = at;
      const match = field.exec(line);
      if (match === null) return null;
      fields.push((match[1] ?? "").replaceAll('""', '"').trim());
      at = field.lastIndex === line.length && !line.endsWith(",") ? line.length + 1 : field.lastIndex;
    } else {
      const end = line.indexOf(",", at);
      fields.push(line.slice(at, end < 0 ? line.length : end).trim());
      at = end < 0 ? line.length + 1 : end + 1;
    }
  }
  return fields;
}

function sourceError(what: string): CliError {
  return new CliError(`PST-INS-020 ${what}`, {
    next: "Correct the source or say how it is to be read: --format, --column.",
  });
}
