/** The rule packs a `postern dlp` command works with, and inspection by them. A pack that does not load ends the command. */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { Log } from "../../core/log.ts";
import type { Inspect } from "../../core/stages.ts";
import { Extraction } from "../../parts/extraction/extraction.ts";
import { builtPacks } from "../../stages/inspect/built-packs.ts";
import { NO_INDEXES } from "../../stages/inspect/compile-edm.ts";
import type { EdmIndexes } from "../../stages/inspect/compile-edm.ts";
import type { CompiledPack } from "../../stages/inspect/compiled-pack.ts";
import { createInspect } from "../../stages/inspect/inspect.ts";
import type { InspectDeps } from "../../stages/inspect/inspect.ts";
import { DEFAULT_INSPECT_OPTIONS } from "../../stages/inspect/inspect-options.ts";
import { formatPackError, loadPackFile } from "../../stages/inspect/pack-file.ts";
import type { PackError } from "../../stages/inspect/pack-file.ts";
import { CliError } from "../cli-error.ts";

export const SHIPPED_PACK = fileURLToPath(new URL("../../../config/dlp/us-hipaa.yaml", import.meta.url));
/** As in config/postern.yaml. */
const READERS = { readersMax: 2, readerMemoryBytesMax: 384 * 1024 * 1024, pictures: null };
/** What a reader died of is told as the reason beside the file. */
const SILENT: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
/** In the help of commands that read messages. */
export const NO_PICTURES =
  "\nThe text of pictures is not read here, whatever dlp.ocr says: they are uninspectable, which the service may find them not to be.";
export const PACK_OPTION = [
  "--pack <file>",
  "a rule pack to use, more than once for several; default: the shipped us-hipaa pack",
  collect,
] as const;

/** For an option that may be given more than once: paths behind it are no more values of it. */
export function collect(file: string, before: readonly string[] = []): readonly string[] {
  return [...before, file];
}

/** The packs named, or the shipped one. One that does not load is wrong usage: the exit code 1 speaks of messages. */
export function requirePacks(
  paths: readonly string[] | undefined,
  indexes: EdmIndexes = NO_INDEXES,
): readonly CompiledPack[] {
  return (paths ?? [SHIPPED_PACK]).map((path) => {
    const loading = loadPackFile(path, indexes, builtPacks());
    if (loading.ok) return loading.pack;
    throw packErrors(path, loading.errors, 2);
  });
}

/** The pack, and how many tests it passed. */
export function requirePack(
  path: string,
  indexes: EdmIndexes = NO_INDEXES,
): { readonly pack: CompiledPack; readonly tests: number } {
  const loading = loadPackFile(path, indexes);
  if (loading.ok) return loading;
  throw packErrors(path, loading.errors);
}

export function packErrors(path: string, errors: readonly PackError[], exitCode: 1 | 2 = 1): CliError {
  const lines = errors.map(formatPackError);
  const count = lines.length === 1 ? "1 error" : `${lines.length} errors`;
  const next = "correct the places named above and check again.";
  return new CliError(`PST-INS-001 ${path} has ${count}`, { next, lines, exitCode });
}

/** `watch` sees what was read and matched, before it becomes findings. */
export function inspectWith(packs: readonly CompiledPack[], watch?: InspectDeps["watch"]): Inspect {
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  // Its processes end with the command.
  const extraction = new Extraction(READERS, { log: SILENT, clock });
  // Hashes of one run need not be those of another, so the key need not outlive the command.
  const deps: InspectDeps = {
    packs,
    hashKey: randomBytes(32),
    clock,
    extract: (request) => extraction.extract(request),
  };
  return createInspect(DEFAULT_INSPECT_OPTIONS, watch === undefined ? deps : { ...deps, watch });
}
