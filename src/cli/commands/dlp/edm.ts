/** `postern dlp edm build | verify | show`: the index by which exact data match knows a patient. Prints headings and counts, never a value. */
import { accessSync, constants, createReadStream, statSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { buildIndex } from "../../../parts/edm/build-index.ts";
import type { BuiltIndex } from "../../../parts/edm/build-index.ts";
import { readHeader, readIndex, indexOf, writeIndex } from "../../../parts/edm/edm-file.ts";
import { COLUMN_KINDS, LONE_FIELDS } from "../../../parts/edm/edm-fields.ts";
import type { ColumnKind } from "../../../parts/edm/edm-fields.ts";
import type { EdmColumn, EdmFacts } from "../../../parts/edm/edm-index.ts";
import { EdmError } from "../../../parts/edm/edm-error.ts";
import type { DateOrder } from "../../../parts/edm/edm-values.ts";
import { CliError } from "../../cli-error.ts";
import { requireEdmKey } from "../../dlp/edm-key.ts";
import { formatTime, printable, printTable, standardOutput } from "../../output.ts";
import type { Column, Output } from "../../output.ts";
import { progressLine } from "../../progress.ts";

const ROWS_MAX = 20_000_000;
const FILE_BYTES_MAX = 16 * 1024 ** 3;
const CHUNK_BYTES = 1024 * 1024;
/** From here on a number that looks right is a patient's rarely enough to count alone; as in edm-index.ts. */
const ONE_IN_MIN = 1_000;

type BuildArguments = {
  readonly out: string;
  readonly key: string;
  readonly column?: ReadonlyMap<string, ColumnKind | null>;
  readonly dates: DateOrder;
  readonly delimiter?: string;
  readonly encoding: string;
  readonly rowsMax: number;
  readonly json?: boolean;
};

const KEY_OPTION = ["--key <reference>", "the key: file:PATH (mode 0600), credential:NAME or env:NAME"] as const;

export function edmCommand(): Command {
  const command = new Command("edm").description("exact data match: build and check the index of your own patients");
  command.addCommand(buildCommand());
  command
    .command("verify")
    .argument("<index>", "file of an index")
    .description("open an index with its key and prove that all of it is as it was written")
    .requiredOption(...KEY_OPTION)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExit codes: 0 sound, 1 not, or not of this key, 2 wrong usage or no file that can be read.\nExample:\n  postern dlp edm verify patients.edm --key file:/etc/postern/keys/edm.key",
    )
    .action(async (path: string, options: { readonly key: string; readonly json?: boolean }) => verify(path, options));
  command
    .command("show")
    .argument("<index>", "file of an index")
    .description("say what an index holds, from when and of which key; needs no key")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExit codes: 0 it is an index, 1 it is none, 2 wrong usage or no file that can be read.\nExample:\n  postern dlp edm show /var/lib/postern/edm/patients.edm",
    )
    .action(async (path: string, options: { readonly json?: boolean }) => show(path, options));
  return command;
}

function buildCommand(): Command {
  return new Command("build")
    .argument("<csv>", "patients, one a row, below a line of headings")
    .description("build an index of keyed hashes from a CSV; the file is replaced whole, or not at all")
    .requiredOption("--out <file>", "the index to write, mode 0600")
    .requiredOption(...KEY_OPTION)
    .option(
      "--column <heading=kind>",
      `what a column holds, more than once: ${COLUMN_KINDS.join(", ")}, or none`,
      addColumn,
    )
    .addOption(
      new Option("--dates <order>", "order of day and month in numbers").choices(["mdy", "dmy"]).default("mdy"),
    )
    .option("--delimiter <sign>", "between cells; default: what the headings show", oneSign)
    .option("--encoding <name>", "of the CSV", "utf-8")
    .option("--rows-max <rows>", "refuse a CSV with more rows", rowCount, ROWS_MAX)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nColumns whose headings say what they hold (first_name, last name, DOB, MRN, SSN, e-mail, …) need no --column." +
        "\nExit codes: 0 built, 1 not built: what was there before is untouched, 2 wrong usage.\n" +
        "\nExamples:\n  postern keys new /etc/postern/keys/edm.key" +
        "\n  postern dlp edm build patients.csv --out patients.edm --key file:/etc/postern/keys/edm.key" +
        '\n  postern dlp edm build export.txt --out patients.edm --key credential:edm.key \\\n    --column "Pat No=mrn" --column Ward=none',
    )
    .action(build);
}

function addColumn(
  text: string,
  before: ReadonlyMap<string, ColumnKind | null> = new Map(),
): ReadonlyMap<string, ColumnKind | null> {
  const at = text.lastIndexOf("=");
  const heading = text.slice(0, Math.max(0, at));
  const wanted = text.slice(at + 1);
  const kind = COLUMN_KINDS.find((each) => each === wanted);
  if (heading === "" || (kind === undefined && wanted !== "none")) {
    throw new InvalidArgumentError(`Write HEADING=KIND; kinds are ${COLUMN_KINDS.join(", ")} and none.`);
  }
  return new Map([...before, [heading, kind ?? null]]);
}

function oneSign(text: string): string {
  const sign = text === "\\t" || text === "tab" ? "\t" : text;
  if (sign.length !== 1 || /[\w"\r\n]/.test(sign)) throw new InvalidArgumentError("Give one sign, such as ; or tab.");
  return sign;
}

function rowCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > ROWS_MAX)
    throw new InvalidArgumentError(`Give a number from 1 to ${ROWS_MAX}.`);
  return count;
}

async function build(csv: string, options: BuildArguments): Promise<void> {
  const bytes = sizeOf(csv);
  const key = requireEdmKey(options.key);
  const progress = progressLine("indexed", "rows");
  const built = await withCliErrors(() =>
    buildIndex(textsOf(csv, options.encoding), {
      name: csv,
      key,
      columns: options.column ?? new Map(),
      dates: options.dates,
      delimiter: options.delimiter ?? null,
      rowsMax: options.rowsMax,
      bytes,
      now: Date.now(),
      onProgress: (rows) => progress.tell(rows, null),
    }),
  ).finally(() => progress.end());
  await withCliErrors(async () => writeIndex(options.out, built.facts, { sections: built.sections, key }));
  const output = standardOutput();
  if (options.json === true) {
    output.line(
      JSON.stringify({
        index: options.out,
        ...jsonOf(built.facts),
        left_out: built.leftOut,
        unreadable: built.unreadable,
      }),
    );
    return;
  }
  printFacts(output, options.out, built.facts);
  printNotes(output, built);
}

function printNotes(output: Output, { leftOut, unreadable }: BuiltIndex): void {
  if (leftOut.length > 0) output.line(printable(`left out: ${leftOut.join(", ")}`));
  if (unreadable.length > 0) output.line("cells that say nothing to look for, the first of them:");
  for (const place of unreadable) output.line(printable(`  ${place}`));
}

function sizeOf(path: string): number {
  let size: number;
  try {
    const stat = statSync(path);
    accessSync(path, constants.R_OK);
    size = stat.isFile() ? stat.size : -1;
  } catch {
    size = -1;
  }
  if (size < 0)
    throw new CliError(`PST-EDM-004 ${path} cannot be read`, {
      next: "name a CSV file that this user may read.",
      exitCode: 2,
    });
  if (size <= FILE_BYTES_MAX) return size;
  throw new CliError(`PST-EDM-004 ${path} has more than ${FILE_BYTES_MAX} bytes`, {
    next: "split it into two indexes.",
  });
}

async function* textsOf(path: string, encoding: string): AsyncGenerator<string> {
  const decoder = decoderOf(encoding);
  for await (const bytes of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    yield decode(path, () => decoder.decode(bytes as Buffer, { stream: true }));
  }
  yield decode(path, () => decoder.decode());
}

function decoderOf(encoding: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new CliError(`there is no encoding ${encoding}`, {
      next: "give one such as utf-8 or windows-1252.",
      exitCode: 2,
    });
  }
}

function decode(path: string, read: () => string): string {
  try {
    return read();
  } catch {
    throw new CliError(`PST-EDM-004 ${path} is not in this encoding`, {
      next: "say which with --encoding, such as windows-1252.",
    });
  }
}

async function verify(path: string, options: { readonly key: string; readonly json?: boolean }): Promise<void> {
  const key = requireEdmKey(options.key);
  const index = indexOf(await withCliErrors(() => readIndex(path, key)));
  const output = standardOutput();
  if (options.json === true) output.line(JSON.stringify({ index: path, sound: true, ...jsonOf(index.facts) }));
  else
    output.line(
      `${path}: sound; ${index.facts.rows} rows, ${index.facts.values} values, made ${formatTime(index.facts.created)}`,
    );
}

async function show(path: string, options: { readonly json?: boolean }): Promise<void> {
  const facts = await withCliErrors(() => readHeader(path));
  const output = standardOutput();
  if (options.json === true) output.line(JSON.stringify({ index: path, ...jsonOf(facts) }));
  else printFacts(output, path, facts);
}

function jsonOf({ created, keyId, rows, values, columns, fields, oneIn }: EdmFacts): object {
  return { created: new Date(created).toISOString(), key: keyId, rows, values, fields, columns, one_in: oneIn };
}

function printFacts(output: Output, path: string, facts: EdmFacts): void {
  output.line(
    `${path}: ${facts.rows} rows, ${facts.values} values, made ${formatTime(facts.created)}, key ${facts.keyId}`,
  );
  const columns: readonly Column<EdmColumn>[] = [
    { title: "COLUMN", text: ({ heading }) => heading },
    { title: "HOLDS", text: ({ kind }) => kind },
    { title: "CELLS", text: ({ values }) => String(values), alignRight: true },
    { title: "UNREADABLE", text: ({ unreadable }) => String(unreadable), alignRight: true },
    { title: "ALONE", text: (column) => loneWords(facts, column), isFlexible: true },
  ];
  printTable(output, columns, facts.columns);
}

function loneWords({ oneIn }: EdmFacts, { kind }: EdmColumn): string {
  const field = LONE_FIELDS.find((each) => each === kind);
  if (field === undefined) return "never";
  const taken = oneIn[field] ?? Infinity;
  return taken < ONE_IN_MIN ? `weak: one in ${taken} such numbers is a patient's` : "where a pack says so";
}

async function withCliErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EdmError)) throw error;
    // Of a file that cannot be read nothing is known: wrong usage.
    const exitCode = error.code === "PST-EDM-001" ? 2 : 1;
    throw new CliError(`${error.code} ${error.message}`, { next: error.next, lines: error.lines, exitCode });
  }
}
