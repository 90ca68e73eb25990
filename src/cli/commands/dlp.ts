/** `postern dlp scan | check`: tells what inspection would find in messages, and whether a rule pack would load. */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import type { Inspect } from "../../core/stages.ts";
import type { CompiledPack } from "../../stages/inspect/compiled-pack.ts";
import { createInspect } from "../../stages/inspect/inspect.ts";
import { DEFAULT_INSPECT_OPTIONS } from "../../stages/inspect/inspect-options.ts";
import { formatPackError, loadPackFile } from "../../stages/inspect/pack-file.ts";
import { scanBytes, toScanLine } from "../../stages/inspect/scan.ts";
import type { ScanLine } from "../../stages/inspect/scan.ts";
import { CliError, Finding } from "../cli-error.ts";
import { printTable, standardOutput } from "../output.ts";
import type { Column } from "../output.ts";

/** Largest file read. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;
/** Folders within folders, against loops. */
const FOLDER_DEPTH_MAX = 64;
const SHIPPED_PACK = fileURLToPath(new URL("../../../config/dlp/us-hipaa.yaml", import.meta.url));
const COLUMNS: readonly Column<ScanLine>[] = [
  { title: "FILE", text: (row) => row.file, isFlexible: true },
  { title: "VERDICT", text: (row) => row.verdict },
  { title: "TIER", text: (row) => row.tier },
  { title: "RULES", text: (row) => row.rules.join(", ") },
];

type ScanOptions = { readonly json?: boolean; readonly pack?: readonly string[] };

export function dlpCommand(): Command {
  const command = new Command("dlp").description("find PHI in files, check rule packs");
  command
    .command("scan")
    .argument("<paths...>", "messages, other files, folders, or - for standard input")
    .description("say what inspection finds in each message; nothing is sent or stored")
    .option("--json", "one JSON object a line: file, verdict, tier, rules")
    .option("--pack <file...>", "rule packs to use; default: the shipped us-hipaa pack")
    .addHelpText(
      "after",
      "\nExit codes: 0 everything clean, 1 something is not, 2 wrong usage." +
        "\nExamples:\n  postern dlp scan message.eml\n  postern dlp scan --json ./mails > verdicts.jsonl",
    )
    .action(scan);
  command
    .command("check")
    .argument("<file>", "rule pack to check")
    .description("load a rule pack, print every error with its place, run its tests")
    .addHelpText("after", "\nExample:\n  postern dlp check config/dlp/us-hipaa.yaml")
    .action(check);
  return command;
}

function check(path: string): void {
  const loading = loadPackFile(path);
  if (!loading.ok) throw packErrors(path, loading.errors.map(formatPackError));
  const { pack, tests } = loading;
  const text = `${pack.detectors.length} detectors, ${pack.rules.length} rules, ${tests} tests passed`;
  standardOutput().line(`${path}: valid; ${text}`);
}

async function scan(paths: readonly string[], options: ScanOptions): Promise<void> {
  const inspect = inspectWith((options.pack ?? [SHIPPED_PACK]).map(requirePack));
  for (const path of paths) if (path !== "-") requireReadable(path);
  const output = standardOutput();
  const rows: ScanLine[] = [];
  let foundSomething = false;
  for (const file of paths.flatMap((path) => filesIn(path, 0))) {
    const row = await scanFile(file, inspect);
    foundSomething ||= row.verdict !== "clean";
    if (options.json === true) output.line(JSON.stringify(row));
    else rows.push(row);
  }
  if (options.json !== true) printTable(output, COLUMNS, rows);
  if (foundSomething) throw new Finding();
}

function inspectWith(packs: readonly CompiledPack[]): Inspect {
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  // Hashes are not printed, so the key need not outlive the command.
  return createInspect(DEFAULT_INSPECT_OPTIONS, { packs, hashKey: randomBytes(32), clock });
}

function requirePack(path: string): CompiledPack {
  const loading = loadPackFile(path);
  if (loading.ok) return loading.pack;
  throw packErrors(path, loading.errors.map(formatPackError));
}

function packErrors(path: string, lines: readonly string[]): CliError {
  const count = lines.length === 1 ? "1 error" : `${lines.length} errors`;
  return new CliError(`PST-INS-001 ${path} has ${count}`, {
    next: "correct the places named above and check again.",
    lines,
  });
}

function unreadable(path: string, exitCode: 1 | 2): CliError {
  const next = "check the path and its permissions; - reads standard input.";
  return new CliError(`PST-INS-003 ${path} cannot be read`, { next, exitCode });
}

function requireReadable(path: string): void {
  try {
    statSync(path);
  } catch {
    throw unreadable(path, 2);
  }
}

/** Every regular file below a folder in order of name; links inside a folder are not followed. */
function filesIn(path: string, depth: number): readonly string[] {
  if (path === "-" || depth > FOLDER_DEPTH_MAX) return path === "-" ? [path] : [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => filesIn(join(path, entry.name), depth + 1));
}

async function scanFile(file: string, inspect: Inspect): Promise<ScanLine> {
  if (file !== "-" && statSync(file).size > FILE_BYTES_MAX) {
    return { file, verdict: "uninspectable", tier: "none", rules: [] };
  }
  let bytes: Buffer;
  try {
    bytes = readFileSync(file === "-" ? 0 : file);
  } catch {
    throw unreadable(file, 1);
  }
  return toScanLine(file, await scanBytes(bytes, file === "-" ? null : basename(file), inspect));
}
