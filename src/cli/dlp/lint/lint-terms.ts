/** Words of lists that can never match, stand elsewhere already, or say too little. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { YamlPath } from "../../../parts/config/yaml-source.ts";
import { formsOf } from "../../../stages/inspect/compile-detectors.ts";
import type { DetectorEntryOf } from "../../../stages/inspect/compile-detectors.ts";
import type { CompiledDetector } from "../../../stages/inspect/compiled-pack.ts";
import { normaliseText } from "../../../stages/inspect/normalise.ts";
import { wordsOf } from "../../../stages/inspect/tokens.ts";
import { EVERYDAY_WORDS, fitsEverydayNumbers } from "./everyday-text.ts";
import { distinctOf } from "./implication.ts";
import type { Doubt, LintSubject } from "./lint.ts";
import { countsOf, levelAlone } from "./pack-facts.ts";
import type { Count } from "./pack-facts.ts";

/** Doubts of one kind told of one list; more would only be more of the same. */
const TOLD_MAX = 10;
/** Of a label without words near it: here it counts by itself in most rules. */
const SURE_MIN = 65;

/** A word of a list and where it stands; one of a file stands where the file is named. */
type Word = { readonly text: string; readonly path: YamlPath };

type Dictionary = {
  readonly entry: DetectorEntryOf<"dictionary">;
  readonly index: number;
  readonly terms: readonly Word[];
  /** Every term by its words. */
  readonly keys: ReadonlyMap<string, Word>;
  /** Ids of the conditions that count it, by their place. */
  readonly readBy: ReadonlySet<Count>;
};

export function lintTerms(subject: LintSubject): readonly Doubt[] {
  const counts = countsOf(subject.file);
  const dictionaries = subject.file.detectors.flatMap((entry, index): readonly Dictionary[] => {
    if (entry.type !== "dictionary") return [];
    const terms = termsOf(entry, index, subject);
    const keys = new Map(terms.map((term) => [keyOf(term.text), term]));
    const readBy = new Set(counts.filter(({ detectors }) => detectors.includes(entry.id)));
    return [{ entry, index, terms, keys, readBy }];
  });
  return [
    ...subject.file.detectors.flatMap((_, index) => unmatchable(subject, index)),
    ...dictionaries.flatMap((each) => [
      ...standElsewhere(each, dictionaries),
      ...plurals(each),
      ...everydayTerms(each, subject.pack.detectors[each.index]),
    ]),
    ...everydayLabels(subject),
  ];
}

function keyOf(term: string): string {
  return wordsOf(normaliseText(term)).join(" ");
}

function placed(words: readonly string[], path: YamlPath): readonly Word[] {
  return words.map((text, position) => ({ text, path: [...path, position] }));
}

function termsOf(entry: DetectorEntryOf<"dictionary">, index: number, { lists }: LintSubject): readonly Word[] {
  const path = ["detectors", index, "file"];
  const listed = (lists.terms.get(entry) ?? []).map((text) => ({ text, path }));
  return [...placed(entry.terms, ["detectors", index, "terms"]), ...listed];
}

type List = { readonly words: readonly Word[]; readonly set: number };

/** The lists of words of a detector, and where the engine keeps them. */
function listsOf(subject: LintSubject, index: number): readonly List[] {
  const entry = subject.file.detectors[index];
  const detector = subject.pack.detectors[index];
  if (entry === undefined || detector === undefined) return [];
  const path = ["detectors", index];
  const { method } = detector;
  const terms =
    entry.type === "dictionary" && method.kind === "dictionary"
      ? [{ words: termsOf(entry, index, subject), set: method.set }]
      : [];
  return [...terms, ...ownLists(entry, detector, path), ...nearLists(entry, detector, path)];
}

function ownLists(entry: LintSubject["file"]["detectors"][number], { method }: CompiledDetector, path: YamlPath) {
  const lists: List[] = [];
  const add = (key: string, words: readonly string[], set: number | null): void => {
    if (set !== null) lists.push({ words: placed(words, [...path, key]), set });
  };
  if (entry.type === "label_id" && method.kind === "label") add("labels", entry.labels, method.labels);
  if (entry.type === "name" && method.kind === "name") add("labels", entry.labels, method.labels);
  if (entry.type === "regex" && method.kind === "pattern") add("keywords", entry.keywords, method.keywords);
  return lists;
}

function nearLists(entry: LintSubject["file"]["detectors"][number], { ladder }: CompiledDetector, path: YamlPath) {
  const rungs = entry.confidence ?? [];
  return ladder.flatMap(({ near }, index): readonly List[] => {
    const words = rungs[index]?.near?.words;
    if (near === null || words === undefined) return [];
    return [{ words: placed(words, [...path, "confidence", index, "near", "words"]), set: near.set }];
  });
}

/** Words whose own text, as written, the engine does not find. */
function unmatchable(subject: LintSubject, index: number): readonly Doubt[] {
  return listsOf(subject, index).flatMap(({ words, set }) =>
    words
      .flatMap(({ text, path }): readonly Doubt[] => {
        if (isFound(subject, set, normaliseText(text))) return [];
        const why = `"${text}" is never found as it is written here`;
        const next = "Write words of up to 48 letters with one space or hyphen between them; ! ; : ? part phrases.";
        return [{ severity: "warning", check: "never-matches", path, why, next }];
      })
      .slice(0, TOLD_MAX),
  );
}

function isFound({ pack }: LintSubject, set: number, text: string): boolean {
  const scan = pack.phrases.scan(text);
  const hit = scan.hits.of(set)[0];
  const isWhole = hit !== undefined && hit.tokens === scan.tokens.count;
  pack.phrases.release(scan);
  return isWhole;
}

/** Terms that a dictionary counted in all the same conditions holds too, and weighs no less there. */
function standElsewhere(own: Dictionary, all: readonly Dictionary[]): readonly Doubt[] {
  return [...own.keys]
    .flatMap(([key, { text, path }]): readonly Doubt[] => {
      const other = all.find((each) => each.keys.has(key) && replaces(each, own));
      if (other === undefined) return [];
      const why = `"${text}" stands in ${other.entry.id} too, which every rule counts that counts it here, at no less weight`;
      return [{ severity: "note", check: "stands-elsewhere", path, why, next: "Take it out here." }];
    })
    .slice(0, TOLD_MAX);
}

function replaces(other: Dictionary, own: Dictionary): boolean {
  if (other === own || own.entry.weight > other.entry.weight) return false;
  if (!isDeepStrictEqual(own.entry.confidence, other.entry.confidence)) return false;
  if (other.entry.case === "sensitive" || other.entry.plurals !== own.entry.plurals) return false;
  if (![...own.readBy].every((count) => other.readBy.has(count))) return false;
  const isSame = own.entry.weight === other.entry.weight && own.readBy.size === other.readBy.size;
  return !isSame || other.index < own.index;
}

function plurals({ entry, terms, keys }: Dictionary): readonly Doubt[] {
  if (!entry.plurals || entry.case === "sensitive") return [];
  return terms
    .flatMap((term): readonly Doubt[] => {
      const [, plural] = formsOf(normaliseText(term.text));
      const listed = plural === undefined ? undefined : keys.get(keyOf(plural));
      if (listed === undefined || listed === term) return [];
      const why = `"${listed.text}" is found already as the plural of "${term.text}"`;
      return [{ severity: "note", check: "plural-listed", path: listed.path, why, next: "Take the plural out." }];
    })
    .slice(0, TOLD_MAX);
}

/** Where one such word is enough for a condition that looks at the whole mail. */
function everydayTerms({ entry, terms, readBy }: Dictionary, detector: CompiledDetector | undefined): readonly Doubt[] {
  if (entry.case === "sensitive" || detector === undefined) return [];
  const level = levelAlone(detector) ?? 0;
  const isEnough = [...readBy].some(
    ({ entry: asked }) =>
      asked.within === undefined &&
      distinctOf(asked) === 1 &&
      (asked.weight ?? 0) <= entry.weight &&
      (asked.min_confidence ?? 1) <= level,
  );
  return isEnough ? everyday(terms, "is enough for a rule in nearly every mail") : [];
}

/** Only where the label alone makes the value sure enough to count. */
function everydayLabels({ file, pack }: LintSubject): readonly Doubt[] {
  return file.detectors.flatMap((entry, index): readonly Doubt[] => {
    const detector = pack.detectors[index];
    if (entry.type !== "label_id" || detector === undefined || (levelAlone(detector) ?? 0) < SURE_MIN) return [];
    const { method } = detector;
    if (method.kind !== "label" || !fitsEverydayNumbers(method.value, method.validators)) return [];
    return everyday(placed(entry.labels, ["detectors", index, "labels"]), "stands beside numbers of every kind");
  });
}

function everyday(words: readonly Word[], effect: string): readonly Doubt[] {
  return words
    .flatMap(({ text, path }): readonly Doubt[] => {
      if (!EVERYDAY_WORDS.has(keyOf(text))) return [];
      const next = "Write a phrase instead, or give it less confidence unless other words are near.";
      const why = `"${text}" is an everyday word and ${effect}`;
      return [{ severity: "warning", check: "everyday-word", path, why, next }];
    })
    .slice(0, TOLD_MAX);
}
