/**
 * Builds the Debian package: `npm run package`, or `node packaging/package.ts --version 1.2.3 --out FOLDER`.
 * Promises: needs no network, takes the modules that `npm ci` put here, and gives the same bytes for the same sources, version and
 * SOURCE_DATE_EPOCH (default: time of the last commit). Needs dpkg-deb. Prints the path of the package.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readJson, ROOT } from "./sources.ts";
import { stageTree } from "./stage.ts";

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };
/** Level 1 takes seconds and comes within a fifth of the best, which takes a minute. */
const COMPRESSIONS: Readonly<Record<string, readonly string[]>> = { xz: ["-Zxz", "-z1"], none: ["-Znone"] };

function sourceDate(): number {
  const given = process.env["SOURCE_DATE_EPOCH"];
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  try {
    return Number(execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: ROOT, encoding: "utf8" }).trim());
  } catch {
    throw new Error("packaging: no git history here to take the date from. Next: set SOURCE_DATE_EPOCH");
  }
}

function build(): string {
  const { values } = parseArgs({
    options: {
      version: { type: "string", default: (readJson("package.json") as { readonly version: string }).version },
      out: { type: "string", default: join(ROOT, "dist-package") },
      compression: { type: "string", default: "xz" },
    },
  });
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`packaging: no package is made for ${process.arch}`);
  const compression = COMPRESSIONS[values.compression];
  if (compression === undefined) throw new Error("packaging: --compression is xz or none");
  if (!/^\d[\w.+~]*$/.test(values.version)) throw new Error("packaging: --version is no Debian version");
  const out = resolve(values.out);
  mkdirSync(out, { recursive: true });
  const stage = mkdtempSync(join(tmpdir(), "postern-package-"));
  try {
    const date = sourceDate();
    stageTree(stage, { version: values.version, architecture, date });
    const file = join(out, `postern_${values.version}_${architecture}.deb`);
    execFileSync("dpkg-deb", [...compression, "--root-owner-group", "--build", stage, file], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(date) },
      stdio: ["ignore", "ignore", "inherit"],
    });
    return file;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

process.stdout.write(`${build()}\n`);
