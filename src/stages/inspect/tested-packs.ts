/**
 * Packs whose own tests passed when this program was built, by their hash: the same code finds the same in the same text, so a start
 * need not run them again. Promises: where nothing was built (from the sources), or by another Node, none is known. What an
 * operator changed has another hash.
 */
import { readFileSync } from "node:fs";

/** Beside this module, written by packaging/tested-packs.ts. */
export const TESTED_PACKS_FILE = "tested-packs.json";

export type TestedPacks = { readonly node: string; readonly sha256: readonly string[] };

export function testedPacks(): ReadonlySet<string> {
  let text: string;
  try {
    text = readFileSync(new URL(`./${TESTED_PACKS_FILE}`, import.meta.url), "utf8");
  } catch {
    return new Set();
  }
  const { node, sha256 } = JSON.parse(text) as TestedPacks;
  return new Set(node === process.version ? sha256 : []);
}
