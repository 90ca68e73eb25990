/** `postern dlp bench`: how fast a rule pack is on this machine, on one core. Sends and stores nothing. */
import { Command } from "commander";
import type { CompiledPack, Segment } from "../../../stages/inspect/compiled-pack.ts";
import { matchPack } from "../../../stages/inspect/match-pack.ts";
import { scanBytes } from "../../../stages/inspect/scan.ts";
import { CliError } from "../../cli-error.ts";
import { configuredIndexes } from "../../dlp/configured-indexes.ts";
import { benchMail, benchText } from "../../dlp/bench-mails.ts";
import { readLabelledSet } from "../../dlp/labelled-set.ts";
import { inspectWith, PACK_OPTION, requirePacks } from "../../dlp/packs.ts";
import { printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";

/** Runs of which the fastest counts; a first one warms up. */
const RUNS = 5;
const MAILS = 300;
const WARM_UP_MAILS = 50;
const MAIL_BYTES = 100_000;
const TEXT_BYTES = 4_000_000;
/** A text by itself is no mail, but about as long as the texts of one. */
/** Fewer are run through more than once, since a clock counts whole microseconds. */
const TEXT_CHARS_MIN = 200_000;
const SEGMENT_CHARS = 8_000;
const MATCHES_MAX = 20_000;

type BenchOptions = { readonly json?: boolean; readonly pack?: readonly string[] };
type Speed = { readonly text_mb: number; readonly mb_per_s: number };
type Latency = {
  readonly mail_bytes: number;
  readonly mails: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  /** Without the time others had the core. */
  readonly core_p50_ms: number;
  readonly core_p99_ms: number;
};

const COLUMNS: readonly Column<readonly [string, string]>[] = [
  { title: "MEASURE", text: ([measure]) => measure },
  { title: "FIGURE", text: ([, figure]) => figure, alignRight: true },
];

export function benchCommand(): Command {
  return new Command("bench")
    .argument("[sets...]", "texts to measure with, as for dlp eval; default: invented prose")
    .description("measure how fast a rule pack is on one core of this machine")
    .option("--json", "one JSON object")
    .option(...PACK_OPTION)
    .addHelpText(
      "after",
      "\nExit codes: 0 measured, 1 something could not be read, 2 wrong usage.\nExamples:\n  postern dlp bench\n  postern dlp bench --json --pack my-pack.yaml clean=./mails",
    )
    .action(bench);
}

async function bench(paths: readonly string[], options: BenchOptions, command: Command): Promise<void> {
  const packs = requirePacks(options.pack, await configuredIndexes(options.pack, command));
  const samples = paths.flatMap((path) => readLabelledSet(path).samples);
  const texts = samples.length === 0 ? invented() : samples.map(({ bytes }) => bytes.toString("latin1"));
  if (texts.every((text) => text === ""))
    throw new CliError("there is no text to measure with", { next: "name files that hold some.", exitCode: 2 });
  const speed = speedOf(packs, texts);
  const latency = await latencyOf(packs, texts.join("\n"));
  const output = standardOutput();
  if (options.json === true) output.line(JSON.stringify({ ...speed, ...latency }));
  else printTable(output, COLUMNS, rowsOf(speed, latency));
}

function invented(): readonly string[] {
  const text = benchText(TEXT_BYTES);
  return Array.from({ length: Math.ceil(text.length / SEGMENT_CHARS) }, (_, i) =>
    text.slice(i * SEGMENT_CHARS, (i + 1) * SEGMENT_CHARS),
  );
}

/** Detectors and rules over text that is extracted already, by the time of its thread on a core: others on the machine do not count. */
function speedOf(packs: readonly CompiledPack[], texts: readonly string[]): Speed {
  const segments = texts.map((text): Segment => ({ part: "1", kind: "body", message: 0, text }));
  const context = { senderNames: new Set<string>(), isLate: () => false, matchesMax: MATCHES_MAX };
  const chars = texts.reduce((sum, text) => sum + text.length, 0);
  const times = Math.max(1, Math.ceil(TEXT_CHARS_MIN / chars));
  const run = (): number => {
    const started = process.threadCpuUsage();
    for (let time = 0; time < times; time += 1)
      for (const pack of packs) for (const segment of segments) matchPack(pack, [segment], context);
    const { user, system } = process.threadCpuUsage(started);
    return (user + system) / 1_000;
  };
  run();
  const fastestMs = Math.min(...Array.from({ length: RUNS }, run));
  const megabytes = chars / 1e6;
  return { text_mb: rounded(megabytes), mb_per_s: rounded((megabytes * times * 1000) / fastestMs) };
}

/** The whole of inspect: structure, extraction, detectors, rules. Each mail begins elsewhere in the text. */
async function latencyOf(packs: readonly CompiledPack[], text: string): Promise<Latency> {
  const inspect = inspectWith(packs);
  const times: number[] = [];
  const coreTimes: number[] = [];
  for (let i = 0; i < WARM_UP_MAILS + MAILS; i += 1) {
    const from = (i * 7_919) % Math.max(1, text.length - MAIL_BYTES);
    const mail = benchMail(text.slice(from, from + MAIL_BYTES), MAIL_BYTES);
    const started = performance.now();
    const onCore = process.threadCpuUsage();
    await scanBytes(mail, "bench.eml", inspect);
    const { user, system } = process.threadCpuUsage(onCore);
    if (i < WARM_UP_MAILS) continue;
    times.push(performance.now() - started);
    coreTimes.push((user + system) / 1_000);
  }
  return {
    mail_bytes: MAIL_BYTES,
    mails: MAILS,
    p50_ms: percentile(times, 0.5),
    p99_ms: percentile(times, 0.99),
    max_ms: percentile(times, 1),
    core_p50_ms: percentile(coreTimes, 0.5),
    core_p99_ms: percentile(coreTimes, 0.99),
  };
}

function percentile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

function rowsOf(speed: Speed, latency: Latency): readonly (readonly [string, string])[] {
  return [
    [`detectors and rules over ${speed.text_mb} MB of text`, `${speed.mb_per_s} MB/s`],
    [`inspect, a mail of ${latency.mail_bytes / 1000} kB, median of ${latency.mails}`, `${latency.p50_ms} ms`],
    ["the same, 99th percentile", `${latency.p99_ms} ms`],
    ["the same, slowest", `${latency.max_ms} ms`],
    ["time on a core alone, median", `${latency.core_p50_ms} ms`],
    ["the same, 99th percentile", `${latency.core_p99_ms} ms`],
  ];
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
