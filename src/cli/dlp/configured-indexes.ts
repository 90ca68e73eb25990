/**
 * The indexes of exact data match that packs given to a command name, from the gateway's configuration.
 * Promises: without a detector of type `edm` nothing is opened, and no configuration is needed.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { openIndexes } from "../../edm-indexes.ts";
import { EdmError } from "../../parts/edm/edm-error.ts";
import { indexOf } from "../../parts/edm/edm-file.ts";
import { indexesOf, NO_INDEXES } from "../../stages/inspect/compile-edm.ts";
import type { EdmIndexes } from "../../stages/inspect/compile-edm.ts";
import type { Config } from "../../parts/config/config.ts";
import { CliError } from "../cli-error.ts";
import { configPathOf, requireConfig } from "../surroundings.ts";

const EXTENDS = /^extends:[ \t]*["']?([^\s"'#]+)/m;
/** Against packs that extend each other; loading them says so. */
const EXTENDS_DEPTH_MAX = 8;
const SILENT = { info: () => undefined, error: () => undefined };

/** Throws CliError where an index is named and cannot be opened. */
export async function configuredIndexes(packs: readonly string[] | undefined, command: Command): Promise<EdmIndexes> {
  if (packs?.some((path) => mayNameIndex(path)) !== true) return NO_INDEXES;
  return openConfigured(requireConfig(configPathOf(command), () => undefined));
}

/** Throws CliError. */
export async function openConfigured(config: Config): Promise<EdmIndexes> {
  try {
    const shared = await openIndexes(config.dlp.edm, SILENT);
    return indexesOf(new Map(Array.from(shared, ([name, index]) => [name, indexOf(index)])));
  } catch (error) {
    if (!(error instanceof EdmError)) throw error;
    throw new CliError(`${error.code} ${error.message}`, { next: error.next, lines: error.lines });
  }
}

/** By itself, or by what it extends. */
function mayNameIndex(path: string, depth = 0): boolean {
  try {
    const text = readFileSync(path, "utf8");
    if (/\bedm\b/.test(text)) return true;
    const base = EXTENDS.exec(text)?.[1];
    return base !== undefined && depth < EXTENDS_DEPTH_MAX && mayNameIndex(resolve(dirname(path), base), depth + 1);
  } catch {
    // Loading the pack says why it cannot be read.
    return false;
  }
}
