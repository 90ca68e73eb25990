/**
 * Turns the detectors of a pack file into what the engine runs.
 * Promises: every fault of every detector is reported with its place; a pattern that was accepted runs in linear time.
 */
import { didYouMean } from "../../parts/config/did-you-mean.ts";
import type { YamlPath } from "../../parts/config/yaml-source.ts";
import type { CompiledDetector, DetectionMethod, Near, Rung } from "./compiled-pack.ts";
import { compileEdm, NO_INDEXES } from "./compile-edm.ts";
import type { EdmIndexes } from "./compile-edm.ts";
import { compileSender } from "./compile-sender.ts";
import { compileWeights } from "./compile-weights.ts";
import { readPattern } from "./linear-pattern.ts";
import type { LinearPattern } from "./linear-pattern.ts";
import { normaliseText, normaliseValue } from "./normalise.ts";
import { NO_LISTS } from "./pack-lists.ts";
import type { PackLists } from "./pack-lists.ts";
import type { DetectorEntry, NearEntry } from "./pack-schema.ts";
import { HONORIFICS } from "./person-name.ts";
import { codeKey } from "./term-list.ts";
import { PHRASE_WORDS_MAX, PhraseIndex, wordsOf } from "./tokens.ts";
import { indexEndings } from "./word-ending.ts";
import { VALIDATOR_SHAPES, VALIDATORS } from "./validators.ts";
import type { Validator } from "./validators.ts";

export type Report = (path: YamlPath, message: string) => void;
export type DetectorEntryOf<T extends DetectorEntry["type"]> = Extract<DetectorEntry, { type: T }>;

/** What detectors name and somebody else has read. */
export type Named = { readonly lists?: PackLists; readonly indexes?: EdmIndexes };

export function compileDetectors(
  entries: readonly DetectorEntry[],
  report: Report,
  { lists = NO_LISTS, indexes = NO_INDEXES }: Named = {},
): { readonly detectors: readonly CompiledDetector[]; readonly phrases: PhraseIndex } {
  const compiler = new DetectorCompiler(report, { lists, indexes, byClass: byClassOf(entries) });
  const detectors: CompiledDetector[] = [];
  const seen = new Set<string>();
  entries.forEach((entry, index) => {
    const path = ["detectors", index];
    if (seen.has(entry.id)) report([...path, "id"], `the id "${entry.id}" stands twice`);
    seen.add(entry.id);
    const detector = compiler.compile(entry, path);
    if (detector !== null) detectors.push(detector);
  });
  return { detectors, phrases: compiler.phrases };
}

/** What is weighed is made of all others. */
function byClassOf(entries: readonly DetectorEntry[]): ReadonlyMap<string, readonly string[]> {
  const byClass = new Map<string, string[]>();
  for (const { id, type, classes } of entries) {
    if (type === "weighed") continue;
    for (const name of classes) byClass.set(name, [...(byClass.get(name) ?? []), id]);
  }
  return byClass;
}

/** Ids listed where none is near. */
const LISTED_MAX = 12;

/** null for a known id, or an error that suggests one. */
export function checkKnown(known: readonly string[], id: string, what: string): string | null {
  if (known.includes(id)) return null;
  const few = known.length > 0 && known.length <= LISTED_MAX ? ` Known: ${known.join(", ")}.` : "";
  return `no ${what} is called "${id}".${didYouMean(id, known) || few}`;
}

class DetectorCompiler {
  readonly phrases = new PhraseIndex();
  /** Of all lists of the pack but given names, in lower case. */
  readonly #words = new Set<string>();
  /** Sets of the given names of the detectors before. */
  readonly #givenSets: number[] = [];
  /** Lists that stand in several places are looked for once. */
  readonly #sets = new Map<string, number>();
  readonly #report: Report;
  readonly #lists: PackLists;
  readonly #indexes: EdmIndexes;
  readonly #byClass: ReadonlyMap<string, readonly string[]>;

  constructor(
    report: Report,
    { lists, indexes, byClass }: Required<Named> & { readonly byClass: ReadonlyMap<string, readonly string[]> },
  ) {
    this.#report = report;
    this.#lists = lists;
    this.#indexes = indexes;
    this.#byClass = byClass;
  }

  compile(entry: DetectorEntry, path: YamlPath): CompiledDetector | null {
    const method = this.#method(entry, path);
    const ladder = (entry.confidence ?? []).flatMap((rung, index) => this.#rung(rung, [...path, "confidence", index]));
    if (method === null) return null;
    const classes = [...new Set(entry.classes)];
    return { id: entry.id, classes, weight: entry.weight, method, ladder };
  }

  #method(entry: DetectorEntry, path: YamlPath): DetectionMethod | null {
    switch (entry.type) {
      case "regex": {
        const pattern = this.#pattern(entry.pattern, entry.case, [...path, "pattern"]);
        const keywords = entry.keywords.length === 0 ? null : this.#set(entry.keywords, [...path, "keywords"]);
        const validators = this.#validators(entry);
        return pattern === null ? null : { kind: "pattern", pattern, keywords, standsAlone: false, validators };
      }
      case "label_id": {
        const value = this.#pattern(entry.value, entry.case, [...path, "value"]);
        const labels = this.#labels(entry.labels, [...path, "labels"]);
        const validators = this.#validators(entry);
        return value === null
          ? null
          : { kind: "label", labels, value, side: entry.side, gapChars: entry.gap, validators };
      }
      case "dictionary":
        return this.#dictionary(entry, path);
      case "word_ending": {
        const endings = entry.endings.flatMap(formsOf);
        this.phrases.addEndings(endings, entry.letters_min);
        const not = new Set(entry.not);
        return { kind: "ending", endings: indexEndings(endings), lettersMin: entry.letters_min, not };
      }
      case "validator": {
        const pattern = this.#pattern(VALIDATOR_SHAPES[entry.validator], "insensitive", [...path, "validator"]);
        const validators = [VALIDATORS[entry.validator]];
        return pattern === null ? null : { kind: "pattern", pattern, keywords: null, standsAlone: true, validators };
      }
      case "name":
        return {
          kind: "name",
          givenNames: this.#givenNames(entry, path),
          labels: this.#labels(entry.labels, [...path, "labels"]),
          honorifics: this.phrases.addSet(HONORIFICS),
          notSurnames: this.#notSurnames(entry.not_surnames),
        };
      case "edm":
        return compileEdm(entry, path, { indexes: this.#indexes, report: this.#report });
      case "sender":
        return compileSender(entry, path, this.#report);
      case "name_shape":
        for (const word of [...entry.not_names, ...this.#listed(entry)]) this.#words.add(word.toLowerCase());
        return {
          kind: "shape",
          relations: this.#labels(entry.labels, [...path, "labels"]),
          notNames: this.#words,
          givenNames: [...this.#givenSets],
        };
      case "weighed":
        return this.#weighed(entry, path);
      default:
        return entry satisfies never;
    }
  }

  #weighed(entry: DetectorEntryOf<"weighed">, path: YamlPath): DetectionMethod {
    if (entry.confidence !== undefined)
      this.#report([...path, "confidence"], "is what its weights come to; leave it out");
    if (entry.tests !== undefined)
      this.#report([...path, "tests"], "it weighs whole messages; write tests of rules that read it");
    return compileWeights(this.#listed(entry), this.#byClass, (message) => this.#report([...path, "file"], message));
  }

  #pattern(source: string, caseRule: "sensitive" | "insensitive", path: YamlPath): LinearPattern | null {
    const reading = readPattern(source, { ignoreCase: caseRule === "insensitive" });
    if (reading.ok) return reading.pattern;
    this.#report(path, reading.message);
    return null;
  }

  #validators(entry: DetectorEntryOf<"regex" | "label_id">): readonly Validator[] {
    const named = entry.validate.map((name) => VALIDATORS[name]);
    const codes = this.#lists.codes.get(entry);
    if (codes === undefined) return named;
    const first = entry.among?.first;
    return [...named, (value) => codes.has(codeKey(value).slice(0, first))];
  }

  #notSurnames(words: readonly string[]): ReadonlySet<string> {
    const lower = words.map((word) => word.toLowerCase());
    for (const word of lower) this.#words.add(word);
    return new Set(lower);
  }

  /** Terms of the file it names, which are checked and in the form of texts already. */
  #listed(entry: DetectorEntry): readonly string[] {
    return this.#lists.terms.get(entry) ?? [];
  }

  #givenNames(entry: DetectorEntryOf<"name">, path: YamlPath): number {
    if (entry.given_names.length === 0 && entry.file === undefined)
      this.#report(path, "needs given_names, or a file of them");
    this.#checkPhrases(entry.given_names, [...path, "given_names"]);
    const set = this.phrases.addSet([...entry.given_names.map(normaliseText), ...this.#listed(entry)]);
    this.#givenSets.push(set);
    return set;
  }

  #dictionary(entry: DetectorEntryOf<"dictionary">, path: YamlPath): DetectionMethod {
    if (entry.terms.length === 0 && entry.file === undefined) this.#report(path, "needs terms, or a file of them");
    if (entry.case === "sensitive" && entry.file !== undefined)
      this.#report([...path, "case"], "terms of a file are compared in any case");
    this.#checkPhrases(entry.terms, [...path, "terms"]);
    const isExact = entry.case === "sensitive";
    const phrases: string[] = [];
    const terms: string[] = [];
    for (const term of [...entry.terms.map(normaliseText), ...this.#listed(entry)]) {
      const forms = formsOf(term);
      const value = normaliseValue(term);
      for (const form of forms) for (const word of wordsOf(form)) this.#words.add(word);
      for (const form of entry.plurals && !isExact ? forms : [term]) {
        phrases.push(form);
        terms.push(value);
      }
    }
    return { kind: "dictionary", set: this.phrases.addSet(phrases), exact: isExact ? phrases : null, terms };
  }

  #set(words: readonly string[], path: YamlPath): number {
    this.#checkPhrases(words, path);
    const phrases = words.map(normaliseText);
    const key = phrases.join("\n");
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const set = this.phrases.addSet(phrases);
    this.#sets.set(key, set);
    return set;
  }

  /** Keys and headings are written as one word too: `dateOfBirth`, `PatientId`. */
  #labels(labels: readonly string[], path: YamlPath): number {
    this.#checkPhrases(labels, path);
    const phrases = labels.map(normaliseText);
    for (const phrase of phrases) for (const word of wordsOf(phrase)) this.#words.add(word);
    const joined = phrases.map((phrase) => wordsOf(phrase).join("")).filter((word) => /^[a-z]{6,}$/.test(word));
    return this.phrases.addSet([...new Set([...phrases, ...joined])]);
  }

  #checkPhrases(phrases: readonly string[], path: YamlPath): void {
    const seen = new Map<string, number>();
    phrases.forEach((phrase, index) => {
      const words = wordsOf(normaliseText(phrase));
      const key = words.join(" ");
      const earlier = seen.get(key);
      if (words.length === 0) this.#report([...path, index], "holds no letter or digit, so it never matches");
      else if (words.length > PHRASE_WORDS_MAX)
        this.#report([...path, index], `has more than ${PHRASE_WORDS_MAX} words`);
      else if (earlier !== undefined) this.#report([...path, index], `stands twice; first as entry ${earlier + 1}`);
      if (earlier === undefined) seen.set(key, index);
    });
  }

  #rung(rung: NonNullable<DetectorEntry["confidence"]>[number], path: YamlPath): readonly Rung[] {
    if ((rung.level === undefined) === (rung.adjust === undefined)) {
      this.#report(path, 'needs either "level" or "adjust"');
      return [];
    }
    const near = rung.near === undefined ? null : this.#near(rung.near, [...path, "near"]);
    if (rung.level !== undefined) return [{ kind: "level", level: rung.level, near }];
    if (near === null || rung.adjust === undefined) {
      this.#report(path, '"adjust" needs "near": without it, choose another level');
      return [];
    }
    return [{ kind: "adjust", adjust: rung.adjust, near }];
  }

  #near(entry: NearEntry, path: YamlPath): Near {
    return { set: this.#set(entry.words, [...path, "words"]), withinChars: entry.within, side: entry.side };
  }
}

/** A term and its plural, by the plain rules of English; of a phrase the last word changes. */
export function formsOf(term: string): readonly string[] {
  if (!/[a-z]{3}$/i.test(term)) return [term];
  if (/(?:s|x|z|ch|sh)$/i.test(term)) return /(?:is|us|ss)$/i.test(term) ? [term] : [term, `${term}es`];
  if (/[^aeiou]y$/i.test(term)) return [term, `${term.slice(0, -1)}ies`];
  return [term, `${term}s`];
}
