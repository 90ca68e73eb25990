/**
 * Decides which rules a message's matches satisfy.
 * Promises: pure, deterministic, the order of parts does not matter; a window looks at one segment, except that a subject and a
 * sender stand directly before the beginning of every other segment of their message. Linear in the matches times the window.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { CompiledRule, Condition, CountCondition, Match, NearCondition, Segment } from "./compiled-pack.ts";
import type { Need } from "./rule-need.ts";
import { Suppressing } from "./suppressing.ts";
import type { TextPlaces } from "./text-places.ts";

/** Longest match, so that a window never misses one that began far before it. */
const MATCH_CHARS_MAX = 600;
/** Anchors looked at for one condition; beyond, `onCut` is told. */
const ANCHORS_MAX = 20_000;

type Limits = { readonly isLate: () => boolean; readonly onCut?: () => void };

/** The matches of one detector in the message, by its id. */
export type MatchesOf = (detector: string) => readonly Match[];

/** Of matches at hand. */
export function matchesAmong(matches: readonly Match[]): MatchesOf {
  const byDetector = Map.groupBy(matches, (match) => match.detector.id);
  return (detector) => byDetector.get(detector) ?? NO_MATCHES;
}

const NO_MATCHES: readonly Match[] = [];

/** Answers whether a rule holds for the matches of one message. */
export class RuleEvaluation {
  readonly #places: TextPlaces;
  readonly #matchesOf: MatchesOf;
  readonly #limits: Limits;
  readonly #gathered = new Map<string, Pool>();
  readonly #supplies = new Map<string, Supply>();
  /** By slot; undefined where nobody asked yet. */
  readonly #isMetBySlot: (boolean | undefined)[] = [];
  readonly #suppressing: Suppressing;

  constructor(places: TextPlaces, matchesOf: MatchesOf, limits: Limits) {
    this.#limits = limits;
    this.#matchesOf = matchesOf;
    this.#places = places;
    this.#suppressing = new Suppressing(places, matchesOf);
  }

  holds(rule: CompiledRule): boolean {
    return this.#isMet(rule.need) && this.test(rule.when, null);
  }

  #isMet(need: Need): boolean {
    return (this.#isMetBySlot[need.slot] ??= this.#findMet(need));
  }

  #findMet(need: Need): boolean {
    switch (need.kind) {
      case "all":
        // What an earlier rule asked for is known, and may tell at once.
        for (const each of need.needs) if (this.#isKnown(each) && !this.#isMet(each)) return false;
        for (const each of need.needs) if (!this.#isMet(each)) return false;
        return true;
      case "any":
        for (const { slot } of need.needs) if (this.#isMetBySlot[slot] === true) return true;
        for (const each of need.needs) if (this.#isMet(each)) return true;
        return false;
      case "count":
        return this.#hasEnough(need.condition);
      default:
        return assertNever(need);
    }
  }

  #isKnown(need: Need): boolean {
    if (this.#isMetBySlot[need.slot] !== undefined) return true;
    if (need.kind !== "count") return false;
    return (isNarrow(need.condition) ? this.#supplies : this.#gathered).has(need.condition.key);
  }

  #hasEnough(condition: CountCondition): boolean {
    const supply = this.#supply(condition);
    if (supply.all.length < condition.distinct) return false;
    const total = (supply.tally ??= tallyOf(supply.all));
    return total.distinct >= condition.distinct && total.weight >= condition.weight;
  }

  /** `anchor`: the match from which windows are measured, where one was chosen. */
  test(condition: Condition, anchor: Match | null): boolean {
    switch (condition.kind) {
      case "all":
        return condition.conditions.every((each) => this.test(each, anchor));
      case "any":
        return condition.conditions.some((each) => this.test(each, anchor));
      case "not":
        return !this.test(condition.condition, anchor);
      case "near":
        return this.#testNear(condition, anchor);
      case "count":
        return isEnough(condition, this.matchesFor(condition, anchor));
      default:
        return assertNever(condition);
    }
  }

  /** `distinct` of the anchor counts its matches around which all windows hold. */
  #testNear({ anchor, windowed, others }: NearCondition, outer: Match | null): boolean {
    const anchors = this.#gather(anchor).all;
    if (anchors.length < anchor.distinct || !others.every((condition) => this.test(condition, outer))) return false;
    const fitting: Match[] = [];
    for (const [index, match] of anchors.entries()) {
      if (index === ANCHORS_MAX) this.#limits.onCut?.();
      if (index >= ANCHORS_MAX || this.#limits.isLate()) break;
      if (!windowed.every((condition) => this.test(condition, match))) continue;
      if (fitting.some((other) => other.value === match.value)) continue;
      fitting.push(match);
      if (isEnough(anchor, fitting)) return true;
    }
    return false;
  }

  /** What a condition counts; without an anchor nothing stands in a window. */
  matchesFor(condition: CountCondition, anchor: Match | null): readonly Match[] {
    const pool = this.#gather(condition);
    if (condition.withinChars === null) return pool.all;
    return anchor === null ? [] : this.#inWindow(pool, anchor, condition.withinChars);
  }

  /** Whether it stands where the condition counts. */
  liesIn(match: Match, { places, suppressions }: Pick<CountCondition, "places" | "suppressions">): boolean {
    if (places !== null && !this.#places.counts(match.segment, match, places)) return false;
    return suppressions.length === 0 || !this.#suppressing.concerns(match, suppressions);
  }

  /** What there is for a need. Places are not looked at yet: most mail has no need of them. */
  #supply(condition: CountCondition): Supply {
    if (!isNarrow(condition)) return this.#gather(condition);
    const known = this.#supplies.get(condition.key);
    if (known !== undefined) return known;
    const all = this.#sureOf(condition);
    const supply = { all, tally: null };
    this.#supplies.set(condition.key, supply);
    return supply;
  }

  #sureOf({ detectors, minConfidence }: CountCondition): Match[] {
    const sure: Match[] = [];
    for (const id of detectors) {
      for (const match of this.#matchesOf(id)) if (match.confidence >= minConfidence) sure.push(match);
    }
    return sure;
  }

  #gather(condition: CountCondition): Pool {
    const known = this.#gathered.get(condition.key);
    if (known !== undefined) return known;
    const pool = this.#poolOf(condition);
    this.#gathered.set(condition.key, pool);
    return pool;
  }

  #poolOf(condition: CountCondition): Pool {
    const sure = this.#sureOf(condition);
    const all = isNarrow(condition) ? sure.filter((match) => this.liesIn(match, condition)) : sure;
    if (all.length === 0) return EMPTY_POOL;
    all.sort((a, b) => a.segment - b.segment || a.start - b.start || b.end - a.end);
    const outermost = withoutNested(all);
    return { all: outermost, bySegment: Map.groupBy(outermost, (match) => match.segment), tally: null };
  }

  #inWindow(pool: Pool, anchor: Match, withinChars: number): readonly Match[] {
    const { segments } = this.#places;
    const home = segments[anchor.segment];
    const near = slice(pool.bySegment.get(anchor.segment) ?? [], anchor.start - withinChars, anchor.end + withinChars);
    const found = [...near];
    for (const [index, matches] of pool.bySegment) {
      const other = segments[index];
      if (index === anchor.segment || other === undefined || home === undefined || other.message !== home.message)
        continue;
      if (standsBefore(other) && anchor.start <= withinChars) found.push(...matches);
      else if (standsBefore(home)) found.push(...slice(matches, 0, withinChars));
    }
    return found;
  }
}

function standsBefore({ kind }: Segment): boolean {
  return kind === "subject" || kind === "sender";
}

/** A match inside another says nothing new: "heart" in "heart failure". Sorted by place, the longer first. */
function withoutNested(sorted: readonly Match[]): readonly Match[] {
  let outer: Match | undefined;
  return sorted.filter((match) => {
    const isNested =
      outer !== undefined &&
      outer.segment === match.segment &&
      match.end <= outer.end &&
      match.end - match.start < outer.end - outer.start;
    if (!isNested) outer = match;
    return !isNested;
  });
}

type Tally = { readonly distinct: number; readonly weight: number };
type Supply = {
  readonly all: readonly Match[];
  /** Of all, once it was asked for. */
  tally: Tally | null;
};
type Pool = Supply & { readonly bySegment: ReadonlyMap<number, readonly Match[]> };
const EMPTY_POOL: Pool = { all: [], bySegment: new Map(), tally: { distinct: 0, weight: 0 } };

/** Does not count everywhere. */
function isNarrow({ places, suppressions }: CountCondition): boolean {
  return places !== null || suppressions.length > 0;
}

function isEnough(condition: CountCondition, matches: readonly Match[]): boolean {
  if (matches.length < condition.distinct) return false;
  const { distinct, weight } = tallyOf(matches);
  return distinct >= condition.distinct && weight >= condition.weight;
}

/** Different values, and the sum of their weights. */
export function tallyOf(matches: readonly Match[]): Tally {
  const weights = new Map<string, number>();
  for (const match of matches) {
    weights.set(match.value, Math.max(weights.get(match.value) ?? 0, match.detector.weight));
  }
  return { distinct: weights.size, weight: weights.values().reduce((sum, weight) => sum + weight, 0) };
}

/** Matches, sorted by start, that touch [from, to]. */
function slice(matches: readonly Match[], from: number, to: number): readonly Match[] {
  let low = 0;
  let high = matches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((matches[middle]?.start ?? 0) < from - MATCH_CHARS_MAX) low = middle + 1;
    else high = middle;
  }
  const found: Match[] = [];
  for (let i = low; i < matches.length; i += 1) {
    const match = matches[i];
    if (match === undefined || match.start > to) break;
    if (match.end >= from) found.push(match);
  }
  return found;
}
