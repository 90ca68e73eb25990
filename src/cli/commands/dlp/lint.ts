/** `postern dlp lint`: what is legal in rule packs but probably wrong. Runs no mail. */
import { Command } from "commander";
import { ASSUMED_INDEXES } from "../../../stages/inspect/compile-edm.ts";
import { compilePackFile } from "../../../stages/inspect/pack-file.ts";
import { overlapsOf } from "../../../pack-overlaps.ts";
import type { NamedPack, Overlap } from "../../../pack-overlaps.ts";
import { Finding } from "../../cli-error.ts";
import { lintPack } from "../../dlp/lint/lint.ts";
import type { LintRow } from "../../dlp/lint/lint.ts";
import { packErrors } from "../../dlp/packs.ts";
import { counted, printable, printJsonLines, standardOutput } from "../../output.ts";

export function lintCommand(): Command {
  return new Command("lint")
    .argument("<files...>", "rule packs")
    .description(
      "say what is legal in rule packs but probably wrong: what never holds, finds too much, or is never tested",
    )
    .option("--json", "one JSON object a line: file, line, column, path, severity, check, why, next")
    .addHelpText(
      "after",
      "\nWhat is meant so is left out with a comment on its line, or on the line before: # lint: ok CHECK" +
        "\nExit codes: 0 nothing, or notes only, 1 warnings or a pack that does not compile, 2 wrong usage." +
        "\nExamples:\n  postern dlp lint my-pack.yaml\n  postern dlp lint --json config/dlp/*.yaml",
    )
    .action(lint);
}

function lint(files: readonly string[], options: { readonly json?: boolean }): void {
  const packs = files.map(compiled);
  const rows = [...packs.flatMap(({ rows: own }) => own), ...overlapsOf(packs).map(judgedTwice)];
  const warnings = rows.filter(({ severity }) => severity === "warning").length;
  const output = standardOutput();
  if (options.json === true) printJsonLines(output, rows);
  else {
    for (const { file, line, column, severity, check, why, next } of rows)
      output.line(printable(`${file}:${line}:${column} ${severity} ${check}: ${why}. ${next}`));
    output.line(`${counted(warnings, "warning")}, ${counted(rows.length - warnings, "note")}`);
  }
  if (warnings > 0) throw new Finding();
}

type Linted = NamedPack & { readonly rows: readonly LintRow[] };

function compiled(path: string): Linted {
  const compiling = compilePackFile(path, ASSUMED_INDEXES);
  if (!compiling.ok) throw packErrors(path, compiling.errors);
  const { source, text, bases, pack } = compiling;
  return { path, id: pack.id, bases, rows: lintPack(compiling, source, text) };
}

/** A note: packs that lie beside each other are not always in force together. */
function judgedTwice({ path: file, why, next }: Overlap): LintRow {
  const place = { file, line: 1, column: 1, path: "pack" };
  return {
    ...place,
    severity: "note",
    check: "judged-twice",
    why: `in force together, ${why}`,
    next: `In dlp.packs, ${next}.`,
  };
}
