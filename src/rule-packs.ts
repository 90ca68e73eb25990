/** Loads the configured rule packs and builds inspection from them. Promises: all packs load, or none is taken. */
import { overlapsOf } from "./pack-overlaps.ts";
import { unaddressed } from "./pack-addresses.ts";
import { openIndexes } from "./edm-indexes.ts";
import { extractionOptions, inspectOptions } from "./options.ts";
import type { Config } from "./parts/config/config.ts";
import { Extraction } from "./parts/extraction/extraction.ts";
import type { ExtractContent } from "./parts/extraction/extraction-types.ts";
import { indexOf } from "./parts/edm/edm-file.ts";
import { indexesOf } from "./stages/inspect/compile-edm.ts";
import type { EdmIndexes } from "./stages/inspect/compile-edm.ts";
import { createInspect } from "./stages/inspect/inspect.ts";
import { formatPackError, loadPackFile } from "./stages/inspect/pack-file.ts";
import type { PackLoading } from "./stages/inspect/pack-file.ts";
import { builtPacks } from "./stages/inspect/built-packs.ts";
import { threadedInspect } from "./stages/inspect/threaded-inspect.ts";
import type { Inspection } from "./stages/inspect/threaded-inspect.ts";
import type { Parts } from "./surroundings.ts";

/** Throws PackError or EdmError. */
export async function buildInspect(
  config: Config,
  { env, keyRing, watching }: Pick<Parts, "env" | "keyRing" | "watching">,
): Promise<Inspection> {
  const hashKey = keyRing.derive("addresses", "postern finding value v1");
  const options = inspectOptions(config);
  const indexes = await openIndexes(config.dlp.edm, env.log);
  const known = indexesOf(new Map(Array.from(indexes, ([name, shared]) => [name, indexOf(shared)])));
  const loaded = config.dlp.packs.map((path) => readPack(path, known));
  const compiled = loaded.map(({ pack }) => pack);
  const packs = loaded.map(({ source }) => source);
  const named = loaded.map(({ pack: { id }, source: { fileName }, bases }) => ({ id, path: fileName, bases }));
  for (const { path, why, next } of overlapsOf(named)) {
    env.log.warn("config_warning", { warning: `${path}: ${why}; ${next}` });
  }
  const lacking = compiled.flatMap((pack) => unaddressed(pack, config.dlp));
  if (lacking.length > 0) throw new PackError(lacking);
  const extraction = new Extraction(extractionOptions(config), env);
  const extract: ExtractContent = (request) => extraction.extract(request);
  const inline = createInspect(options, { packs: compiled, hashKey, clock: env.clock, extract });
  watching.useIndexes(Object.fromEntries(Array.from(indexes, ([name, { header }]) => [name, header.created])));
  const { inspect, close } = threadedInspect(inline, { packs, options, hashKey, indexes }, extract);
  return { inspect, close: () => close().then(() => extraction.close()) };
}

function readPack(path: string, indexes: EdmIndexes): Extract<PackLoading, { ok: true }> {
  const loading = loadPackFile(path, indexes, builtPacks());
  if (loading.ok) return loading;
  throw new PackError(loading.errors.map(formatPackError));
}

/** A rule pack that does not load: every error with its place. */
export class PackError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "PackError";
    this.lines = lines;
  }
}
