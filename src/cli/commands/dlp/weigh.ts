/** `postern dlp weigh`: fits the weights of a `weighed` detector to labelled messages. Prints ids of sets and counts, never content. */
import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { scanBytes } from "../../../stages/inspect/scan.ts";
import type { CompiledPack } from "../../../stages/inspect/compiled-pack.ts";
import type { Seen } from "../../../stages/inspect/inspect.ts";
import { termListText } from "../../../stages/inspect/term-list.ts";
import { CliError } from "../../cli-error.ts";
import { readLabelledSet } from "../../dlp/labelled-set.ts";
import type { LabelledSet } from "../../dlp/labelled-set.ts";
import { inspectWith, requirePacks } from "../../dlp/packs.ts";
import { PHI_LABEL } from "../../dlp/score.ts";
import { weighedSample } from "../../dlp/weigh/features.ts";
import type { WeighedSample } from "../../dlp/weigh/features.ts";
import { crossScores, weightsOf } from "../../dlp/weigh/weigh-samples.ts";
import type { SetScore } from "../../dlp/weigh/weigh-samples.ts";
import { printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";
import { progressLine } from "../../progress.ts";

const LEVEL = 65;

type WeighOptions = {
  readonly out?: string;
  readonly pack?: string;
  readonly times: ReadonlyMap<string, number>;
  readonly level: number;
  readonly source: string;
  readonly licence: string;
  readonly json?: boolean;
};

const COLUMNS: readonly Column<SetScore>[] = [
  { title: "SET", text: ({ set }) => set, isFlexible: true },
  { title: "PHI", text: ({ phi }) => String(phi), alignRight: true },
  { title: "FOUND", text: ({ found, phi }) => share(found, phi), alignRight: true },
  { title: "CLEAN", text: ({ clean }) => String(clean), alignRight: true },
  { title: "FLAGGED", text: ({ flagged, clean }) => share(flagged, clean), alignRight: true },
];

export function weighCommand(): Command {
  return new Command("weigh")
    .argument("<sets...>", "labelled sets, as dlp eval reads them; two or more")
    .description("fit the weights of a detector of type weighed to labelled messages, or say how well that works")
    .option("--out <file>", "list of weights to write; without it, each set is scored by weights fitted to the others")
    .option("--pack <file>", "the rule pack whose classes are weighed; default: the shipped us-hipaa pack")
    .option(
      "--times <set=number>",
      "how much each message of a set counts, 0.1 to 10; more than once for several",
      collectTimes,
      new Map(),
    )
    .option(
      "--level <number>",
      "confidence from which on a message counts as found, where sets are scored",
      requireLevel,
      LEVEL,
    )
    .option("--source <text>", "with --out: what the messages are", "own labelled messages")
    .option("--licence <text>", "with --out: under which licence the list is used", "own use")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nA word gets a weight when four messages of two sets have it, and never when it mostly stands in names; read the list all the" +
        "\nsame before it leaves the house. Label as for dlp eval: phi, anything else is clean." +
        "\nExit codes: 0 done, 1 something could not be read or written, 2 wrong usage." +
        "\nExamples:\n  postern dlp weigh ./2025 ./2026 ham-mail.jsonl.gz --times ham-mail=0.5" +
        "\n  postern dlp weigh ./2025 ./2026 ham-mail.jsonl.gz --out our-weights.dict",
    )
    .action(weigh);
}

async function weigh(paths: readonly string[], options: WeighOptions): Promise<void> {
  const sets = paths.map((path) => readLabelledSet(path));
  const names = new Set(sets.map(({ name }) => name));
  if (names.size < 2) throw new CliError("one set is not enough", { next: "Name two or more.", exitCode: 2 });
  for (const name of options.times.keys()) {
    if (!names.has(name))
      throw new CliError(`no set is called "${name}"`, { next: `Known: ${[...names].join(", ")}.`, exitCode: 2 });
  }
  const [pack] = requirePacks(options.pack === undefined ? undefined : [options.pack]);
  if (pack === undefined) return;
  const samples = await samplesOf(sets, pack);
  if (options.out === undefined) printScores(crossScores(samples, options.times, options.level), names.size, options);
  else writeWeights(samples, options.out, options);
}

async function samplesOf(sets: readonly LabelledSet[], pack: CompiledPack): Promise<readonly WeighedSample[]> {
  let seen: Seen | null = null;
  const inspect = inspectWith([pack], (each) => void (seen = each));
  const progress = progressLine("read", "messages");
  const all = sets.reduce((sum, set) => sum + set.samples.length, 0);
  const samples: WeighedSample[] = [];
  for (const { name, samples: messages } of sets) {
    for (const message of messages) {
      seen = null;
      await scanBytes(message.bytes, message.name, inspect);
      if (seen !== null) samples.push(weighedSample({ set: name, isPhi: message.label === PHI_LABEL }, seen, pack));
      progress.tell(samples.length, all);
    }
  }
  progress.end();
  return samples;
}

function printScores(scores: Iterable<SetScore>, count: number, { json }: WeighOptions): void {
  const progress = progressLine("scored", "sets");
  const done: SetScore[] = [];
  for (const score of scores) {
    done.push(score);
    progress.tell(done.length, count);
  }
  progress.end();
  if (json === true) printJsonLines(standardOutput(), done);
  else printTable(standardOutput(), COLUMNS, done);
}

function writeWeights(
  samples: readonly WeighedSample[],
  out: string,
  { times, source, licence, json }: WeighOptions,
): void {
  const weights = weightsOf(samples, times);
  const terms = Array.from(weights, ([feature, weight]) => `${feature} ${weight}`);
  const date = new Date().toISOString().slice(0, 10);
  try {
    writeFileSync(out, termListText({ source, licence, date, kind: "weights", terms }));
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new CliError(`${out} cannot be written (${why})`, { next: "Check the folder and its permissions." });
  }
  const output = standardOutput();
  if (json === true) output.line(JSON.stringify({ file: out, weights: terms.length, messages: samples.length }));
  else output.line(`${out}: ${terms.length} weights from ${samples.length} messages`);
}

function collectTimes(text: string, before: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const [, set, number] = /^(.+)=(\d{1,2}(?:\.\d{1,2})?)$/.exec(text) ?? [];
  const times = Number(number);
  if (set === undefined || !(times >= 0.1 && times <= 10))
    throw new InvalidArgumentError("It is a set and a number from 0.1 to 10, such as ham-mail=0.5.");
  return new Map([...before, [set, times]]);
}

function requireLevel(text: string): number {
  if (/^(?:[1-9]\d?|100)$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is a whole number from 1 to 100.");
}

/** `288 (98.3 %)` */
function share(part: number, whole: number): string {
  return whole === 0 ? "-" : `${part} (${((100 * part) / whole).toFixed(1)} %)`;
}
