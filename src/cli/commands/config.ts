/** `postern config check | schema`: tells whether the service would start with this file, and what the file may say. */
import { Command } from "commander";
import { configJsonSchema } from "../../parts/config/config-schema.ts";
import { loadConfig } from "../../parts/config/config.ts";
import { formatYamlError } from "../../parts/config/yaml-source.ts";
import type { YamlError } from "../../parts/config/yaml-source.ts";
import { unaddressed } from "../../pack-addresses.ts";
import type { Config } from "../../parts/config/config.ts";
import { loadPackFile } from "../../stages/inspect/pack-file.ts";
import { Finding } from "../cli-error.ts";
import { printJsonLines, standardOutput } from "../output.ts";
import { configEnvironment, configErrors, configPathOf } from "../surroundings.ts";

export function configCommand(): Command {
  const command = new Command("config").description("check the configuration, or print its schema");
  command
    .command("check")
    .argument("[file]", "configuration to check; default: --config")
    .description("print every error and warning at once, with file, line and column")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExamples:\n  postern config check\n  postern config check ./new.yaml && systemctl reload postern",
    )
    .action(check);
  command
    .command("schema")
    .description("print the JSON Schema of postern.yaml, for editors")
    .addHelpText("after", "\nExample:\n  postern config schema > postern.schema.json")
    .action(() => standardOutput().line(JSON.stringify(configJsonSchema(), null, 2)));
  return command;
}

function check(file: string | undefined, options: { readonly json?: boolean }, command: Command): void {
  const path = file ?? configPathOf(command);
  const loading = loadConfig(path, configEnvironment());
  const output = standardOutput();
  const errors = loading.ok ? packErrors(loading.config) : loading.errors;
  if (options.json === true) {
    const rows = (severity: string, found: readonly YamlError[]) => found.map((error) => ({ severity, ...error }));
    printJsonLines(output, [...rows("error", errors), ...rows("warning", loading.warnings)]);
    if (errors.length > 0) throw new Finding();
    return;
  }
  for (const warning of loading.warnings) output.line(`warning: ${formatYamlError(warning)}`);
  if (!loading.ok || errors.length > 0) throw configErrors(path, errors);
  for (const allowed of loading.config.allowed) output.line(`opt-out: ${allowed}`);
  output.line(`rule packs: ${loading.config.dlp.packs.join(", ")}`);
  output.line(`${path}: valid`);
}

/** The service loads its rule packs at the start and at a reload: what would refuse one there is told here. */
function packErrors({ dlp }: Config): readonly YamlError[] {
  return dlp.packs.flatMap((pack) => {
    const loading = loadPackFile(pack);
    if (!loading.ok) return loading.errors;
    return unaddressed(loading.pack, dlp).map((message) => ({
      file: pack,
      line: 1,
      column: 1,
      path: "rules",
      message,
    }));
  });
}
