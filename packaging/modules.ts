/**
 * The npm packages the service runs on: those the lock does not mark as for development, and of each only what Node loads.
 * Promises: a package that the lock names and this machine lacks is an error, unless it is for another platform.
 */
import { cpSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readJson, ROOT } from "./sources.ts";

export type Module = {
  /** Below the root, such as `node_modules/yaml`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly licence: string;
};

type LockEntry = {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
};

/** Node itself goes to bin/node; headers for compilers are not loaded at run time. */
const LEFT_OUT = /^node_modules\/(?:node-(?:linux|darwin|win)\b|node-addon-api$)/;
/** Sources of other languages, types, maps, pages: nothing Node loads. */
const UNUSED_FILES =
  /\.(?:d\.[cm]?ts|[cm]?tsx?|map|md|markdown|flow|h|hpp|c|cc|cpp|gypi?|o|mk|yml|yaml|sh|exe|tgz|html)$|^\./i;
const UNUSED_FOLDERS = new Set([
  "test",
  "tests",
  "__tests__",
  "example",
  "examples",
  "benchmark",
  "benchmarks",
  "bench",
  ".github",
  "docs",
]);
/** By package, paths within it. */
const UNUSED_PATHS: Readonly<Record<string, RegExp>> = {
  "node_modules/better-sqlite3": new RegExp(`^(?:deps|src)(?:/|$)|^prebuilds/(?!linux-${process.arch}\\.node$)`),
  "node_modules/openpgp": /^dist\/(?!node(?:\/|$))/,
};
const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;

export function productionModules(): readonly Module[] {
  const { packages } = readJson("package-lock.json") as { readonly packages: Readonly<Record<string, LockEntry>> };
  return Object.entries(packages)
    .filter(([path, entry]) => path !== "" && entry.dev !== true && !LEFT_OUT.test(path))
    .filter(([path, entry]) => {
      if (existsSync(join(ROOT, path))) return true;
      if (entry.optional === true) return false;
      throw new Error(`packaging: ${path} is missing. Next: npm ci`);
    })
    .map(([path, entry]) => ({
      path,
      name: path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
      version: entry.version,
      licence: entry.license ?? "unknown",
    }));
}

/** Copies one package without what is not loaded, and without the packages within it, which have entries of their own. */
export function copyModule({ path }: Module, target: string): void {
  const source = join(ROOT, path);
  cpSync(source, join(target, path), {
    recursive: true,
    filter: (from) => {
      const within = from.slice(source.length + 1);
      return within === "" || isLoaded(path, within, statSync(from).isDirectory());
    },
  });
}

function isLoaded(path: string, within: string, isFolder: boolean): boolean {
  const name = within.split("/").at(-1) ?? "";
  if (UNUSED_PATHS[path]?.test(within) === true) return false;
  if (isFolder) return name !== "node_modules" && !UNUSED_FOLDERS.has(name);
  return !UNUSED_FILES.test(name) && !LICENCE_FILE.test(name);
}

/** Licence files of a package, by name; they go into the copyright file. */
export function licenceFiles({ path }: Pick<Module, "path">): readonly string[] {
  const names = readdirSync(join(ROOT, path)).filter((name) => LICENCE_FILE.test(name));
  return names.toSorted().map((name) => `${path}/${name}`);
}
