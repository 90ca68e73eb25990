/** Rules and conditions that can never hold, hold by themselves, or add nothing to another rule. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { YamlPath } from "../../../parts/config/yaml-source.ts";
import { strongerAction } from "../../../stages/inspect/compile-actions.ts";
import type { CompiledRule } from "../../../stages/inspect/compiled-pack.ts";
import type { ConditionEntry, RuleEntry } from "../../../stages/inspect/pack-schema.ts";
import { distinctOf, implies } from "./implication.ts";
import type { Doubt, LintSubject } from "./lint.ts";
import { countsOf, detectorById, levelAtMost, valuesAtMost } from "./pack-facts.ts";
import type { Count } from "./pack-facts.ts";

export function lintRules(subject: LintSubject): readonly Doubt[] {
  return [
    ...countsOf(subject.file).flatMap((count) => unreachable(count, subject)),
    ...subject.file.rules.flatMap((rule, index) => inAll(rule.when, ["rules", index, "when"], subject)),
    ...shadowed(subject),
  ];
}

function unreachable({ path, entry, detectors }: Count, subject: LintSubject): readonly Doubt[] {
  const known = detectors.flatMap((id) => detectorById(subject, id) ?? []);
  const min = entry.min_confidence ?? 1;
  const sure = known.filter((detector) => levelAtMost(detector) >= min);
  const never = (key: string, why: string, next: string): Doubt => ({
    severity: "warning",
    check: "never-holds",
    path: [...path, key],
    why: `this condition never holds: ${why}`,
    next,
  });
  if (sure.length === 0) {
    const most = Math.max(0, ...known.map(levelAtMost));
    return [never("min_confidence", `what it counts is at most ${most} sure`, `Lower it to ${most} or less.`)];
  }
  const values = sure.reduce((sum, each) => sum + valuesAtMost(each), 0);
  if (values < distinctOf(entry)) {
    const key = entry.distinct === undefined ? "distinct_terms" : "distinct";
    return [never(key, `its detectors know only ${values} different values`, "Lower it or add terms.")];
  }
  const weight = sure.reduce((sum, each) => sum + (each.weight === 0 ? 0 : each.weight * valuesAtMost(each)), 0);
  if (weight < (entry.weight ?? 0))
    return [never("weight", `all of its terms together weigh ${weight}`, "Lower it, or raise their weights.")];
  if (entry.any_of === undefined) return [];
  return known
    .filter((detector) => !sure.includes(detector))
    .map((detector) => ({
      severity: "note",
      check: "never-counts",
      path: [...path, "any_of", detectors.indexOf(detector.id)],
      why: `${detector.id} is at most ${levelAtMost(detector)} sure and never counts here`,
      next: "Take it out, or lower min_confidence.",
    }));
}

/** Conditions of an `all` that contradict each other, and windows that their own first condition fills. */
function inAll(entry: ConditionEntry, path: YamlPath, subject: LintSubject): readonly Doubt[] {
  const { file } = subject;
  const all = entry.all ?? [];
  const below = [
    ...all.flatMap((each, index) => inAll(each, [...path, "all", index], subject)),
    ...(entry.any ?? []).flatMap((each, index) => inAll(each, [...path, "any", index], subject)),
    ...(entry.not === undefined ? [] : inAll(entry.not, [...path, "not"], subject)),
  ];
  const contradictions = all.flatMap(({ not }, index): readonly Doubt[] => {
    if (not === undefined || !all.some((each) => implies(each, not, file))) return [];
    const why =
      "this never holds together with another condition of the same all, which asks for what is excluded here";
    return [
      {
        severity: "warning",
        check: "never-holds",
        path: [...path, "all", index, "not"],
        why,
        next: "Take out one of the two.",
      },
    ];
  });
  const [anchor, ...rest] = all;
  const filled = rest.flatMap((each, index): readonly Doubt[] => {
    if (anchor === undefined || each.within === undefined || !fillsItself(anchor, each, subject)) return [];
    return [
      {
        severity: "warning",
        check: "counts-itself",
        path: [...path, "all", index + 1],
        why: "this always holds: a hit of the first condition stands in its own window and is enough",
        next: "Ask for distinct: 2, or count other detectors here.",
      },
    ];
  });
  return [...below, ...contradictions, ...filled];
}

function fillsItself(anchor: ConditionEntry, windowed: ConditionEntry, subject: LintSubject): boolean {
  const { weight = 0, within: _, ...anywhere } = windowed;
  // One hit, as light as the lightest of them.
  const one = { ...anchor, distinct: 1, weight };
  if (!implies(one, { ...anywhere, weight }, subject.file)) return false;
  const ids = countsOf(subject.file).find(({ entry }) => entry === anchor)?.detectors ?? [];
  return ids.every((id) => (detectorById(subject, id)?.weight ?? 0) >= weight);
}

/** A rule that never does anything another active rule does not do. */
function shadowed({ file, pack }: LintSubject): readonly Doubt[] {
  const compiled = new Map(pack.rules.map((rule) => [rule.id, rule]));
  const covers = (other: RuleEntry, rule: RuleEntry): boolean => {
    const [stronger, weaker] = [compiled.get(other.id), compiled.get(rule.id)];
    return (
      stronger?.status === "active" &&
      weaker?.status === "active" &&
      doesNoLess(stronger, weaker) &&
      isAsWide(other, rule) &&
      implies(rule.when, other.when, file)
    );
  };
  return file.rules.flatMap((rule, index): readonly Doubt[] => {
    const by = file.rules.find(
      (other, position) => other !== rule && covers(other, rule) && !(position > index && covers(rule, other)),
    );
    if (by === undefined) return [];
    const why = `${by.id} always holds when this rule does, and does no less`;
    const next = `Take this rule out, or make ${by.id} narrower.`;
    return [{ severity: "warning", check: "shadowed", path: ["rules", index, "id"], why, next }];
  });
}

function doesNoLess(other: CompiledRule, rule: CompiledRule): boolean {
  const tiers = ["none", "low", "high"];
  return (
    isDeepStrictEqual(strongerAction(other.action, rule.action), other.action) &&
    rule.also.every((each) => other.also.some((mine) => isDeepStrictEqual(mine, each))) &&
    tiers.indexOf(other.tier) >= tiers.indexOf(rule.tier)
  );
}

/** Whatever narrows a rule beside its condition must be missing in the other one, or the same. */
function isAsWide(other: RuleEntry, rule: RuleEntry): boolean {
  const aside = new Set(["id", "description", "status", "tier", "action", "when"]);
  const given: Readonly<Record<string, unknown>> = rule;
  return Object.entries(other).every(
    ([key, value]) => aside.has(key) || value === undefined || isDeepStrictEqual(value, given[key]),
  );
}
