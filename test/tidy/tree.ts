/** The files the tidy rules look at, read from a folder: the house itself or a fixture, whose files carry `.txt` behind their names. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UNTRACKED } from "./laws.ts";
import { readSource } from "./source-file.ts";
import type { SourceFile } from "./source-file.ts";

export type TextFile = { readonly path: string; readonly text: string };

export type Tree = {
  readonly sources: readonly SourceFile[];
  /** Every text file, the sources among them. */
  readonly texts: readonly TextFile[];
};

export type Violation = {
  readonly rule: string;
  readonly path: string;
  readonly line: number;
  readonly message: string;
};

const TEXT =
  /(?:\.(?:ts|js|mjs|cjs|json|ya?ml|md|sh|service|conf|html|css|sql|txt|tsv|csv)|\/run|\/\.[a-z]+rc|\/\.[a-z]+ignore|LICENSE)$/;
const FIXTURES = "test/tidy/fixtures";

export function readTree(root: string): Tree {
  const isFixture = root.includes(FIXTURES);
  const texts = walk(root, "").flatMap((path) => {
    if (!isFixture && path.startsWith(FIXTURES)) return [];
    const named = isFixture ? path.replace(/\.txt$/, "") : path;
    return TEXT.test(`/${named}`) ? [{ path: named, text: readFileSync(join(root, path), "utf8") }] : [];
  });
  const sources = texts.filter(({ path }) => /^(?:src|test|bench)\/.*\.ts$/.test(path));
  return { texts, sources: sources.map(({ path, text }) => readSource(path, text)) };
}

function walk(root: string, folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (UNTRACKED.has(entry.name)) return [];
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? walk(root, path) : [path];
  });
}
