/** Loads the configured rule packs and builds inspection from them. Promises: all packs load, or none is taken. */
import { readFileSync } from "node:fs";
import type { Inspect } from "./core/stages.ts";
import { inspectOptions } from "./options.ts";
import type { Config } from "./parts/config/config.ts";
import type { CompiledPack } from "./stages/inspect/compiled-pack.ts";
import { createInspect } from "./stages/inspect/inspect.ts";
import { formatPackError, loadPack } from "./stages/inspect/pack-file.ts";
import type { Parts } from "./surroundings.ts";

/** Throws PackError. */
export function buildInspect(config: Config, { env, keyRing }: Pick<Parts, "env" | "keyRing">): Inspect {
  const hashKey = keyRing.derive("addresses", "postern finding value v1");
  return createInspect(inspectOptions(config), { packs: config.dlp.packs.map(readPack), hashKey, clock: env.clock });
}

function readPack(path: string): CompiledPack {
  const loading = loadPack(readFileSync(path, "utf8"), path);
  if (loading.ok) return loading.pack;
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
