/** `postern dlp eval`: scores rule packs against labelled messages and texts. Prints ids and counts, never content. */
import { Command, Option } from "commander";
import { configuredIndexes } from "../../dlp/configured-indexes.ts";
import { readLabelledSet, SPLITS, splitOf } from "../../dlp/labelled-set.ts";
import type { LabelledSet, Split } from "../../dlp/labelled-set.ts";
import { NO_PICTURES, PACK_OPTION, requirePacks } from "../../dlp/packs.ts";
import { identifierScores, judge, messageScores, mistakeOf, unfoundIn, withTotals } from "../../dlp/score.ts";
import type { IdentifierScore, Judged, MessageScore } from "../../dlp/score.ts";
import { printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Column, Output } from "../../output.ts";

type EvalOptions = {
  readonly json?: boolean;
  readonly list?: boolean;
  readonly pack?: readonly string[];
  readonly split: Split;
};
type Mistake = Judged & { readonly wrong: string };

const MESSAGE_COLUMNS: readonly Column<MessageScore>[] = [
  { title: "SET", text: (row) => row.set, isFlexible: true },
  { title: "LABEL", text: (row) => row.label },
  { title: "MESSAGES", text: (row) => String(row.rows), alignRight: true },
  { title: "PHI", text: (row) => share(row.phi, row.rows), alignRight: true },
  { title: "UNINSPECTABLE", text: (row) => share(row.uninspectable, row.rows), alignRight: true },
];
const IDENTIFIER_COLUMNS: readonly Column<IdentifierScore>[] = [
  { title: "SET", text: (row) => row.set, isFlexible: true },
  { title: "VALUE", text: (row) => row.type },
  { title: "MARKED", text: (row) => String(row.values), alignRight: true },
  { title: "FOUND", text: (row) => share(row.found, row.values), alignRight: true },
  { title: "SURE", text: (row) => share(row.sure, row.values), alignRight: true },
];
const MISTAKE_COLUMNS: readonly Column<Mistake>[] = [
  { title: "SET", text: (row) => row.set },
  { title: "ID", text: (row) => row.id, isFlexible: true },
  { title: "LABEL", text: (row) => row.label },
  { title: "WRONG", text: (row) => row.wrong },
  { title: "WHAT", text: (row) => [...row.rules, ...row.reasons, ...unfoundIn(row)].join(", ") },
];

export function evalCommand(): Command {
  return new Command("eval")
    .argument("<sets...>", "labelled .jsonl(.gz) files, folders of folders named by their label, or LABEL=PATH")
    .description("score a rule pack: which messages it takes for PHI, which marked identifiers it finds")
    .option("--json", "one JSON object a line")
    .option("--list", "name what was missed or wrongly flagged, by id")
    .option(...PACK_OPTION)
    .addOption(new Option("--split <half>", "only this half of the ids, by their hash").choices(SPLITS).default("all"))
    .addHelpText(
      "after",
      "\nMessages labelled phi must be found, those with any other label must not. Tune with --split dev, and" +
        "\nlook at --split test only to see whether what was tuned holds." +
        NO_PICTURES +
        "\nExit codes: 0 scored, 1 something could not be read, 2 wrong usage." +
        "\nExamples:\n  postern dlp eval labelled.jsonl.gz --list\n  postern dlp eval phi=./records clean=./newsletters --split dev --pack my-pack.yaml",
    )
    .action(evaluate);
}

async function evaluate(paths: readonly string[], options: EvalOptions, command: Command): Promise<void> {
  const packs = requirePacks(options.pack, await configuredIndexes(options.pack, command));
  const sets = paths.map((path) => halfOf(readLabelledSet(path), options.split));
  const judged: Judged[] = [];
  for (const set of sets) judged.push(...(await judge(set, packs)));
  const messages = messageScores(judged);
  const identifiers = withTotals(identifierScores(judged));
  const mistakes = judged.flatMap((row): readonly Mistake[] => {
    const wrong = mistakeOf(row);
    return wrong === null || options.list !== true ? [] : [{ ...row, wrong }];
  });
  const output = standardOutput();
  if (options.json === true) {
    printJsonLines(
      output,
      messages.map((row) => ({ kind: "messages", ...row })),
    );
    printJsonLines(
      output,
      identifiers.map((row) => ({ kind: "identifiers", ...row })),
    );
    printJsonLines(output, mistakes.map(mistakeLine));
    return;
  }
  printTable(output, MESSAGE_COLUMNS, messages);
  if (identifiers.length > 0) below(output, () => printTable(output, IDENTIFIER_COLUMNS, identifiers));
  if (options.list === true) below(output, () => printTable(output, MISTAKE_COLUMNS, mistakes));
}

function halfOf({ name, samples }: LabelledSet, split: Split): LabelledSet {
  return { name, samples: split === "all" ? samples : samples.filter(({ id }) => splitOf(id) === split) };
}

function mistakeLine({ identifiers, ...row }: Mistake): object {
  return { kind: "mistake", ...row, unfound: unfoundIn({ identifiers, ...row }) };
}

function below(output: Output, print: () => void): void {
  output.line("");
  print();
}

/** `288 (98.3 %)` */
function share(part: number, whole: number): string {
  return `${part} (${whole === 0 ? "-" : ((100 * part) / whole).toFixed(2)} %)`;
}
