/** Words for an explained verdict: rules as indented trees, the way a finding came to its confidence. Shows no text of the message. */
import type { Support } from "../../stages/inspect/explain-findings.ts";
import type { PlaceFilter } from "../../stages/inspect/text-places.ts";
import type { ExplainedCondition, ExplainedFinding, ExplainedRule } from "./explanation.ts";

/** Findings named behind one condition. */
const NUMBERS_MAX = 8;
const DROPPED = {
  check: "not counted: fails its check",
  sender: "not counted: the sender's own name",
  no_level: "not counted: none of its words is near",
} as const;

export function ruleLines(explained: ExplainedRule): readonly string[] {
  const { pack, rule, status, action, concerns, tier, holds, when } = explained;
  const what = [
    status === "shadow" ? "shadow: acts on nothing" : action,
    ...(tier === "none" ? [] : [`tier ${tier}`]),
    ...(concerns === "everybody" ? [] : [`for ${concerns}`]),
  ];
  return [`${pack}/${rule}: ${holds ? "holds" : "does not hold"} (${what.join(", ")})`, ...conditionLines(when, 1)];
}

/** It holds, or misses something: whoever asks why wants to see it. */
export function foundSomething({ holds, when }: ExplainedRule): boolean {
  return holds || hasFound(when);
}

function hasFound(condition: ExplainedCondition): boolean {
  if (condition.kind !== "count") return condition.conditions.some(hasFound);
  return condition.findings.length > 0 || condition.outside > 0 || condition.elsewhere > 0 || condition.tooWeak > 0;
}

function conditionLines(condition: ExplainedCondition, depth: number): readonly string[] {
  const line = `${"  ".repeat(depth)}[${condition.holds ? "x" : " "}] ${textOf(condition)}`;
  if (condition.kind === "count") return [line];
  return [line, ...condition.conditions.flatMap((each) => conditionLines(each, depth + 1))];
}

function textOf(condition: ExplainedCondition): string {
  switch (condition.kind) {
    case "all":
      return "all of";
    case "any":
      return "any of";
    case "not":
      return "not";
    case "count": {
      const {
        asked,
        minConfidence,
        within,
        isMeasured,
        distinct,
        weight,
        outside,
        tooWeak,
        elsewhere,
        places,
        findings,
      } = condition;
      const limits = [
        ...(minConfidence > 1 ? [`confidence ${minConfidence} or more`] : []),
        ...(within === null ? [] : [`within ${within} characters`]),
        ...placesText(places),
      ];
      const counts = [
        `${distinct.found} of ${distinct.needed} values`,
        ...(weight.needed > 0 ? [`weight ${weight.found} of ${weight.needed}`] : []),
        ...(outside > 0 ? [`${outside} too far away`] : []),
        ...(elsewhere > 0 ? [`${elsewhere} in other places`] : []),
        ...(tooWeak > 0 ? [`${tooWeak} not sure enough`] : []),
      ];
      if (!isMeasured) return `${[asked, ...limits].join(", ")}: nothing to measure from`;
      return `${[asked, ...limits].join(", ")}: ${counts.join(", ")}${numbersOf(findings)}`;
    }
    default:
      return condition satisfies never;
  }
}

/** `in subject or body`, `not in footer` */
function placesText(places: PlaceFilter | null): readonly string[] {
  if (places === null) return [];
  return [
    ...(places.in === null ? [] : [`in ${places.in.join(" or ")}`]),
    ...(places.notIn.length === 0 ? [] : [`not in ${places.notIn.join(" or ")}`]),
  ];
}

function numbersOf(findings: readonly number[]): string {
  const shown = findings.slice(0, NUMBERS_MAX).map((n) => ` #${n}`);
  return `${shown.length === 0 ? "" : " "}${shown.join("")}${findings.length > NUMBERS_MAX ? " …" : ""}`;
}

/** `level 85 (word at 120), -40 (word at 98)` */
export function whyOf({ level, supports, suppressions, dropped, fields, isSender }: ExplainedFinding): string {
  if (dropped !== null) return DROPPED[dropped];
  const reached = supports.find(({ kind, by }) => kind === "level" && by === level);
  const adjusted = [...supports, ...suppressions].filter(({ kind }) => kind === "adjust");
  const ground = `level ${level ?? "-"}${reached === undefined ? "" : wordAt(reached)}${met(fields)}${isSender === true ? ", sender" : ""}`;
  return [ground, ...adjusted.map((each) => `${each.by > 0 ? "+" : ""}${each.by}${wordAt(each)}`)].join(", ");
}

/** `12:5`, line and column */
export function lineOf({ source: { line, column } }: ExplainedFinding): string {
  return line === null || column === null ? "-" : `${line}:${column}`;
}

/** `1830-1838`, or what it stands in: `part 1200-4310` */
export function bytesOf({ source: { precision, start, end } }: ExplainedFinding): string {
  return `${precision === "exact" ? "" : `${precision} `}${start}-${end}`;
}

/** `, name and birth_date of one row` */
function met(fields: readonly string[] | undefined): string {
  if (fields === undefined) return "";
  return fields.length === 1 ? `, ${fields.join()} of one row alone` : `, ${fields.join(" and ")} of one row`;
}

function wordAt({ offset }: Support): string {
  return ` (word at ${offset})`;
}
