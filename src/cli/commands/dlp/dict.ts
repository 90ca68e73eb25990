/** `postern dlp dict`: lists of terms and codes for rule packs, built from what publishers give. */
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { LIST_KINDS, readTermList } from "../../../stages/inspect/term-list.ts";
import type { ListKind, TermList } from "../../../stages/inspect/term-list.ts";
import { CliError, Finding } from "../../cli-error.ts";
import { buildDict, rebuildDict } from "../../dlp/dict-build.ts";
import type { DictBuilt } from "../../dlp/dict-build.ts";
import { FORMATS } from "../../dlp/dict-sources.ts";
import type { Format } from "../../dlp/dict-sources.ts";
import { collect } from "../../dlp/packs.ts";
import { printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";

export function dictCommand(): Command {
  const command = new Command("dict").description("build and verify lists of terms and codes that rule packs name");
  return command.addCommand(buildCommand()).addCommand(rebuildCommand()).addCommand(verifyCommand());
}

function buildCommand(): Command {
  return new Command("build")
    .argument("<sources...>", "files of the publisher")
    .description("make a list out of lines, a table, RxNorm, the FDA's NDC directory or LOINC")
    .requiredOption("--out <file>", "list to write, such as drugs.dict")
    .requiredOption("--source <text>", "where the terms come from, with the version")
    .requiredOption("--licence <text>", "under which licence they are used")
    .option("--date <date>", "date of the source, YYYY-MM-DD; default: today", requireDate)
    .addOption(
      new Option("--kind <kind>", "terms to find, or codes to confirm")
        .choices(LIST_KINDS.filter((kind) => kind !== "weights"))
        .default("terms"),
    )
    .addOption(new Option("--format <format>", "how the sources are read").choices(FORMATS).default("lines"))
    .option("--column <name>", "column of a csv or tsv file to take, more than once for several", collect)
    .option("--without <file>", "words not to take, one a line; more than once for several", collect)
    .option("--letters-min <number>", "letters a term must have", requireCount, 4)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nPostern ships no list that others own. Get these from their publishers and mind their terms:" +
        "\n  rxnorm  RXNCONSO.RRF, National Library of Medicine: ingredients and brands" +
        "\n  ndc     product.txt, FDA: names and substances of prescription drugs" +
        "\n  loinc   Loinc.csv, Regenstrief Institute: what is measured" +
        "\nA pack uses the list with `type: dictionary` and `file: drugs.dict`, codes with `among: { file: codes.dict }`." +
        "\nExit codes: 0 built, 1 not built: what was there before is untouched, 2 wrong usage." +
        "\nExamples:" +
        '\n  postern dlp dict build RXNCONSO.RRF --format rxnorm --out drugs.dict \\\n    --source "RxNorm 2026-11" --licence "public domain"' +
        '\n  postern dlp dict build product.txt --format ndc --kind codes --out ndc.dict \\\n    --source "FDA NDC 2026-11" --licence "public domain"' +
        '\n  postern dlp dict build wards.csv --format csv --column Name --out wards.dict \\\n    --source "our wards" --licence "our own"',
    )
    .action(build);
}

type BuildOptions = {
  readonly out: string;
  readonly source: string;
  readonly licence: string;
  readonly date?: string;
  readonly kind: ListKind;
  readonly format: Format;
  readonly column?: readonly string[];
  readonly without?: readonly string[];
  readonly lettersMin: number;
  readonly json?: boolean;
};

async function build(sources: readonly string[], options: BuildOptions): Promise<void> {
  const { out, date = today(), column = [], without = [], json, ...rest } = options;
  for (const [name, text] of [
    ["--source", rest.source],
    ["--licence", rest.licence],
  ] as const) {
    if (!/^[^\n\r]{2,300}$/.test(text))
      throw new CliError(`${name} is one line of text`, { next: DESCRIBE, exitCode: 2 });
  }
  const built = await buildDict(sources, out, { ...rest, date, columns: column, without });
  printBuilt([built], json === true);
}

function printBuilt(all: readonly DictBuilt[], asJson: boolean): void {
  const output = standardOutput();
  if (asJson) return printJsonLines(output, all);
  for (const { file, count, kind, leftOut } of all) {
    output.line(`${file}: ${count} ${kind}`);
    for (const [why, number] of Object.entries(leftOut)) output.line(`  ${number} left out: ${why}`);
  }
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function rebuildCommand(): Command {
  return new Command("rebuild")
    .argument("<files...>", "lists built by dlp dict build and edited since")
    .description("put edited lists in order: sorted, each term once, with a hash that fits")
    .option("--date <date>", "date of the list, YYYY-MM-DD; default: today", requireDate)
    .option("--json", "one JSON object a list")
    .addHelpText(
      "after",
      "\nWrite new terms on lines of their own, anywhere below the header, and take others out; then rebuild." +
        "\nSource and licence stay as the header says them; blank lines and those that begin with # go." +
        "\nExit codes: 0 rebuilt, 1 not rebuilt: that list is untouched, 2 wrong usage." +
        "\nExample:\n  echo sotatercept >> us-drugs.dict && postern dlp dict rebuild us-drugs.dict",
    )
    .action((files: readonly string[], { date = today(), json }: { readonly date?: string; readonly json?: boolean }) =>
      printBuilt(
        files.map((file) => rebuildDict(file, readList(file), date)),
        json === true,
      ),
    );
}

const DESCRIBE = "Say where the terms come from and under which licence they are used, each on one line.";

function requireDate(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError("It is YYYY-MM-DD.");
}

function requireCount(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number from 1 to 99.");
}

type Verified = { readonly file: string; readonly count: number } & Omit<TermList, "terms">;

const COLUMNS: readonly Column<Verified>[] = [
  { title: "FILE", text: ({ file }) => file },
  { title: "KIND", text: ({ kind }) => kind },
  { title: "COUNT", text: ({ count }) => String(count), alignRight: true },
  { title: "DATE", text: ({ date }) => date },
  { title: "LICENCE", text: ({ licence }) => licence, isFlexible: true },
  { title: "SOURCE", text: ({ source }) => source, isFlexible: true },
];

function verifyCommand(): Command {
  return new Command("verify")
    .argument("<files...>", "lists built by dlp dict build")
    .description("say whether lists are as they were built, and where they come from")
    .option("--json", "one JSON object a list")
    .addHelpText(
      "after",
      "\nThe hash of a list tells whether it was changed since. One that was edited on purpose: postern dlp dict rebuild." +
        "\nExit codes: 0 all are as they were built, 1 some are not, 2 wrong usage." +
        "\nExample:\n  postern dlp dict verify /etc/postern/dlp/*.dict",
    )
    .action(verify);
}

function verify(files: readonly string[], options: { readonly json?: boolean }): void {
  const good: Verified[] = [];
  const faults: { readonly file: string; readonly line: number; readonly message: string }[] = [];
  for (const file of files) {
    const reading = readTermList(readList(file));
    if (reading.ok) {
      const { terms, ...header } = reading.list;
      good.push({ file, count: terms.length, ...header });
    } else for (const fault of reading.faults) faults.push({ file, ...fault });
  }
  const output = standardOutput();
  if (options.json === true) printJsonLines(output, [...good, ...faults]);
  else {
    for (const { file, line, message } of faults) output.line(`${file}:${line}: ${message}`);
    if (good.length > 0) printTable(output, COLUMNS, good);
  }
  if (faults.length > 0) throw new Finding();
}

function readList(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw new CliError(`PST-INS-003 ${file} cannot be read (${why})`, {
      next: "Check the path and its permissions.",
      exitCode: 2,
    });
  }
}
