/** `postern config check | schema`: tells whether the service would start with this file, and what the file may say. */
import { Command } from "commander";
import type { Config } from "../../parts/config/config.ts";
import { EdmError } from "../../parts/edm/edm-error.ts";
import { indexOf, readIndex } from "../../parts/edm/edm-file.ts";
import { EdmKey } from "../../parts/edm/edm-hash.ts";
import type { EdmIndex } from "../../parts/edm/edm-index.ts";
import { ASSUMED_INDEXES, indexesOf } from "../../stages/inspect/compile-edm.ts";
import { configJsonSchema } from "../../parts/config/config-schema.ts";
import { loadConfig } from "../../parts/config/config.ts";
import { formatYamlError } from "../../parts/config/yaml-source.ts";
import type { YamlError } from "../../parts/config/yaml-source.ts";
import { oldIndexes } from "../../detection.ts";
import { unaddressed } from "../../pack-addresses.ts";
import { overlapsOf } from "../../pack-overlaps.ts";
import type { NamedPack } from "../../pack-overlaps.ts";
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

async function check(file: string | undefined, options: { readonly json?: boolean }, command: Command): Promise<void> {
  const path = file ?? configPathOf(command);
  const loading = loadConfig(path, configEnvironment());
  const output = standardOutput();
  const packs = loading.ok ? await lookAtPacks(path, loading.config) : { errors: loading.errors, warnings: [] };
  const errors = packs.errors;
  const warnings = [...loading.warnings, ...packs.warnings];
  if (options.json === true) {
    const rows = (severity: string, found: readonly YamlError[]) => found.map((error) => ({ severity, ...error }));
    printJsonLines(output, [...rows("error", errors), ...rows("warning", warnings)]);
    if (errors.length > 0) throw new Finding();
    return;
  }
  for (const warning of warnings) output.line(`warning: ${formatYamlError(warning)}`);
  if (!loading.ok || errors.length > 0) throw configErrors(path, errors);
  for (const allowed of loading.config.allowed) output.line(`opt-out: ${allowed}`);
  output.line(`rule packs: ${loading.config.dlp.packs.join(", ") || "none"}`);
  output.line(`${path}: valid`);
}

type Looked = { readonly errors: readonly YamlError[]; readonly warnings: readonly YamlError[] };

/** The service loads its rule packs at the start and at a reload: what would refuse one there is told here. */
async function lookAtPacks(path: string, config: Config): Promise<Looked> {
  const { found, errors } = await openEach(path, config.dlp.edm);
  // Where an index cannot be opened, packs are still looked at for everything else.
  const indexes = errors.length === 0 ? indexesOf(found) : ASSUMED_INDEXES;
  const named: NamedPack[] = [];
  const ofPacks = config.dlp.packs.flatMap((pack) => {
    const loading = loadPackFile(pack, indexes);
    if (!loading.ok) return loading.errors;
    named.push({ path: pack, id: loading.pack.id, bases: loading.bases });
    return unaddressed(loading.pack, config.dlp).map((message) => aboutPack(pack, "rules", message));
  });
  const ages = Object.fromEntries(Array.from(found, ([name, { facts }]) => [name, facts.created]));
  const old = oldIndexes({ indexes: ages, now: Date.now() }, config.alerts.edmIndexDays).map(({ code, facts }) =>
    aboutPack(path, `dlp.edm ${facts?.["index"]}`, `${code} was built ${facts?.["days"]} days ago; build it anew`),
  );
  const twice = overlapsOf(named).map(({ path: pack, why, next }) => aboutPack(pack, "pack", `${why}; ${next}`));
  return { errors: [...errors, ...ofPacks], warnings: [...old, ...twice] };
}

function aboutPack(file: string, path: string, message: string): YamlError {
  return { file, line: 1, column: 1, path, message };
}

type Opened = { readonly found: ReadonlyMap<string, EdmIndex>; readonly errors: readonly YamlError[] };

async function openEach(path: string, indexes: Config["dlp"]["edm"]): Promise<Opened> {
  const found = new Map<string, EdmIndex>();
  const errors: YamlError[] = [];
  for (const { name, file, key } of indexes) {
    try {
      found.set(name, indexOf(await readIndex(file, new EdmKey(key.bytes()))));
    } catch (error) {
      if (!(error instanceof EdmError)) throw error;
      const message = `${error.code} ${error.message}; ${error.next}`;
      errors.push({ file: path, line: 1, column: 1, path: `dlp.edm ${name}`, message });
    }
  }
  return { found, errors };
}
