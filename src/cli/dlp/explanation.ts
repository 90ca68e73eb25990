/**
 * The verdict on one message, explained: every rule as a tree of conditions, every finding with its place, level and keyed
 * hash. Promises: holds no text of the message; `valueAt` alone shows some, for whoever may see it.
 */
import type { Findings, RuleScope } from "../../core/findings.ts";
import { actionText } from "../../core/rule-action.ts";
import type { CompiledPack, Match, Segment } from "../../stages/inspect/compiled-pack.ts";
import { explainFindings } from "../../stages/inspect/explain-findings.ts";
import type { FindingExplanation, Support } from "../../stages/inspect/explain-findings.ts";
import { explainRule } from "../../stages/inspect/explain-rules.ts";
import type { ConditionExplanation, CountExplanation } from "../../stages/inspect/explain-rules.ts";
import { hashValue } from "../../stages/inspect/inspect.ts";
import type { Seen } from "../../stages/inspect/inspect.ts";
import { normaliseValue } from "../../stages/inspect/normalise.ts";
import type { SourceMap, SourcePlace } from "../../stages/inspect/source/source-map.ts";
import { TextPlaces } from "../../stages/inspect/text-places.ts";
import type { TextPlace } from "../../stages/inspect/text-places.ts";
import { matchesAmong, RuleEvaluation } from "../../stages/inspect/rules.ts";

/** Findings listed; more change nothing. */
const FINDINGS_MAX = 1_000;

export type ExplainedCondition =
  | {
      readonly kind: "all" | "any" | "not";
      readonly holds: boolean;
      readonly conditions: readonly ExplainedCondition[];
    }
  | (Omit<CountExplanation, "matches"> & { /** Numbers of findings. */ readonly findings: readonly number[] });

export type ExplainedRule = {
  readonly pack: string;
  readonly rule: string;
  readonly status: "active" | "shadow";
  readonly action: string;
  /** Whom it concerns; entries are counted, not named. */
  readonly concerns: string;
  readonly tier: string;
  readonly holds: boolean;
  readonly when: ExplainedCondition;
};

export type ExplainedFinding = {
  readonly n: number;
  readonly detector: string;
  readonly confidence: number | null;
  readonly level: number | null;
  readonly part: string;
  /** What of the message it stands in: body, quoted, signature … */
  readonly places: readonly TextPlace[];
  /** In characters of the part's text as inspection read it. */
  readonly offset: number;
  readonly length: number;
  /** Where that stands in the message as stored. */
  readonly source: SourcePlace;
  readonly valueHash: string;
  readonly supports: readonly Support[];
  readonly suppressions: readonly Support[];
  readonly dropped: FindingExplanation["dropped"];
  /** It is who the message is from. */
  readonly isSender?: true;
  /** Of an exact data match: the fields of one row that met. */
  readonly fields?: readonly string[];
  /** Rules that hold and counted it. */
  readonly rules: readonly string[];
};

export type Explanation = Omit<Findings, "findings" | "hits"> & {
  readonly rules: readonly ExplainedRule[];
  readonly findings: readonly ExplainedFinding[];
  readonly findingsLeftOut: number;
};

type Inspected = {
  readonly findings: Findings;
  readonly seen: Seen;
  readonly packs: readonly CompiledPack[];
  readonly hashKey: Uint8Array;
  readonly sources: SourceMap;
};

type Listed = { readonly finding: FindingExplanation; readonly rules: Set<string> };

export class Explainer {
  readonly #inspected: Inspected;
  /** In the order of their numbers, which count from 1. */
  readonly #listed: Listed[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #places: TextPlaces;

  constructor(inspected: Inspected) {
    this.#inspected = inspected;
    this.#places = new TextPlaces(inspected.seen.segments);
  }

  explain(): Explanation {
    const { findings: found, seen, packs } = this.#inspected;
    const rules = packs.flatMap((pack) => {
      for (const finding of explainFindings(pack, seen)) this.#list(pack, finding);
      const matches = seen.results.find((result) => result.pack === pack)?.matches ?? [];
      const evaluation = new RuleEvaluation(this.#places, matchesAmong(matches), { isLate: () => false });
      return pack.rules.map((rule) => {
        const { when, holds } = explainRule(rule, evaluation, matches);
        const { id, status, tier, action, also, scope } = rule;
        const explained = this.#condition(when, { pack: pack.id, rule: holds ? id : null });
        return {
          pack: pack.id,
          rule: id,
          status,
          action: actionText(action, also),
          concerns: scopeText(scope),
          tier,
          holds,
          when: explained,
        };
      });
    });
    const { hits: _hits, findings: _findings, ...rest } = found;
    const wanted = this.#listed.flatMap((each, index) => (isTold(each) ? [index] : []));
    const findings = wanted.slice(0, FINDINGS_MAX).flatMap((index) => this.#finding(index + 1));
    return { ...rest, rules, findings, findingsLeftOut: wanted.length - findings.length };
  }

  /** The text itself: content. */
  valueAt(n: number): string {
    const listed = this.#listed[n - 1];
    if (listed === undefined) return "";
    const { segment, start, end, value } = listed.finding;
    return value ?? this.#inspected.seen.segments[segment]?.text.slice(start, end) ?? "";
  }

  #list(pack: CompiledPack, finding: FindingExplanation): void {
    const number = this.#listed.push({ finding, rules: new Set() });
    if (finding.confidence !== null) this.#numbers.set(keyOf(pack.id, finding), number);
  }

  #condition(
    { ...condition }: ConditionExplanation,
    place: { readonly pack: string; readonly rule: string | null },
  ): ExplainedCondition {
    if (condition.kind !== "count") {
      const { kind, holds } = condition;
      return { kind, holds, conditions: condition.conditions.map((each) => this.#condition(each, place)) };
    }
    const { matches, ...rest } = condition;
    const findings = matches.flatMap((match) => this.#numberOf(match, place));
    return { ...rest, findings };
  }

  #numberOf(match: Match, { pack, rule }: { readonly pack: string; readonly rule: string | null }): readonly number[] {
    const { detector, segment, start } = match;
    const number = this.#numbers.get(keyOf(pack, { detector: detector.id, segment, start }));
    if (number === undefined) return [];
    this.#listed[number - 1]?.rules.add(rule ?? "");
    return [number];
  }

  #finding(n: number): readonly ExplainedFinding[] {
    const listed = this.#listed[n - 1];
    const segment = this.#inspected.seen.segments[listed?.finding.segment ?? -1];
    return listed === undefined || segment === undefined ? [] : [this.#told(listed, segment, n)];
  }

  #told({ finding, rules }: Listed, segment: Segment, n: number): ExplainedFinding {
    const { detector, confidence, level, supports, suppressions, dropped, fields, start, end } = finding;
    const isSender = segment.kind === "sender";
    return {
      n,
      detector,
      confidence,
      level,
      part: segment.part,
      places: this.#places.of(finding.segment, finding),
      offset: start,
      length: end - start,
      source: this.#inspected.sources.placeOf(segment, finding),
      valueHash: hashValue(normaliseValue(this.valueAt(n)), this.#inspected.hashKey),
      supports,
      suppressions,
      dropped,
      ...(isSender && { isSender }),
      ...(fields !== undefined && { fields }),
      rules: [...rules].filter((rule) => rule !== ""),
    };
  }
}

/** What a condition counted, and whatever was lowered or not counted. */
function isTold({ finding, rules }: Listed): boolean {
  return rules.size > 0 || finding.dropped !== null || finding.suppressions.length > 0;
}

function keyOf(
  pack: string,
  { detector, segment, start }: Pick<FindingExplanation, "detector" | "segment" | "start">,
): string {
  return `${pack} ${detector} ${segment} ${start}`;
}

/** `everybody`, `only 2 entries`, `all but 1 entry`: patterns are addresses. */
function scopeText(scope: RuleScope): string {
  if (scope.kind === "all") return "everybody";
  const entries = (count: number): string => (count === 1 ? "1 entry" : `${count} entries`);
  return [
    ...(scope.only === null ? [] : [`only ${entries(scope.only.length)}`]),
    ...(scope.except.length === 0 ? [] : [`all but ${entries(scope.except.length)}`]),
  ].join(", ");
}
