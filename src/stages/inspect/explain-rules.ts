/**
 * Tells why the rules of a pack hold for a message or do not: each condition with what it counts and what it asks for.
 * Promises: the same answer the evaluation gives; of windows the anchor is shown around which most holds. Works on the
 * matches the engine kept, after the fact: nothing of this runs while mail is inspected.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { CompiledRule, Condition, CountCondition, Match, NearCondition } from "./compiled-pack.ts";
import { tallyOf } from "./rules.ts";
import type { RuleEvaluation } from "./rules.ts";
import type { PlaceFilter } from "./text-places.ts";

/** Anchors compared to find the one around which most holds. */
const ANCHORS_MAX = 10_000;

export type ConditionExplanation =
  | {
      readonly kind: "all" | "any" | "not";
      readonly holds: boolean;
      readonly conditions: readonly ConditionExplanation[];
    }
  | CountExplanation;

export type CountExplanation = {
  readonly kind: "count";
  readonly holds: boolean;
  readonly asked: string;
  readonly minConfidence: number;
  /** Characters on both sides of the anchor; null: anywhere in the message. */
  readonly within: number | null;
  /** The places in which it counts; null: everywhere. */
  readonly places: PlaceFilter | null;
  /** False where a window has nothing to be measured from. */
  readonly isMeasured: boolean;
  /** What is there, and how much is enough. */
  readonly distinct: { readonly found: number; readonly needed: number };
  readonly weight: { readonly found: number; readonly needed: number };
  /** Of the same detectors: beyond the window, in places that do not count, or with too little confidence. */
  readonly outside: number;
  /** Elsewhere than its places, or suppressed where it stands. */
  readonly elsewhere: number;
  readonly tooWeak: number;
  readonly matches: readonly Match[];
};

export type RuleExplanation = {
  readonly rule: CompiledRule;
  readonly holds: boolean;
  readonly when: ConditionExplanation;
};

/** `matches`: all of the message, whatever their confidence. */
export function explainRule(
  rule: CompiledRule,
  evaluation: RuleEvaluation,
  matches: readonly Match[],
): RuleExplanation {
  const when = new Explainer(evaluation, matches).explain(rule.when, null);
  return { rule, holds: when.holds, when };
}

class Explainer {
  readonly #evaluation: RuleEvaluation;
  readonly #matches: readonly Match[];

  constructor(evaluation: RuleEvaluation, matches: readonly Match[]) {
    this.#evaluation = evaluation;
    this.#matches = matches;
  }

  explain(condition: Condition, anchor: Match | null): ConditionExplanation {
    switch (condition.kind) {
      case "all":
      case "any": {
        const conditions = condition.conditions.map((each) => this.explain(each, anchor));
        return { kind: condition.kind, holds: this.#evaluation.test(condition, anchor), conditions };
      }
      case "not":
        return {
          kind: "not",
          holds: this.#evaluation.test(condition, anchor),
          conditions: [this.explain(condition.condition, anchor)],
        };
      case "near":
        return this.#near(condition, anchor);
      case "count":
        return this.#count(condition, anchor, this.#evaluation.matchesFor(condition, anchor));
      default:
        return assertNever(condition);
    }
  }

  #near(condition: NearCondition, outer: Match | null): ConditionExplanation {
    const { anchor, windowed, others } = condition;
    const anchors = this.#evaluation.matchesFor(anchor, null);
    const fitting = anchors.filter((match) => windowed.every((each) => this.#evaluation.test(each, match)));
    const progress = anchors.map((match) => windowed.reduce((sum, each) => sum + this.#progress(each, match), 0));
    const best = fitting[0] ?? anchors[progress.indexOf(Math.max(...progress.slice(0, ANCHORS_MAX)))] ?? null;
    const conditions = [
      this.#count(anchor, outer, fitting.length > 0 ? fitting : anchors),
      ...windowed.map((each) => this.explain(each, best)),
      ...others.map((each) => this.explain(each, outer)),
    ];
    return { kind: "all", holds: this.#evaluation.test(condition, outer), conditions };
  }

  /** How much of a condition is there around this anchor, from 0 to 1. */
  #progress(condition: Condition, anchor: Match): number {
    if (condition.kind !== "count") return this.#evaluation.test(condition, anchor) ? 1 : 0;
    const { distinct, weight } = tallyOf(this.#evaluation.matchesFor(condition, anchor));
    return Math.min(1, distinct / condition.distinct, weight / Math.max(1, condition.weight));
  }

  #count(condition: CountCondition, anchor: Match | null, counted: readonly Match[]): CountExplanation {
    const { asked, minConfidence, withinChars, detectors, places } = condition;
    const all = this.#matches.filter((match) => detectors.includes(match.detector.id));
    const sure = all.filter((match) => match.confidence >= minConfidence);
    const strong = sure.filter((match) => this.#evaluation.liesIn(match, condition));
    const { distinct, weight } = tallyOf(counted);
    return {
      kind: "count",
      holds: this.#evaluation.test(condition, anchor),
      asked,
      minConfidence,
      within: withinChars,
      places,
      isMeasured: withinChars === null || anchor !== null,
      distinct: { found: distinct, needed: condition.distinct },
      weight: { found: weight, needed: condition.weight },
      outside: withinChars === null || anchor === null ? 0 : strong.length - counted.length,
      elsewhere: sure.length - strong.length,
      tooWeak: all.length - sure.length,
      matches: counted,
    };
  }
}
