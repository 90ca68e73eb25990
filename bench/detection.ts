/**
 * Measures the detection of a rule pack: `node bench/detection.ts --data FOLDER [--pack FILE] [--list]`.
 * The folder holds asq-phi.jsonl.gz, ham-mail.jsonl.gz and health-formats.tar.gz (see its README for sources and
 * licences). `--list` names the rows that were missed or flagged, by id only.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import type { Inspect } from "../src/core/stages.ts";
import type { Findings } from "../src/core/findings.ts";
import { DEFAULT_INSPECT_OPTIONS } from "../src/stages/inspect/inspect-options.ts";
import { createInspect } from "../src/stages/inspect/inspect.ts";
import { matchPack } from "../src/stages/inspect/match-pack.ts";
import { formatPackError, loadPackFile } from "../src/stages/inspect/pack-file.ts";
import { scanBytes } from "../src/stages/inspect/scan.ts";

const { values: args } = parseArgs({
  options: {
    data: { type: "string" },
    pack: { type: "string", default: new URL("../config/dlp/us-hipaa.yaml", import.meta.url).pathname },
    list: { type: "boolean", default: false },
  },
});
if (args.data === undefined) throw new Error("say where the data lies: --data FOLDER");
const folder = args.data;
const loading = loadPackFile(args.pack);
if (!loading.ok) throw new Error(loading.errors.map(formatPackError).join("\n"));
const { pack } = loading;
const clock = { now: () => Date.now(), monotonic: () => performance.now() };
const inspect: Inspect = createInspect(DEFAULT_INSPECT_OPTIONS, { packs: [pack], hashKey: new Uint8Array(32), clock });

type Row = { readonly id: string; readonly text?: string; readonly raw?: string; readonly label: string };
type Judged = { readonly id: string; readonly label: string; readonly findings: Findings };

function readRows(file: string): readonly Row[] {
  const text = gunzipSync(readFileSync(join(folder, file))).toString("utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

/** The regular files of a tar archive (POSIX ustar): 512-byte headers, name at 0, size in octal at 124. */
function readTar(file: string): readonly { readonly name: string; readonly bytes: Buffer }[] {
  const tar = gunzipSync(readFileSync(join(folder, file)));
  const files: { readonly name: string; readonly bytes: Buffer }[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const name = tar.toString("latin1", at, at + 100).replace(/\0.*$/, "");
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    if (tar[at + 156] === 48) files.push({ name, bytes: tar.subarray(at + 512, at + 512 + size) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

function percent(part: number, whole: number): string {
  return `${part} of ${whole} (${whole === 0 ? "-" : ((100 * part) / whole).toFixed(2)} %)`;
}

function report(title: string, judged: readonly Judged[], isListed: (judged: Judged) => boolean): void {
  const phi = judged.filter(({ findings }) => findings.verdict === "phi").length;
  const unread = judged.filter(({ findings }) => findings.verdict === "uninspectable").length;
  console.log(`${title}: phi ${percent(phi, judged.length)}, uninspectable ${percent(unread, judged.length)}`);
  if (!args.list) return;
  for (const each of judged.filter(isListed)) {
    const rules = each.findings.hits.map((hit) => hit.rule).join(" ");
    const reasons = [...new Set(each.findings.uninspectable.map(({ reason }) => reason))].join(" ");
    console.log(`  ${each.id} ${each.findings.verdict} ${rules} ${reasons}`);
  }
}

async function judgeAll(rows: readonly Row[]): Promise<readonly Judged[]> {
  const judged: Judged[] = [];
  for (const { id, label, text, raw } of rows) {
    const bytes = raw === undefined ? Buffer.from(text ?? "", "utf8") : Buffer.from(raw, "latin1");
    judged.push({ id, label, findings: await scanBytes(bytes, raw === undefined ? "row.txt" : "row.eml", inspect) });
  }
  return judged;
}

function measureSpeed(rows: readonly Row[]): void {
  const segments = rows.map((row) => ({ part: "1", kind: "body", message: 0, text: row.raw ?? "" }) as const);
  const context = { senderNames: new Set<string>(), isLate: () => false, matchesMax: 2_000 };
  const run = (): number => {
    const started = performance.now();
    for (const segment of segments) matchPack(pack, [segment], context);
    return performance.now() - started;
  };
  run();
  const ms = Math.min(run(), run(), run());
  const megabytes = segments.reduce((sum, segment) => sum + segment.text.length, 0) / 1e6;
  console.log(
    `rules and detectors over ${megabytes.toFixed(1)} MB of mail text: ${((megabytes * 1000) / ms).toFixed(1)} MB/s`,
  );
}

const asq = await judgeAll(readRows("asq-phi.jsonl.gz"));
const isPhi = ({ findings }: Judged): boolean => findings.verdict === "phi";
report(
  "labelled PHI rows",
  asq.filter((row) => row.label === "phi"),
  (row) => !isPhi(row),
);
report(
  "their hard negatives",
  asq.filter((row) => row.label !== "phi"),
  isPhi,
);
const mails = readRows("ham-mail.jsonl.gz");
report("ordinary mail", await judgeAll(mails), ({ findings }) => findings.verdict !== "clean");
const formats: Judged[] = [];
for (const { name, bytes } of readTar("health-formats.tar.gz")) {
  formats.push({ id: name, label: "phi", findings: await scanBytes(bytes, name, inspect) });
}
report("health formats", formats, (row) => !isPhi(row));
measureSpeed(mails);
