/** Loads the configured rule packs and builds inspection from them. Promises: all packs load, or none is taken. */
import { overlapsOf } from "./pack-overlaps.ts";
import { unaddressed } from "./pack-addresses.ts";
import { openIndexes } from "./edm-indexes.ts";
import { extractionOptions, inspectOptions } from "./options.ts";
import type { Config } from "./parts/config/config.ts";
import { Extraction } from "./parts/extraction/extraction.ts";
import type { ExtractContent } from "./parts/extraction/extraction-types.ts";
import { openInspection } from "./stages/inspect/threaded-inspect.ts";
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
  const extraction = new Extraction(extractionOptions(config), env);
  const extract: ExtractContent = (request) => extraction.extract(request);
  const opening = await openInspection(config.dlp.packs, { options, hashKey, indexes }, extract);
  if (!opening.ok) throw new PackError(opening.errors);
  const { inspection } = opening;
  const close = (): Promise<void> => inspection.close().then(() => extraction.close());
  const lacking = inspection.packs.flatMap((pack) => unaddressed(pack, config.dlp));
  if (lacking.length > 0) {
    await close();
    throw new PackError(lacking);
  }
  const named = inspection.packs.map(({ id, source: { fileName }, bases }) => ({ id, path: fileName, bases }));
  for (const { path, why, next } of overlapsOf(named)) {
    env.log.warn("config_warning", { warning: `${path}: ${why}; ${next}` });
  }
  watching.useIndexes(Object.fromEntries(Array.from(indexes, ([name, { header }]) => [name, header.created])));
  return { ...inspection, close };
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
