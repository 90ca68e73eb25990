/** What lint needs to know of detectors and conditions: how sure a hit can be, how much can be found, who reads what. Pure. */
import type { YamlPath } from "../../../parts/config/yaml-source.ts";
import type { CompiledDetector } from "../../../stages/inspect/compiled-pack.ts";
import { DEFAULT_LEVELS } from "../../../stages/inspect/detectors.ts";
import type { ConditionEntry, PackFile } from "../../../stages/inspect/pack-schema.ts";
import type { LintSubject } from "./lint.ts";

const CONFIDENCE_MAX = 100;
const RAISE_MAX = 25;

/** A condition that counts, where it stands, and the detectors it counts. */
export type Count = {
  readonly path: YamlPath;
  readonly entry: ConditionEntry;
  readonly detectors: readonly string[];
};

/** Ids of the detectors a condition reads; empty for all, any and not. */
export function detectorsOf(entry: ConditionEntry, file: PackFile): readonly string[] {
  if (entry.any_of !== undefined) return entry.any_of;
  const name = entry.class;
  if (name === undefined) return [];
  return file.detectors.filter(({ classes }) => classes.includes(name)).map(({ id }) => id);
}

/** Every condition that counts, of every rule, those of switched-off rules too. */
export function countsOf(file: PackFile): readonly Count[] {
  return file.rules.flatMap((rule, index) => countsIn(rule.when, ["rules", index, "when"], file));
}

function countsIn(entry: ConditionEntry, path: YamlPath, file: PackFile): readonly Count[] {
  if (entry.not !== undefined) return countsIn(entry.not, [...path, "not"], file);
  const [key, below] = entry.all === undefined ? (["any", entry.any] as const) : (["all", entry.all] as const);
  if (below !== undefined) return below.flatMap((each, index) => countsIn(each, [...path, key, index], file));
  return [{ path, entry, detectors: detectorsOf(entry, file) }];
}

export function detectorById({ pack }: LintSubject, id: string): CompiledDetector | undefined {
  return pack.detectors.find((detector) => detector.id === id);
}

/** The level of a hit without any word near it; null where it has none. */
export function levelAlone({ ladder, method }: CompiledDetector): number | null {
  const levels = ladder.flatMap((rung) => (rung.kind === "level" ? [rung] : []));
  if (levels.length === 0)
    return ["name", "shape", "weighed"].includes(method.kind) ? CONFIDENCE_MAX : DEFAULT_LEVELS[method.kind];
  const alone = levels.filter(({ near }) => near === null).map(({ level }) => level);
  return alone.length === 0 ? null : Math.max(...alone);
}

/** As sure as a hit can be. */
export function levelAtMost(detector: CompiledDetector): number {
  const levels = detector.ladder.flatMap((rung) => (rung.kind === "level" ? [rung.level] : []));
  const raises = detector.ladder.flatMap((rung) => (rung.kind === "adjust" && rung.adjust > 0 ? [rung.adjust] : []));
  const level = levels.length === 0 ? (levelAlone(detector) ?? 0) : Math.max(...levels);
  const raise = Math.min(
    RAISE_MAX,
    raises.reduce((sum, each) => sum + each, 0),
  );
  return Math.min(CONFIDENCE_MAX, level + raise);
}

/** Different values a detector can find. */
export function valuesAtMost({ method }: CompiledDetector): number {
  if (method.kind === "sender") return 1;
  return method.kind === "dictionary" ? new Set(method.terms).size : Number.POSITIVE_INFINITY;
}
