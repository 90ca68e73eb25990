/**
 * Lays a pack over the one it extends, so that both are judged as one.
 * Promises: what has an id of the base stands in its place, what `without` names is gone, all else is added; every error has a
 * place in the pack that was written, not in the base.
 */
import type { YamlPath } from "../../parts/config/yaml-source.ts";
import { checkKnown } from "./compile-detectors.ts";
import type { Report } from "./compile-detectors.ts";
import type { PackFile } from "./pack-schema.ts";

export function extendPack(base: PackFile, own: PackFile, report: Report): PackFile {
  const known = [...base.detectors, ...base.rules, ...base.suppress].map(({ id }) => id);
  own.without.forEach((id, index) => {
    const error = checkKnown(known, id, "detector, rule or suppression of the extended pack");
    if (error !== null) report(["without", index], error);
  });
  const gone = new Set(own.without);
  const detectors = overlay(base.detectors, own.detectors, gone);
  const rules = overlay(base.rules, own.rules, gone);
  return { ...own, detectors, rules, suppress: overlay(base.suppress, own.suppress, gone) };
}

function overlay<T extends { readonly id: string }>(base: readonly T[], own: readonly T[], gone: ReadonlySet<string>) {
  const inPlace = base.filter(({ id }) => !gone.has(id)).map((each) => own.find(({ id }) => id === each.id) ?? each);
  return [...inPlace, ...own.filter((each) => !inPlace.includes(each))];
}

/** Where what stands at a path of the whole stands in `own`; null where it is of the base. */
export function placesIn(own: PackFile, whole: PackFile): (path: YamlPath) => YamlPath | null {
  return (path) => {
    const [list, index, ...rest] = path;
    if (!isList(list) || typeof index !== "number") return path;
    const at = (own[list] as readonly unknown[]).indexOf(whole[list][index]);
    return at < 0 ? null : [list, at, ...rest];
  };
}

/** Tells errors of the whole at their places in its text. */
export function reportAt(placeOf: (path: YamlPath) => YamlPath | null, whole: PackFile, report: Report): Report {
  return (path, message) => {
    const place = placeOf(path);
    if (place !== null) return report(place, message);
    const [list, index] = path;
    const id = isList(list) ? whole[list][Number(index)]?.id : undefined;
    // It was without fault in its own pack: what it misses was taken or changed here.
    report(["extends"], `${id ?? "a part"} of the extended pack no longer fits: ${message}`);
  };
}

function isList(key: unknown): key is "detectors" | "rules" | "suppress" {
  return key === "detectors" || key === "rules" || key === "suppress";
}
