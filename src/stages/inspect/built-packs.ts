/**
 * What the build of this program found out about the shipped packs: which passed their own tests, and what their texts say.
 * The same code finds the same in the same text, so a start need neither run those tests nor read that YAML again. Promises: where nothing was
 * built (from the sources), or by another Node, nothing is known. What an operator changed has another hash.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { PackFile } from "./pack-schema.ts";

/** Beside this module, written by packaging/built-packs.ts. */
export const BUILT_PACKS_FILE = "built-packs.json";

/** As the file holds it. */
export type BuiltPacks = {
  readonly node: string;
  /** Packs whose tests passed, by the hash of all their texts. */
  readonly tested: readonly string[];
  /** What a text says, by its SHA-256. */
  readonly read: Readonly<Record<string, PackFile>>;
};

export interface KnownPacks {
  /** `sha256` of a pack and every file it names. */
  isTested(sha256: string): boolean;
  /** What the text of one file says; null: it is to be read. */
  read(text: string): PackFile | null;
}

export const NO_KNOWN_PACKS: KnownPacks = { isTested: () => false, read: () => null };

export function builtPacks(): KnownPacks {
  let text: string;
  try {
    text = readFileSync(new URL(`./${BUILT_PACKS_FILE}`, import.meta.url), "utf8");
  } catch {
    return NO_KNOWN_PACKS;
  }
  const { node, tested, read } = JSON.parse(text) as BuiltPacks;
  if (node !== process.version) return NO_KNOWN_PACKS;
  return {
    isTested: (sha256) => tested.includes(sha256),
    read: (pack) => read[sha256Of(pack)] ?? null,
  };
}

export function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
