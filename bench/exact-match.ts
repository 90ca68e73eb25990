/**
 * What exact data match costs: builds an index of invented patients and reads mails with and without it.
 *     node bench/exact-match.ts --rows 1000000 DATA/ham-mail.jsonl.gz
 */
import { parseArgs } from "node:util";
import { readLabelledSet } from "../src/cli/dlp/labelled-set.ts";
import { SHIPPED_PACK } from "../src/cli/dlp/packs.ts";
import { EdmBuilder } from "../src/parts/edm/edm-builder.ts";
import { fieldsOfKinds } from "../src/parts/edm/edm-fields.ts";
import type { ColumnKind } from "../src/parts/edm/edm-fields.ts";
import { EdmKey } from "../src/parts/edm/edm-hash.ts";
import { EdmIndex } from "../src/parts/edm/edm-index.ts";
import { addRow } from "../src/parts/edm/patient-row.ts";
import { indexesOf, NO_INDEXES } from "../src/stages/inspect/compile-edm.ts";
import type { CompiledPack } from "../src/stages/inspect/compiled-pack.ts";
import { matchPack } from "../src/stages/inspect/match-pack.ts";
import { loadPackFile } from "../src/stages/inspect/pack-file.ts";

const OWN_PACK = SHIPPED_PACK.replace("us-hipaa", "own-patients");
const RUNS = 5;
const VALUES_PER_ROW = 14;
const KINDS: readonly ColumnKind[] = [
  "given_name",
  "surname",
  "birth_date",
  "mrn",
  "ssn",
  "phone",
  "email",
  "address",
  "zip",
];
/** Names that are words too, so that prose has them. */
const WORDS =
  "will may june april grace hope mark art bill rose faith joy long day price rice stone church bond case cook park love best good english power field brown white green young king hill".split(
    " ",
  );
const SYLLABLES =
  "an be ca do el fi ga ho is ja ke la mi no or pa qui ro sa ti un va we xi yo za bri cha dre fra gri hol".split(" ");

let seed = 12_345;
/** The same numbers in every run. */
function next(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

function invented(): string {
  const pick = (words: readonly string[]): string => words[next(words.length)] ?? "";
  return next(3) === 0 ? pick(WORDS) : Array.from({ length: 2 + next(2) }, () => pick(SYLLABLES)).join("");
}

function patient(row: number): readonly string[] {
  const digits = (count: number): string => String(10 ** (count - 1) + next(9 * 10 ** (count - 1)));
  const [given, surname] = [invented(), invented()];
  const born = new Date(Date.UTC(1930, 0, 1 + next(34_000))).toISOString().slice(0, 10);
  const phone = `${217 + next(3)}-${200 + next(799)}-${digits(4)}`;
  const email = `${given}.${surname}${next(999)}@example.org`;
  return [
    given,
    surname,
    born,
    String(1e7 + row * 7),
    digits(9),
    phone,
    email,
    `${1 + next(9_999)} ${invented()} St`,
    `62${digits(3)}`,
  ];
}

function indexOf(rows: number): EdmIndex {
  const keys = new EdmKey(Buffer.alloc(32, 1)).lookupKeys();
  const builder = new EdmBuilder(keys, rows * VALUES_PER_ROW);
  for (let row = 0; row < rows; row += 1) {
    addRow(builder, patient(row), { kinds: KINDS, dates: "mdy", yearMax: 2026, onUnreadable: () => undefined });
  }
  const { sections, values, oneIn } = builder.finish();
  return new EdmIndex(
    { created: 0, keyId: "", rows, columns: [], fields: fieldsOfKinds(KINDS), values, oneIn },
    sections,
    keys,
  );
}

function packOf(path: string, index: EdmIndex | null): CompiledPack {
  const loading = loadPackFile(path, index === null ? NO_INDEXES : indexesOf(new Map([["patients", index]])));
  if (!loading.ok) throw new Error(`${path} does not load`);
  return loading.pack;
}

/** Microseconds of its thread a mail, the fastest of some runs, and mails with a match. */
function cost(
  texts: readonly string[],
  packs: readonly CompiledPack[],
): { readonly microseconds: number; readonly hits: number } {
  const context = { senderNames: new Set<string>(), isLate: () => false, matchesMax: 20_000 };
  let fastest = Infinity;
  let hits = 0;
  for (let run = 0; run <= RUNS; run += 1) {
    hits = 0;
    const started = process.threadCpuUsage();
    for (const text of texts) {
      for (const pack of packs) {
        hits += matchPack(pack, [{ part: "1", kind: "body", message: 0, text }], context).satisfied.length > 0 ? 1 : 0;
      }
    }
    const { user, system } = process.threadCpuUsage(started);
    if (run > 0) fastest = Math.min(fastest, (user + system) / texts.length);
  }
  return { microseconds: Math.round(fastest), hits };
}

const { values: options, positionals } = parseArgs({ options: { rows: { type: "string" } }, allowPositionals: true });
const rows = Number(options.rows ?? 1_000_000);
const texts = positionals.flatMap((path) => readLabelledSet(path).samples.map(({ bytes }) => bytes.toString("latin1")));
const shipped = packOf(SHIPPED_PACK, null);
const own = packOf(OWN_PACK, indexOf(rows));
const [alone, together] = [cost(texts, [shipped]), cost(texts, [shipped, own])];
const megabytes = texts.reduce((sum, text) => sum + text.length, 0) / 1e6;
console.log(`${texts.length} mails, ${megabytes.toFixed(1)} MB, ${rows} patients`);
console.log(
  `us-hipaa ${alone.microseconds} µs a mail; with own-patients ${together.microseconds} µs, ${together.hits - alone.hits} more mails found`,
);
