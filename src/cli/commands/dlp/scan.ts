/** `postern dlp scan`: tells what inspection would find in messages; sends and stores nothing. */
import { Command } from "commander";
import type { Inspect } from "../../../core/stages.ts";
import { scanBytes, toScanLine } from "../../../stages/inspect/scan.ts";
import type { ScanLine } from "../../../stages/inspect/scan.ts";
import { Finding } from "../../cli-error.ts";
import { configuredIndexes } from "../../dlp/configured-indexes.ts";
import { contentOf, filesOf } from "../../dlp/files.ts";
import { inspectWith, NO_PICTURES, PACK_OPTION, requirePacks } from "../../dlp/packs.ts";
import { printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";

/** What does not fit is in the JSON. */
const UNREAD_SHOWN_MAX = 3;
const COLUMNS: readonly Column<ScanLine>[] = [
  { title: "FILE", text: (row) => row.file, isFlexible: true },
  { title: "VERDICT", text: (row) => row.verdict },
  { title: "TIER", text: (row) => row.tier },
  { title: "RULES", text: (row) => row.rules.join(", ") },
  { title: "UNREAD", text: (row) => row.unread.slice(0, UNREAD_SHOWN_MAX).join(", ") },
];

type ScanOptions = { readonly json?: boolean; readonly pack?: readonly string[] };

export function scanCommand(): Command {
  return new Command("scan")
    .argument("<paths...>", "messages, other files, folders, or - for standard input")
    .description("say what inspection finds in each message; nothing is sent or stored")
    .option("--json", "one JSON object a line: file, verdict, tier, rules, unread")
    .option(...PACK_OPTION)
    .addHelpText(
      "after",
      "\nA file that cannot be read is uninspectable. Links inside folders are not followed." +
        NO_PICTURES +
        "\nExit codes: 0 everything clean, 1 something is not, 2 wrong usage." +
        "\nExamples:\n  postern dlp scan message.eml\n  postern dlp scan --json ./mails > verdicts.jsonl",
    )
    .action(scan);
}

async function scan(paths: readonly string[], options: ScanOptions, command: Command): Promise<void> {
  const inspect = inspectWith(requirePacks(options.pack, await configuredIndexes(options.pack, command)));
  const output = standardOutput();
  const rows: ScanLine[] = [];
  let foundSomething = false;
  const files = filesOf(paths);
  for (const file of files) {
    const row = await scanFile(file, inspect);
    foundSomething ||= row.verdict !== "clean";
    if (options.json === true) output.line(JSON.stringify(row));
    else rows.push(row);
  }
  if (options.json !== true) printTable(output, COLUMNS, rows);
  if (foundSomething) throw new Finding();
}

async function scanFile(file: string, inspect: Inspect): Promise<ScanLine> {
  const content = contentOf(file);
  if (typeof content === "string")
    return { file, verdict: "uninspectable", tier: "none", rules: [], unread: [`message: ${content}`] };
  return toScanLine(file, await scanBytes(content.bytes, content.name, inspect));
}
