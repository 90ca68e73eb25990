/**
 * Whether one condition can hold only where another does too, so that one of two rules adds nothing.
 * Promises: true only where it is certain; keys it does not know must be the same on both sides. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import type { ConditionEntry, PackFile } from "../../../stages/inspect/pack-schema.ts";
import { detectorsOf } from "./pack-facts.ts";

/** Keys of a counting condition that compare; what else stands in one must be equal. */
const COMPARED: ReadonlySet<string> = new Set([
  "any_of",
  "class",
  "min_confidence",
  "distinct",
  "distinct_terms",
  "weight",
  "within",
]);

/** Wherever `a` holds `b` holds too. */
export function implies(a: ConditionEntry, b: ConditionEntry, file: PackFile): boolean {
  if (isDeepStrictEqual(a, b)) return true;
  if (a.any !== undefined) return a.any.every((each) => implies(each, b, file));
  if (b.all !== undefined) return impliesAll(a, b.all, file);
  if (b.any !== undefined && b.any.some((each) => implies(a, each, file))) return true;
  if (a.all !== undefined) return a.all.some((each) => implies(each, b, file));
  if (a.not !== undefined && b.not !== undefined) return implies(b.not, a.not, file);
  return isCount(a) && isCount(b) && countImplies(a, b, file);
}

function impliesAll(a: ConditionEntry, wanted: readonly ConditionEntry[], file: PackFile): boolean {
  const [anchor, ...rest] = wanted;
  if (anchor === undefined || !rest.some(readsWindow)) return wanted.every((each) => implies(a, each, file));
  // Windows are measured from the hits of the first condition: both must measure from hits of the same detectors.
  const [ownAnchor, ...own] = a.all ?? [];
  if (ownAnchor === undefined || !implies(ownAnchor, anchor, file)) return false;
  return rest.every((each) => own.some((mine) => implies(mine, each, file)));
}

function readsWindow(entry: ConditionEntry): boolean {
  const below = [...(entry.all ?? []), ...(entry.any ?? []), ...(entry.not === undefined ? [] : [entry.not])];
  return entry.within !== undefined || below.some(readsWindow);
}

function isCount(entry: ConditionEntry): boolean {
  return entry.any_of !== undefined || entry.class !== undefined;
}

function countImplies(a: ConditionEntry, b: ConditionEntry, file: PackFile): boolean {
  const more = new Set(detectorsOf(b, file));
  return (
    detectorsOf(a, file).every((id) => more.has(id)) &&
    (a.min_confidence ?? 1) >= (b.min_confidence ?? 1) &&
    distinctOf(a) >= distinctOf(b) &&
    (a.weight ?? 0) >= (b.weight ?? 0) &&
    (a.within ?? Number.POSITIVE_INFINITY) <= (b.within ?? Number.POSITIVE_INFINITY) &&
    isDeepStrictEqual(otherKeys(a), otherKeys(b))
  );
}

export function distinctOf(entry: ConditionEntry): number {
  return entry.distinct ?? entry.distinct_terms ?? 1;
}

function otherKeys(entry: ConditionEntry): unknown {
  return Object.entries(entry)
    .filter(([key, value]) => !COMPARED.has(key) && value !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}
