/**
 * Scores three redactors of npm on labelled data beside `postern dlp eval`: `node bench/redactors.ts --modules FOLDER
 * --data FOLDER`. They are installed into a folder of their own (docs/detection.md), not with the project. A text counts as
 * flagged when the redactor changes it, a value as found when it is gone; they are given subject and body as
 * inspection extracted them, without addresses and other header fields.
 */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readLabelledSet } from "../src/cli/dlp/labelled-set.ts";
import type { LabelledSet, Sample } from "../src/cli/dlp/labelled-set.ts";
import { inspectWith, requirePacks } from "../src/cli/dlp/packs.ts";
import { isStructured, PHI_LABEL } from "../src/cli/dlp/score.ts";
import { scanBytes } from "../src/stages/inspect/scan.ts";

const { values: args } = parseArgs({ options: { data: { type: "string" }, modules: { type: "string" } } });
if (args.data === undefined || args.modules === undefined) throw new Error("say --modules FOLDER and --data FOLDER");
const { data, modules } = args;
const load = createRequire(resolve(modules, "package.json"));

type Redact = (text: string) => Promise<string>;
type Constructor<T> = new (options?: object) => T;
type Read = { readonly sample: Sample; readonly text: string };

function redactors(): Readonly<Record<string, Redact>> {
  const { OpenRedaction } = load("openredaction") as {
    readonly OpenRedaction: Constructor<{ detect(text: string): Promise<{ readonly redacted: string }> }>;
  };
  const { SyncRedactor } = load("redact-pii") as {
    readonly SyncRedactor: Constructor<{ redact(text: string): string }>;
  };
  const { Redactor } = load("@redactpii/node") as { readonly Redactor: Constructor<{ redact(text: string): string }> };
  const [open, hipaa] = [new OpenRedaction(), new OpenRedaction({ preset: "hipaa" })];
  const [redactPii, redactPiiNode] = [new SyncRedactor(), new Redactor()];
  return {
    "openredaction, default": async (text) => (await open.detect(text)).redacted,
    "openredaction, preset hipaa": async (text) => (await hipaa.detect(text)).redacted,
    "redact-pii": (text) => Promise.resolve(redactPii.redact(text)),
    "@redactpii/node": (text) => Promise.resolve(redactPiiNode.redact(text)),
  };
}

async function read({ samples }: LabelledSet): Promise<readonly Read[]> {
  let text = "";
  const inspect = inspectWith(requirePacks(undefined), (seen) => {
    const shown = seen.segments.filter(({ kind }) => kind === "subject" || kind === "body");
    text = shown.map((segment) => segment.text).join("\n");
  });
  const texts: Read[] = [];
  for (const sample of samples) {
    await scanBytes(sample.bytes, sample.name, inspect);
    texts.push({ sample, text });
  }
  return texts;
}

async function score(name: string, redact: Redact, rows: readonly Read[]): Promise<void> {
  const flagged = new Map<string, readonly [number, number]>();
  const found = new Map<string, readonly [number, number]>();
  let ms = 0;
  let characters = 0;
  for (const { sample, text } of rows) {
    // Time on a core, as of dlp bench: what else the machine does must not count.
    const started = process.threadCpuUsage();
    const redacted = await redact(text);
    const { user, system } = process.threadCpuUsage(started);
    ms += (user + system) / 1_000;
    characters += text.length;
    count(flagged, sample.label, redacted !== text);
    for (const { type, value } of sample.spans.filter((span) => isStructured(span.type))) {
      count(found, type, !redacted.includes(value));
      count(found, "structured, all", !redacted.includes(value));
    }
  }
  console.log(`${name}: ${(characters / 1e3 / ms).toFixed(2)} MB/s`);
  for (const [label, share] of flagged)
    console.log(`  ${label === PHI_LABEL ? "found" : "flagged"} ${label}: ${percent(share)}`);
  for (const [type, share] of found) console.log(`  ${type}: ${percent(share)}`);
}

function count(shares: Map<string, readonly [number, number]>, key: string, isHit: boolean): void {
  const [hits, all] = shares.get(key) ?? [0, 0];
  shares.set(key, [hits + (isHit ? 1 : 0), all + 1]);
}

function percent([hits, all]: readonly [number, number]): string {
  return `${hits} of ${all} (${((100 * hits) / all).toFixed(1)} %)`;
}

const rows = [
  ...(await read(readLabelledSet(join(data, "asq-phi.jsonl.gz")))),
  ...(await read(readLabelledSet(join(data, "ham-mail.jsonl.gz")))),
];
for (const [name, redact] of Object.entries(redactors())) await score(name, redact, rows);
