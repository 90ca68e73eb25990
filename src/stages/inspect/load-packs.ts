/** The packs of an inspection thread: from their files, or from the texts an earlier thread read. Promises: all of them, or none. */
import type { CompiledPack } from "./compiled-pack.ts";
import { compilePackSource, formatPackError, loadPackFile } from "./pack-file.ts";
import type { PackError, PackSurroundings } from "./pack-file.ts";
import type { PackSource } from "./pack-source.ts";
import type { LoadedPack, ThreadArguments } from "./thread-protocol.ts";

export type PacksLoading =
  | { readonly ok: true; readonly packs: readonly CompiledPack[]; readonly loaded: readonly LoadedPack[] }
  /** Of the first one that does not load. */
  | { readonly ok: false; readonly errors: readonly string[] };

type Opened = { readonly pack: CompiledPack; readonly source: PackSource; readonly bases: readonly string[] };
type Opening = ({ readonly ok: true } & Opened) | { readonly ok: false; readonly errors: readonly PackError[] };

export function loadPacks(packs: ThreadArguments["packs"], surroundings: PackSurroundings): PacksLoading {
  const all: Opened[] = [];
  for (const opening of openingsOf(packs, surroundings)) {
    if (!opening.ok) return { ok: false, errors: opening.errors.map(formatPackError) };
    all.push(opening);
  }
  return { ok: true, packs: all.map(({ pack }) => pack), loaded: all.map(loadedOf) };
}

function* openingsOf(packs: ThreadArguments["packs"], surroundings: PackSurroundings): Generator<Opening> {
  const { indexes, known } = surroundings;
  if (packs.kind === "files") {
    for (const path of packs.paths) yield loadPackFile(path, indexes, known);
    return;
  }
  for (const source of packs.sources) {
    // Its tests passed before.
    const compiling = compilePackSource(source, surroundings);
    yield compiling.ok ? { ok: true, pack: compiling.pack, source, bases: compiling.bases } : compiling;
  }
}

function loadedOf({ pack: { id, rules }, source, bases }: Opened): LoadedPack {
  return { id, source, bases, rules: rules.map((rule) => ({ id: rule.id, status: rule.status, also: rule.also })) };
}
