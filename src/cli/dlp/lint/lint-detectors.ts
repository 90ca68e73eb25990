/** Patterns that find too much or too slowly, keywords that keep a pattern from being looked for, levels that never count. Pure. */
import type { YamlPath } from "../../../parts/config/yaml-source.ts";
import type { CompiledDetector } from "../../../stages/inspect/compiled-pack.ts";
import type { DetectorEntry } from "../../../stages/inspect/pack-schema.ts";
import { readPattern, STEPS_MAX } from "../../../stages/inspect/linear-pattern.ts";
import { EVERYDAY_WORDS, everydayNumbersOf, fits, fitsEverydayNumbers } from "./everyday-text.ts";
import type { Doubt, LintSubject } from "./lint.ts";
import { countsOf, levelAlone } from "./pack-facts.ts";

/** Of everyday words, so many may fit a pattern before it is too broad. */
const WORDS_SHARE_MAX = 0.02;
/** Of the steps a pattern may take. */
const STEPS_SHARE_MAX = 0.75;
const EXAMPLES_MAX = 3;

export function lintDetectors(subject: LintSubject): readonly Doubt[] {
  return subject.file.detectors.flatMap((entry, index): readonly Doubt[] => {
    const detector = subject.pack.detectors[index];
    if (detector === undefined) return [];
    const path = ["detectors", index];
    return [
      ...costs(entry, path),
      ...(entry.type === "regex" ? [...breadth(entry, path, { subject, detector }), ...keywords(entry, path)] : []),
      ...(entry.type === "word_ending" ? endings(entry, path) : []),
      ...(entry.type === "sender" ? senders(entry, path) : []),
      ...deadLevels(entry, path),
    ];
  });
}

/** The patterns of a detector, by their keys. */
function patternsOf(entry: DetectorEntry): readonly (readonly [key: string, pattern: string])[] {
  if (entry.type === "regex") return [["pattern", entry.pattern]];
  return entry.type === "label_id" ? [["value", entry.value]] : [];
}

function costs(entry: DetectorEntry, path: YamlPath): readonly Doubt[] {
  return patternsOf(entry).flatMap(([key, pattern]): readonly Doubt[] => {
    const reading = readPattern(pattern, { ignoreCase: false });
    if (!reading.ok || reading.pattern.steps <= STEPS_MAX * STEPS_SHARE_MAX) return [];
    const why = `the pattern may take ${Math.round(reading.pattern.steps)} steps from one place of a text, of ${STEPS_MAX} allowed`;
    const next = "Shorten repeats, or let neighbouring repeats share no characters.";
    return [{ severity: "note", check: "slow-pattern", path: [...path, key], why, next }];
  });
}

type Sender = Extract<DetectorEntry, { type: "sender" }>;
type Regex = Extract<DetectorEntry, { type: "regex" }>;

function breadth(
  entry: Regex,
  path: YamlPath,
  { subject, detector }: { readonly subject: LintSubject; readonly detector: CompiledDetector },
): readonly Doubt[] {
  const { method } = detector;
  if (method.kind !== "pattern" || !countsAlone(subject, detector)) return [];
  const { pattern, validators } = method;
  const words = [...EVERYDAY_WORDS].filter((word) => fits(word, pattern, validators));
  const tooBroad = (what: string, found: readonly string[]): Doubt => ({
    severity: "warning",
    check: "too-broad",
    path: [...path, "pattern"],
    why: `the pattern fits everyday ${what}, such as ${found.slice(0, EXAMPLES_MAX).join(", ")}`,
    next: "Use label_id, give it keywords, or let it be sure only where certain words are near (confidence).",
  });
  if (words.length > EVERYDAY_WORDS.size * WORDS_SHARE_MAX) return [tooBroad("words", words)];
  if (entry.keywords.length === 0 && fitsEverydayNumbers(pattern, validators))
    return [tooBroad("numbers", everydayNumbersOf(pattern, validators))];
  return [];
}

/** A hit counts somewhere without any word near it. */
function countsAlone({ file }: LintSubject, detector: CompiledDetector): boolean {
  const level = levelAlone(detector);
  return (
    level !== null &&
    countsOf(file).some(
      ({ entry, detectors }) => detectors.includes(detector.id) && (entry.min_confidence ?? 1) <= level,
    )
  );
}

/** A keyword is a whole word: one that the pattern glues to digits never stands in the text the pattern fits. */
function keywords({ pattern, keywords: words }: Regex, path: YamlPath): readonly Doubt[] {
  const plain = pattern.toLowerCase();
  return words.flatMap((word, position): readonly Doubt[] => {
    const at = [...path, "keywords", position];
    const key = word.toLowerCase();
    const isGlued = [`${key}\\d`, `${key}[0-9`, `${key}(?:\\d`].some((text) => plain.includes(text));
    if (isGlued) {
      const why = `in what the pattern finds, "${word}" is one word with the digits behind it, so the whole word is missing there`;
      const next = "Take the keyword out, or add `[- ]?` and a text with a space to the tests.";
      return [{ severity: "warning", check: "keyword-glued", path: at, why, next }];
    }
    const literals = plain.replaceAll(/\\.|\[[^\]]*\]|\(\?<value>|\{[^}]*\}/g, " ").match(/[a-z]{2,}/g) ?? [];
    if (literals.length === 0 || literals.some((literal) => key.includes(literal) || literal.includes(key))) return [];
    const why = `the pattern holds words, and "${word}" is none of them; texts without it are not looked at`;
    const next = "Take it out, or use confidence with near if it is meant to stand near by.";
    return [{ severity: "note", check: "keyword-elsewhere", path: at, why, next }];
  });
}

function endings(entry: Extract<DetectorEntry, { type: "word_ending" }>, path: YamlPath): readonly Doubt[] {
  const covered = entry.endings.flatMap((ending, position): readonly Doubt[] => {
    const by = entry.endings.find((other) => other !== ending && ending.endsWith(other));
    if (by === undefined) return [];
    const why = `every word that ends in ${ending} ends in ${by}, which is listed too`;
    const place = [...path, "endings", position];
    return [{ severity: "note", check: "stands-elsewhere", path: place, why, next: "Take it out." }];
  });
  const useless = entry.not.flatMap((word, position): readonly Doubt[] => {
    const isShort = word.length < entry.letters_min;
    if (!isShort && entry.endings.some((ending) => word.endsWith(ending) || `${word}s`.endsWith(ending))) return [];
    if (!isShort && entry.endings.some((ending) => word.endsWith(`${ending}s`) || word.endsWith(`${ending}es`)))
      return [];
    const why = isShort ? `"${word}" is shorter than letters_min` : `"${word}" has none of the endings`;
    const place = [...path, "not", position];
    return [{ severity: "note", check: "never-matches", path: place, why, next: "Take it out." }];
  });
  return [...covered, ...useless];
}

/** Patterns that everybody fits, and words that say nothing of anybody. */
function senders({ addresses = [], list_ids: lists = [], words = [] }: Sender, path: YamlPath): readonly Doubt[] {
  const broad = (key: string, texts: readonly string[], isBroad: (text: string) => boolean): readonly Doubt[] =>
    texts.flatMap((text, position): readonly Doubt[] => {
      if (!isBroad(text)) return [];
      const why = `"${text}" fits senders of every kind`;
      const next = "Name a domain, a list or a word that only such senders have.";
      return [{ severity: "warning", check: "too-broad", path: [...path, key, position], why, next }];
    });
  const isTopLevel = (text: string): boolean => /^\.[^.]+\.?$/.test(text);
  return [
    ...broad("addresses", addresses, isTopLevel),
    ...broad("list_ids", lists, isTopLevel),
    ...broad("words", words, (word) => EVERYDAY_WORDS.has(word.toLowerCase())),
  ];
}

/** Levels that words near by reach, but that are reached without them. */
function deadLevels({ confidence = [] }: DetectorEntry, path: YamlPath): readonly Doubt[] {
  const alone = Math.max(-1, ...confidence.flatMap(({ level, near }) => (near === undefined ? (level ?? []) : [])));
  return confidence.flatMap(({ level, near }, index): readonly Doubt[] => {
    if (near === undefined || level === undefined || level > alone) return [];
    const why = `level ${level} never counts: ${alone} is reached without any word near`;
    const next = "Give it a higher level, or make it an adjust.";
    return [{ severity: "warning", check: "never-counts", path: [...path, "confidence", index, "level"], why, next }];
  });
}
