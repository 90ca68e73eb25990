/** Runs the tests of the shipped packs with the code just built, and writes down beside it which passed: `node packaging/tested-packs.ts DIST`. */
import { readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { TESTED_PACKS_FILE } from "../src/stages/inspect/tested-packs.ts";
import type { TestedPacks } from "../src/stages/inspect/tested-packs.ts";

const ROOT = join(import.meta.dirname, "..");
const dist = resolve(process.argv[2] ?? join(ROOT, "dist"));
const { formatPackError, loadPackFile } = (await import(
  join(dist, "stages/inspect/pack-file.js")
)) as typeof import("../src/stages/inspect/pack-file.ts");
const { ASSUMED_INDEXES } = (await import(
  join(dist, "stages/inspect/compile-edm.js")
)) as typeof import("../src/stages/inspect/compile-edm.ts");

const folder = join(ROOT, "config/dlp");
const sha256 = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => {
    const loading = loadPackFile(join(folder, name), ASSUMED_INDEXES);
    if (!loading.ok) throw new Error(loading.errors.map(formatPackError).join("\n"));
    return loading.pack.sha256;
  });
const tested: TestedPacks = { node: process.version, sha256 };
writeFileSync(join(dist, "stages/inspect", TESTED_PACKS_FILE), `${JSON.stringify(tested)}\n`);
