/**
 * Scores a rule pack against labelled samples: which messages it takes for PHI, and which marked identifiers it saw.
 * Promises: keeps ids, labels, types and counts, never a text or a value; the same samples give the same score.
 */
import type { Verdict } from "../../core/findings.ts";
import type { CompiledPack, Match } from "../../stages/inspect/compiled-pack.ts";
import type { Seen } from "../../stages/inspect/inspect.ts";
import { normaliseText } from "../../stages/inspect/normalise.ts";
import { scanBytes } from "../../stages/inspect/scan.ts";
import type { LabelledSet, Sample, Span } from "./labelled-set.ts";
import { inspectWith } from "./packs.ts";

/** The label of messages that must be found; every other label must not be. */
export const PHI_LABEL = "phi";
/** Rules count identifiers from here on. */
const SURE_FROM = 65;
/** Lists of words and their endings find what is said of a person, not who it is. */
const WORD_METHODS: ReadonlySet<string> = new Set(["dictionary", "ending"]);
/** So do doses and results, whatever finds them. */
const HEALTH_CLASS = "health";
/** Types of values that are words of prose; the others are numbers, addresses and the like, which the total counts. */
const PROSE_TYPES = new Set(
  "NAME PERSON TITLE NRP ORGANIZATION AGE DATE DATE_TIME GEOGRAPHIC_LOCATION LOCATION GPE ADDRESS STREET_ADDRESS".split(
    " ",
  ),
);

export type Judged = {
  readonly set: string;
  readonly id: string;
  readonly label: string;
  readonly verdict: Verdict;
  readonly rules: readonly string[];
  /** Why it is `uninspectable`. */
  readonly reasons: readonly string[];
  readonly identifiers: readonly { readonly type: string; readonly confidence: number | null }[];
};

export type MessageScore = { readonly set: string; readonly label: string; readonly rows: number } & Readonly<
  Record<Verdict, number>
>;
export type IdentifierScore = {
  readonly set: string;
  readonly type: string;
  readonly values: number;
  /** A detector that finds more than words covers the value. */
  readonly found: number;
  /** With the confidence from which on the shipped rules count it. */
  readonly sure: number;
};

export async function judge(set: LabelledSet, packs: readonly CompiledPack[]): Promise<readonly Judged[]> {
  let seen: Seen | null = null;
  const inspect = inspectWith(packs, (each) => void (seen = each));
  const judged: Judged[] = [];
  for (const sample of set.samples) {
    const { verdict, hits, uninspectable } = await scanBytes(sample.bytes, sample.name, inspect);
    judged.push({
      set: set.name,
      id: sample.id,
      label: sample.label,
      verdict,
      rules: [...new Set(hits.map(({ rule }) => rule))],
      reasons: [...new Set(uninspectable.map(({ reason }) => reason))],
      identifiers: identifiersOf(sample, seen),
    });
  }
  return judged;
}

function identifiersOf({ spans }: Sample, seen: Seen | null): Judged["identifiers"] {
  if (seen === null) return [];
  const matches = seen.results
    .flatMap((result) => result.matches)
    .filter(({ detector: { method, classes } }) => !WORD_METHODS.has(method.kind) && !classes.includes(HEALTH_CLASS));
  return spans.map((span) => ({ type: span.type, confidence: confidenceIn(seen, matches, span) }));
}

/** Of the surest match that covers the marked value where it stands, or null. */
function confidenceIn({ segments }: Seen, matches: readonly Match[], span: Span): number | null {
  const value = normaliseText(span.value);
  const surest = segments.flatMap(({ text }, index) => {
    const start = nearest(text, value, span.start);
    if (start === -1) return [];
    const covering = matches.filter(
      (match) => match.segment === index && covers(match, { text, start, end: start + value.length }),
    );
    return covering.map((match) => match.confidence);
  });
  return surest.length === 0 ? null : Math.max(...surest);
}

function nearest(text: string, value: string, start: number): number {
  let best = -1;
  if (value === "") return best;
  for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at + 1)) {
    if (best === -1 || Math.abs(at - start) < Math.abs(best - start)) best = at;
  }
  return best;
}

type Place = { readonly text: string; readonly start: number; readonly end: number };

/** Every digit of the value, and at least half of its letters and digits. */
function covers(match: Match, { text, start, end }: Place): boolean {
  const from = Math.max(start, match.start);
  const to = Math.min(end, match.end);
  if (from >= to) return false;
  const count = (kind: RegExp, a: number, b: number): number => text.slice(a, b).match(kind)?.length ?? 0;
  const isWhole = count(/\d/g, from, to) === count(/\d/g, start, end);
  return isWhole && count(/[\p{L}\p{N}]/gu, from, to) * 2 >= count(/[\p{L}\p{N}]/gu, start, end);
}

/** One score for each set and label, in the order of the sets. */
export function messageScores(judged: readonly Judged[]): readonly MessageScore[] {
  return Map.groupBy(judged, ({ set, label }) => `${set} ${label}`)
    .values()
    .flatMap((rows) => {
      const [first] = rows;
      if (first === undefined) return [];
      const count = (verdict: Verdict): number => rows.filter((row) => row.verdict === verdict).length;
      const { set, label } = first;
      const verdicts = {
        phi: count("phi"),
        uninspectable: count("uninspectable"),
        protected: count("protected"),
        clean: count("clean"),
      };
      return [{ set, label, rows: rows.length, ...verdicts }];
    })
    .toArray();
}

/** One score for each set and type of value. */
export function identifierScores(judged: readonly Judged[]): readonly IdentifierScore[] {
  const values = judged.flatMap(({ set, identifiers }) => identifiers.map((each) => ({ set, ...each })));
  return Map.groupBy(values, ({ set, type }) => `${set} ${type}`)
    .values()
    .flatMap((rows) => {
      const [first] = rows;
      if (first === undefined) return [];
      const found = rows.filter(({ confidence }) => confidence !== null).length;
      const sure = rows.filter(({ confidence }) => (confidence ?? 0) >= SURE_FROM).length;
      return [{ set: first.set, type: first.type, values: rows.length, found, sure }];
    })
    .toArray()
    .toSorted((a, b) => (a.set === b.set ? b.values - a.values : 0));
}

/** Behind the types of each set, all its structured ones together. */
export function withTotals(scores: readonly IdentifierScore[]): readonly IdentifierScore[] {
  return Map.groupBy(scores, ({ set }) => set)
    .entries()
    .flatMap(([set, rows]) => {
      const structured = rows.filter(({ type }) => isStructured(type));
      const sum = (key: "values" | "found" | "sure"): number => structured.reduce((total, row) => total + row[key], 0);
      const total = { set, type: "structured, all", values: sum("values"), found: sum("found"), sure: sum("sure") };
      return structured.length === 0 ? rows : [...rows, total];
    })
    .toArray();
}

export function isStructured(type: string): boolean {
  return !PROSE_TYPES.has(type);
}

/** Types of the marked numbers and addresses nothing covers. */
export function unfoundIn({ identifiers }: Judged): readonly string[] {
  return [...new Set(identifiers.filter(({ confidence }) => confidence === null).map(({ type }) => type))].filter(
    isStructured,
  );
}

/** What went wrong with a sample; null where nothing did. */
export function mistakeOf(judged: Judged): "missed" | "flagged" | "uninspectable" | "unfound" | null {
  const { label, verdict } = judged;
  if (label === PHI_LABEL && verdict !== "phi") return "missed";
  if (label !== PHI_LABEL && verdict === "phi") return "flagged";
  if (verdict === "uninspectable") return "uninspectable";
  return unfoundIn(judged).length > 0 ? "unfound" : null;
}
