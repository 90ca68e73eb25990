/**
 * Turns the lines of a list of weights into what weighs a message: `word 12`, `@person>=65*2 30` (two persons as sure as 65 or more),
 * `@chars*600 -8` (a message of 600 characters or more), `@base -150`.
 * Promises: a class that no detector has is told.
 */
import { checkKnown } from "./compile-detectors.ts";
import type { CountWeight, WeighedMethod } from "./weighed.ts";

const COUNT = /^@(?<name>[a-z][a-z0-9._-]*)>=(?<sure>\d+)\*(?<distinct>\d+)$/;
const SIZE = /^@chars\*(?<chars>\d+)$/;
const BASE = "@base";

/** Lines in the form that term-list.ts checks. */
export function compileWeights(
  lines: readonly string[],
  byClass: ReadonlyMap<string, readonly string[]>,
  report: (message: string) => void,
): WeighedMethod {
  const words = new Map<string, number>();
  const counts: CountWeight[] = [];
  const sizes: { readonly chars: number; readonly weight: number }[] = [];
  let base = 0;
  for (const line of lines) {
    const [feature = "", number = ""] = line.split(" ");
    const weight = Number(number);
    const count = COUNT.exec(feature)?.groups;
    const size = SIZE.exec(feature)?.groups;
    if (feature === BASE) base = weight;
    else if (size !== undefined) sizes.push({ chars: Number(size["chars"]), weight });
    else if (count === undefined) words.set(feature, weight);
    else {
      const name = count["name"] ?? "";
      const detectors = byClass.get(name);
      if (detectors === undefined) report(checkKnown([...byClass.keys()], name, "class") ?? "");
      else
        counts.push({
          detectors,
          minConfidence: Number(count["sure"]),
          distinct: Number(count["distinct"]),
          weight,
        });
    }
  }
  return { kind: "weighed", base, words, counts, sizes };
}
