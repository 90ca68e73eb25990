/**
 * Reads the shipped packs and runs their tests with the code just built, and writes down beside it what the texts say and which
 * passed: `node packaging/built-packs.ts DIST`.
 */
import { deepStrictEqual } from "node:assert";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { BUILT_PACKS_FILE, sha256Of } from "../src/stages/inspect/built-packs.ts";
import type { BuiltPacks } from "../src/stages/inspect/built-packs.ts";
import { ROOT } from "./sources.ts";

const dist = resolve(process.argv[2] ?? join(ROOT, "dist"));

async function built<T>(module: string): Promise<T> {
  return (await import(join(dist, module))) as T;
}

const { formatPackError, loadPackFile } =
  await built<typeof import("../src/stages/inspect/pack-file.ts")>("stages/inspect/pack-file.js");
const { ASSUMED_INDEXES } = await built<typeof import("../src/stages/inspect/compile-edm.ts")>(
  "stages/inspect/compile-edm.js",
);
const { packSchema } = await built<typeof import("../src/stages/inspect/pack-schema.ts")>(
  "stages/inspect/pack-schema.js",
);
const { parseYamlFile } = await built<typeof import("../src/parts/config/yaml-document.ts")>(
  "parts/config/yaml-document.js",
);

/** As JSON will give it back. */
function readingOf(text: string, path: string): BuiltPacks["read"][string] {
  const reading = parseYamlFile(text, path, packSchema);
  if (!reading.ok) throw new Error(reading.errors.map(formatPackError).join("\n"));
  deepStrictEqual(JSON.parse(JSON.stringify(reading.value)), reading.value);
  return reading.value;
}

const folder = join(ROOT, "config/dlp");
const paths = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => join(folder, name));
const tested = paths.map((path) => {
  const loading = loadPackFile(path, ASSUMED_INDEXES);
  if (!loading.ok) throw new Error(loading.errors.map(formatPackError).join("\n"));
  return loading.pack.sha256;
});
const texts = paths.map((path) => ({ path, text: readFileSync(path, "utf8") }));
const read = Object.fromEntries(texts.map(({ path, text }) => [sha256Of(text), readingOf(text, path)]));
const noted: BuiltPacks = { node: process.version, tested, read };
writeFileSync(join(dist, "stages/inspect", BUILT_PACKS_FILE), `${JSON.stringify(noted)}\n`);
