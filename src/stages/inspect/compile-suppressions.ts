/**
 * Turns the suppressions of a pack file into what the engine runs, and resolves the names that they and rules refer to.
 * Promises: every unknown detector or class is reported with its place; one that names nothing is refused.
 */
import type { YamlPath } from "../../parts/config/yaml-source.ts";
import { checkKnown } from "./compile-detectors.ts";
import type { Report } from "./compile-detectors.ts";
import type { Suppression } from "./compiled-pack.ts";
import type { SuppressionEntry } from "./pack-schema.ts";

/** Detectors by their ids and classes. */
export type KnownNames = { readonly ids: readonly string[]; readonly byClass: ReadonlyMap<string, readonly string[]> };
type Named = Pick<SuppressionEntry, "any_of" | "classes">;
type Tell = (message: string) => void;

export function compileSuppressions(
  entries: readonly SuppressionEntry[],
  known: KnownNames,
  report: Report,
): readonly Suppression[] {
  const seen = new Set<string>();
  return entries.map((entry, index) => {
    const path = ["suppress", index];
    if (seen.has(entry.id)) report([...path, "id"], `the id "${entry.id}" stands twice`);
    seen.add(entry.id);
    return {
      detectors: new Set(namedDetectors(entry, { path, known, report })),
      notIn: entry.not_in,
      unless:
        entry.unless === undefined ? [] : namedDetectors(entry.unless, { path: [...path, "unless"], known, report }),
      minConfidence: entry.unless?.min_confidence ?? 1,
    };
  });
}

type Place = { readonly path: YamlPath; readonly known: KnownNames; readonly report: Report };

function namedDetectors({ any_of: ids = [], classes = [] }: Named, { path, known, report }: Place): readonly string[] {
  if (ids.length + classes.length === 0) report(path, "names no detector; give any_of, classes, or both");
  const one = ids.filter((id, index) => isKnownId(id, known, (message) => report([...path, "any_of", index], message)));
  const more = classes.flatMap((name, index) => {
    return detectorsOfClass(name, known, (message) => report([...path, "classes", index], message)) ?? [];
  });
  return [...new Set([...one, ...more])];
}

export function isKnownId(id: string, known: KnownNames, tell: Tell): boolean {
  const error = checkKnown(known.ids, id, "detector");
  if (error !== null) tell(error);
  return error === null;
}

/** null for an unknown one, which is told. */
export function detectorsOfClass(name: string, known: KnownNames, tell: Tell): readonly string[] | null {
  const error = checkKnown(Array.from(known.byClass.keys()), name, "class");
  if (error !== null) tell(error);
  return error === null ? (known.byClass.get(name) ?? []) : null;
}
