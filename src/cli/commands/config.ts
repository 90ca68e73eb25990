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
import { formatYamlError, readYaml } from "../../parts/config/yaml-source.ts";
import type { YamlError } from "../../parts/config/yaml-source.ts";
import { oldIndexes } from "../../detection.ts";
import { unaddressed } from "../../pack-addresses.ts";
import { overlapsOf } from "../../pack-overlaps.ts";
import type { NamedPack } from "../../pack-overlaps.ts";
import { loadPackFile } from "../../stages/inspect/pack-file.ts";
import { Finding } from "../cli-error.ts";
import { compare, comparedRows, compareUnread, printCompared } from "../config-comparison.ts";
import type { Comparison } from "../config-comparison.ts";
import { printJsonLines, standardOutput } from "../output.ts";
import { pictureWarnings } from "../picture-warnings.ts";
import type { ErrorAt } from "../picture-warnings.ts";
import { configEnvironment, configErrors, configPathOf, isClosed } from "../surroundings.ts";

export function configCommand(): Command {
  const command = new Command("config").description("check the configuration, or print its schema");
  command
    .command("check")
    .argument("[file]", "configuration to check; default: --config")
    .description(
      "print every error and warning at once, with file, line and column; tell what a reload would take over",
    )
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExamples:\n  postern config check && postern reload\n  postern config check ./new.yaml" +
        "\n\nWhere the service runs, the keys that differ from what is in force are told: those a reload takes over, and" +
        " those that need a restart. Rule packs, indexes and certificates are read anew by every reload." +
        "\nWith --json `severity` is error, warning, change (of `path`, `taken` by a reload or restart) or note." +
        "\nExit codes: 0 valid, 1 errors, 2 wrong usage.",
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
  if (!loading.ok && isClosed(loading.errors)) {
    const compared = await compareUnread(path, command);
    if (compared.kind !== "not compared") {
      tellUnread({ path, compared, isJson: options.json === true });
      return;
    }
  }
  const placed = placesOf(path);
  const packs = loading.ok ? await lookAtPacks(placed, loading.config) : { errors: loading.errors, warnings: [] };
  const errors = packs.errors;
  const pictures = loading.ok ? pictureWarnings(loading.config.dlp.ocr, placed) : [];
  const warnings = [...loading.warnings, ...packs.warnings, ...pictures];
  const compared = loading.ok && errors.length === 0 ? await compare(loading.config, command) : null;
  if (options.json === true) {
    const rows = (severity: string, found: readonly YamlError[]) => found.map((error) => ({ severity, ...error }));
    printJsonLines(output, [...rows("error", errors), ...rows("warning", warnings), ...comparedRows(compared)]);
    if (errors.length > 0 || compared?.kind === "unusable") throw new Finding();
    return;
  }
  for (const warning of warnings) output.line(`warning: ${formatYamlError(warning)}`);
  if (!loading.ok || errors.length > 0) throw configErrors(path, errors);
  for (const allowed of loading.config.allowed) output.line(`opt-out: ${allowed}`);
  output.line(`rule packs: ${loading.config.dlp.packs.join(", ") || "none"}`);
  output.line(`${path}: valid`);
  printCompared(output, compared);
}

/** The service reads its file for who may not. */
function tellUnread({ path, compared, isJson }: { path: string; compared: Comparison; isJson: boolean }): void {
  const output = standardOutput();
  if (isJson) {
    printJsonLines(output, comparedRows(compared));
    if (compared.kind === "unusable") throw new Finding();
    return;
  }
  if (compared.kind === "compared")
    output.line(`${path}: valid, as the service reads it; its rule packs were not looked at`);
  printCompared(output, compared);
}

/** Where a value stands in the file; loading it has read it already. */
function placesOf(path: string): ErrorAt {
  const whole: ErrorAt = (_, message) => ({ file: path, line: 1, column: 1, path: "", message });
  try {
    const reading = readYaml(configEnvironment().readFile(path).toString("utf8"), path);
    return reading.ok ? (at, message) => reading.source.errorAt(at, message) : whole;
  } catch {
    // Told as an error of the configuration.
    return whole;
  }
}

type Looked = { readonly errors: readonly YamlError[]; readonly warnings: readonly YamlError[] };

/** The service loads its rule packs at the start and at a reload: what would refuse one there is told here. */
async function lookAtPacks(placed: ErrorAt, config: Config): Promise<Looked> {
  const { found, errors } = await openEach(placed, config.dlp.edm);
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
    placed(
      ["dlp", "edm", config.dlp.edm.findIndex(({ name }) => name === facts?.["index"])],
      `${code} ${facts?.["index"]} was built ${facts?.["days"]} days ago; build it anew`,
    ),
  );
  const twice = overlapsOf(named).map(({ path: pack, why, next }) => aboutPack(pack, "pack", `${why}; ${next}`));
  return { errors: [...errors, ...ofPacks], warnings: [...old, ...twice] };
}

function aboutPack(file: string, path: string, message: string): YamlError {
  return { file, line: 1, column: 1, path, message };
}

type Opened = { readonly found: ReadonlyMap<string, EdmIndex>; readonly errors: readonly YamlError[] };

async function openEach(placed: ErrorAt, indexes: Config["dlp"]["edm"]): Promise<Opened> {
  const found = new Map<string, EdmIndex>();
  const errors: YamlError[] = [];
  for (const [index, { name, file, key }] of indexes.entries()) {
    try {
      found.set(name, indexOf(await readIndex(file, new EdmKey(key.bytes()))));
    } catch (error) {
      if (!(error instanceof EdmError)) throw error;
      const message = `${error.code} ${error.message}; ${error.next}`;
      errors.push(placed(["dlp", "edm", index], message));
    }
  }
  return { found, errors };
}
