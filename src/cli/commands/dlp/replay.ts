/** `postern dlp replay`: compares two rule packs over messages and says which verdicts change, and by which rules. */
import { Command } from "commander";
import type { Findings } from "../../../core/findings.ts";
import type { Inspect } from "../../../core/stages.ts";
import type { CompiledPack } from "../../../stages/inspect/compiled-pack.ts";
import { scanBytes } from "../../../stages/inspect/scan.ts";
import { Finding } from "../../cli-error.ts";
import { configuredIndexes } from "../../dlp/configured-indexes.ts";
import { contentOf, filesOf } from "../../dlp/files.ts";
import { collect, inspectWith, PACK_OPTION, requirePacks } from "../../dlp/packs.ts";
import { changeOf, changesByRule } from "../../dlp/replay-changes.ts";
import type { Change, RuleChange } from "../../dlp/replay-changes.ts";
import { printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";

type ReplayOptions = {
  readonly json?: boolean;
  readonly pack?: readonly string[];
  readonly against: readonly string[];
  readonly activate?: boolean;
};

const CHANGE_COLUMNS: readonly Column<Change>[] = [
  { title: "FILE", text: (row) => row.file, isFlexible: true },
  { title: "NOW", text: ({ now }) => verdictText(now) },
  { title: "AGAINST", text: ({ against }) => verdictText(against) },
  { title: "GAINED", text: ({ gained }) => gained.join(", "), isFlexible: true },
  { title: "LOST", text: ({ lost }) => lost.join(", "), isFlexible: true },
];
const RULE_COLUMNS: readonly Column<RuleChange>[] = [
  { title: "RULE", text: ({ rule }) => rule },
  { title: "GAINED", text: ({ gained }) => String(gained), alignRight: true },
  { title: "LOST", text: ({ lost }) => String(lost), alignRight: true },
];

export function replayCommand(): Command {
  return new Command("replay")
    .argument("<paths...>", "messages, other files, or folders of them")
    .description("compare two rule packs over messages: what would change, and by which rules")
    .requiredOption("--against <file>", "the other rule pack, more than once for several", collect)
    .option("--activate", "judge as if the rules of status shadow in the --against packs were active")
    .option("--json", "one JSON object a changed message, then one with the sums")
    .option(...PACK_OPTION)
    .addHelpText(
      "after",
      "\nExit codes: 0 nothing changes, 1 something does, 2 wrong usage." +
        "\nExamples:\n  postern dlp replay --against new-pack.yaml ./mails\n  postern dlp replay --against us-hipaa.yaml --against my-pack.yaml --activate ./mails\n  postern dlp replay --pack old.yaml --against new.yaml --json ./mails",
    )
    .action(replay);
}

async function replay(paths: readonly string[], options: ReplayOptions, command: Command): Promise<void> {
  const files = filesOf(paths);
  const indexes = await configuredIndexes([...(options.pack ?? []), ...(options.against ?? [])], command);
  const against = requirePacks(options.against, indexes);
  const judges = [
    inspectWith(requirePacks(options.pack, indexes)),
    inspectWith(options.activate === true ? against.map(activated) : against),
  ];
  const changes: Change[] = [];
  let unread = 0;
  for (const file of files) {
    const findings = await judged(file, judges);
    if (findings === null) unread += 1;
    const [now, then] = findings ?? [];
    const change = now === undefined || then === undefined ? null : changeOf(file, now, then);
    if (change !== null) changes.push(change);
  }
  const sums = { messages: files.length, unread, changed: changes.length, rules: changesByRule(changes) };
  const output = standardOutput();
  if (options.json === true) {
    for (const change of changes) output.line(JSON.stringify(change));
    output.line(JSON.stringify(sums));
  } else {
    const notRead = unread === 0 ? "" : `, ${unread} cannot be read`;
    output.line(`${sums.changed} of ${sums.messages} messages change${notRead}`);
    if (changes.length > 0) {
      printTable(output, CHANGE_COLUMNS, changes);
      output.line("");
      printTable(output, RULE_COLUMNS, sums.rules);
    }
  }
  if (changes.length > 0) throw new Finding();
}

/** What would be if every rule in shadow acted. */
function activated(pack: CompiledPack): CompiledPack {
  return { ...pack, rules: pack.rules.map((rule) => ({ ...rule, status: "active" })) };
}

/** null: what cannot be read changes with no pack. */
async function judged(file: string, judges: readonly Inspect[]): Promise<readonly Findings[] | null> {
  const content = contentOf(file);
  if (typeof content === "string") return null;
  const found: Findings[] = [];
  for (const inspect of judges) found.push(await scanBytes(content.bytes, content.name, inspect));
  return found;
}

function verdictText({ verdict, tier }: Change["now"]): string {
  return tier === "none" ? verdict : `${verdict}, ${tier}`;
}
