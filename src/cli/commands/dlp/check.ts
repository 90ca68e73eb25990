/** `postern dlp check`: tells whether a rule pack would load. */
import { Command } from "commander";
import { requirePack } from "../../dlp/packs.ts";
import { standardOutput } from "../../output.ts";

export function checkCommand(): Command {
  return new Command("check")
    .argument("<file>", "rule pack to check")
    .description("load a rule pack, print every error with its place, run its tests")
    .addHelpText("after", "\nExample:\n  postern dlp check config/dlp/us-hipaa.yaml")
    .action(check);
}

function check(path: string): void {
  const { pack, tests } = requirePack(path);
  const text = `${pack.detectors.length} detectors, ${pack.rules.length} rules, ${tests} tests passed`;
  standardOutput().line(`${path}: valid; ${text}`);
}
