/** `postern dlp test`: runs the tests of rule packs, one result each, for people, programs and build servers (JUnit). */
import { Command, Option } from "commander";
import { ASSUMED_INDEXES } from "../../../stages/inspect/compile-edm.ts";
import { testPackFile } from "../../../stages/inspect/pack-file.ts";
import type { PackError } from "../../../stages/inspect/pack-file.ts";
import { Finding } from "../../cli-error.ts";
import { junitOf } from "../../dlp/junit.ts";
import type { TestRow } from "../../dlp/junit.ts";
import { printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";

type TestOptions = { readonly json?: boolean; readonly junit?: boolean };

const COLUMNS: readonly Column<TestRow>[] = [
  { title: "PACK", text: ({ pack }) => pack },
  { title: "TEST", text: ({ name }) => name },
  { title: "WHERE", text: ({ failures }) => failures.map(({ place }) => place).join(", ") },
  { title: "FAILURE", text: ({ failures }) => failures.map(({ message }) => message).join("; "), isFlexible: true },
];

export function testCommand(): Command {
  return new Command("test")
    .argument("<files...>", "rule packs")
    .description("run the tests that rule packs carry, and say how each ended")
    .option("--json", "one JSON object a test")
    .addOption(new Option("--junit", "one JUnit XML document, for build servers").conflicts("json"))
    .addHelpText(
      "after",
      "\nA pack that does not compile has one result, which fails with its errors: compiles." +
        "\nExit codes: 0 all tests pass, 1 some fail or a pack does not compile, 2 wrong usage." +
        "\nExamples:\n  postern dlp test my-pack.yaml\n  postern dlp test --junit config/dlp/*.yaml > dlp.xml",
    )
    .action(test);
}

function test(files: readonly string[], options: TestOptions): void {
  const rows = files.flatMap(rowsOf);
  const failed = rows.filter(({ failures }) => failures.length > 0);
  const output = standardOutput();
  if (options.junit === true) output.line(junitOf(rows));
  else if (options.json === true) printJsonLines(output, rows);
  else {
    if (failed.length > 0) printTable(output, COLUMNS, failed);
    output.line(`${rows.length - failed.length} passed, ${failed.length} failed`);
  }
  if (failed.length > 0) throw new Finding();
}

function rowsOf(path: string): readonly TestRow[] {
  const testing = testPackFile(path, ASSUMED_INDEXES);
  if (!testing.ok) return [{ pack: path, name: "compiles", failures: testing.errors.map(failureOf) }];
  return testing.results.map(({ name, errors }) => ({ pack: testing.pack.id, name, failures: errors.map(failureOf) }));
}

function failureOf({ file, line, column, message }: PackError): TestRow["failures"][number] {
  return { place: `${file}:${line}:${column}`, message };
}
