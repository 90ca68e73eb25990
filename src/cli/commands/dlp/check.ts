/** `postern dlp check`: tells whether rule packs would load. */
import { Command } from "commander";
import { loadPackFile } from "../../../stages/inspect/pack-file.ts";
import { Finding } from "../../cli-error.ts";
import { ASSUMED_INDEXES } from "../../../stages/inspect/compile-edm.ts";
import { requirePack } from "../../dlp/packs.ts";
import { counted, standardOutput } from "../../output.ts";

export function checkCommand(): Command {
  return new Command("check")
    .argument("<files...>", "rule packs to check")
    .description("load rule packs, print every error with its place, run their tests")
    .option("--json", "one JSON object a line: an error with its place, or what was loaded")
    .addHelpText(
      "after",
      "\nExit codes: 0 all load, 1 one does not, 2 wrong usage." +
        "\nExamples:\n  postern dlp check my-pack.yaml\n  postern dlp check --json config/dlp/*.yaml",
    )
    .action(check);
}

function check(paths: readonly string[], options: { readonly json?: boolean }): void {
  const output = standardOutput();
  if (options.json === true) {
    const isFine = paths.map((path) => checkedAsJson(path, (row) => output.line(JSON.stringify(row))));
    if (isFine.includes(false)) throw new Finding();
    return;
  }
  for (const path of paths) {
    const { pack, tests } = requirePack(path, ASSUMED_INDEXES);
    const text = `${counted(pack.detectors.length, "detector")}, ${counted(pack.rules.length, "rule")}, ${counted(tests, "test")} passed`;
    output.line(`${path}: valid; ${text}`);
  }
}

function checkedAsJson(file: string, print: (row: object) => void): boolean {
  const loading = loadPackFile(file, ASSUMED_INDEXES);
  if (!loading.ok) for (const error of loading.errors) print(error);
  else {
    const { pack, tests } = loading;
    const { id, sha256, detectors, rules } = pack;
    print({ file, pack: id, sha256, detectors: detectors.length, rules: rules.length, tests });
  }
  return loading.ok;
}
