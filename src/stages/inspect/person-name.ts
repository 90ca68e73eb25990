/**
 * Recognises the shape of a person's name: a label or an honorific before it, or a known given name with a surname.
 * Promises: linear time; the sender's own name, lines of quoted headers and "… wrote:" lines are left out. A name alone is
 * weak evidence: rules must ask for health terms beside it. Pure.
 * Levels: 85 after a label such as "patient", 65 given name and surname or an honorific, 50 in capitals, 40 after "Dr".
 */
import type { Candidate, DetectionMethod, ScannedSegment } from "./compiled-pack.ts";
import { normaliseValue } from "./normalise.ts";
import type { PhraseHit } from "./phrase-hits.ts";

type NameMethod = Extract<DetectionMethod, { kind: "name" }>;

const PATIENT_HONORIFICS = ["mr", "mrs", "ms", "miss", "mx", "frau", "herr", "mme", "madame", "senor", "senora", "sra"];
export const HONORIFICS = [...PATIENT_HONORIFICS, "dr", "doctor"];
/** Honorifics of providers, whose names are weaker evidence than patients' names. */
const PROVIDER_FROM = PATIENT_HONORIFICS.length;
/** What stands before somebody who treats, or who did something: `by Anna Smith`. */
const PROVIDER_TITLES = new Set([...HONORIFICS.slice(PROVIDER_FROM), "prof", "professor", "by"]);
const QUOTED_HEADER = /^[>\s|*]{0,20}(?:from|to|cc|bcc|sent|reply-to|date|on)\b/i;
const LINE_CHARS_MAX = 400;
const SIGNED_CHARS_MAX = 240;
const SIGNED_CHARS = 24;
const SIGNED_BEFORE = /(?:\n[ \t]{0,8}\n|[,.!]\n)[ \t]{0,8}(?:[-–~]{1,2} ?)?$/;
const SIGNED_AFTER = /^(?:, ?\p{Lu}[\p{L}.-]{1,5}){0,3}[ \t]{0,4}(?:\n[^\n]{0,60}){0,5}$/u;
/** Punctuation between a label and the name: `Patient: Anna Smith`, `patient name - Anna Smith`. */
const LABEL_GAP = /^[ \t]{0,3}[:=,(-]?[ \t\n]{1,4}$/;

const NO_NAMES: readonly Candidate[] = [];

type Word = { readonly start: number; readonly end: number; readonly text: string };

export function findNames(scan: ScannedSegment, method: NameMethod): readonly Candidate[] {
  const labels = scan.hits.of(method.labels);
  const honorifics = scan.hits.of(method.honorifics);
  const givenNames = scan.hits.of(method.givenNames);
  if (labels.length + honorifics.length + givenNames.length === 0) return NO_NAMES;
  const found = new Map<number, Candidate>();
  const keep = (candidate: Candidate | null): void => {
    if (candidate === null || isOfSender(scan, candidate.value) || isInQuotedHeader(scan, candidate.start)) return;
    const before = found.get(candidate.start);
    if (before === undefined || (before.base ?? 0) < (candidate.base ?? 0)) found.set(candidate.start, candidate);
  };
  for (const hit of labels) keep(afterLabel(scan, method, hit.token + hit.tokens));
  for (const hit of honorifics) keep(afterHonorific(scan, method, hit));
  for (const hit of givenNames) {
    keep(givenAndSurname(scan, method, hit) ?? surnameFirst(scan, method, hit.token));
  }
  return Array.from(found.values(), (name) =>
    isSigned(scan, name) ? { ...name, base: Math.min(name.base ?? 0, 45) } : name,
  ).toSorted((a, b) => a.start - b.start);
}

function afterLabel(scan: ScannedSegment, method: NameMethod, token: number): Candidate | null {
  const first = wordAt(scan, token);
  const before = wordAt(scan, token - 1);
  const second = wordAt(scan, token + 1);
  if (first === null || before === null || second === null) return null;
  if (!LABEL_GAP.test(between(scan, before, first))) return null;
  if (isInitial(scan, first)) {
    const isPair = between(scan, first, second) === ". " && isNameWord(second, method);
    return isPair ? { ...spanOf(scan, first, second), base: 85 } : null;
  }
  // "patient ADD COLUMN": capitals after a small word with nothing between are no name.
  if (!isNameWord(first, method) || (isShout(first.text) && !isShout(before.text) && isBare(scan, before, first)))
    return null;
  const gap = between(scan, first, second);
  const isPair =
    (gap === " " && (isNameWord(second, method) || isInitial(scan, second))) || isLastFirst(gap, second, method);
  return isPair ? { ...spanOf(scan, first, second), base: 85 } : null;
}

function afterHonorific(scan: ScannedSegment, method: NameMethod, { token, phrase }: PhraseHit): Candidate | null {
  const title = wordAt(scan, token);
  const first = wordAt(scan, token + 1);
  if (title === null || first === null || !isCapital(title.text) || !isNameWord(first, method)) return null;
  if (!/^\.? $/.test(between(scan, title, first))) return null;
  const second = wordAt(scan, token + 2);
  const isFull =
    second !== null && between(scan, first, second) === " " && (isNameWord(second, method) || isInitial(scan, second));
  return { ...spanOf(scan, first, isFull ? second : first), base: phrase >= PROVIDER_FROM ? 40 : 65 };
}

function givenAndSurname(scan: ScannedSegment, method: NameMethod, hit: PhraseHit): Candidate | null {
  const last = hit.token + hit.tokens - 1;
  const given = wordAt(scan, last);
  const first = wordAt(scan, hit.token);
  if (given === null || first === null || !isNameWord(first, method)) return null;
  let surname = wordAt(scan, last + 1);
  if (surname === null) return null;
  const middle = surname;
  if (between(scan, given, middle) !== " ") return null;
  if (isInitial(scan, middle)) {
    surname = wordAt(scan, last + 2);
    const isMiddle = surname !== null && /^\.? $/.test(between(scan, middle, surname)) && isNameWord(surname, method);
    if (!isMiddle) return { ...spanOf(scan, first, middle), base: 65 };
  }
  if (surname === null || !isNameWord(surname, method)) return null;
  if (isProvider(scan, hit.token)) return { ...spanOf(scan, first, surname), base: 40 };
  return { ...spanOf(scan, first, surname), base: isShout(given.text) ? 50 : 65 };
}

function isBare(scan: ScannedSegment, left: Word, right: Word): boolean {
  return between(scan, left, right).trim() === "";
}

/** `Dr. Anna Smith`, `Prof Anna Smith` */
function isProvider(scan: ScannedSegment, token: number): boolean {
  const title = wordAt(scan, token - 1);
  return title !== null && PROVIDER_TITLES.has(title.text.toLowerCase());
}

/** `Smith, Anna` */
function surnameFirst(scan: ScannedSegment, method: NameMethod, token: number): Candidate | null {
  const given = wordAt(scan, token);
  const surname = wordAt(scan, token - 1);
  if (given === null || surname === null || !isNameWord(given, method) || !isNameWord(surname, method)) return null;
  if (between(scan, surname, given) !== ", ") return null;
  return { ...spanOf(scan, surname, given), base: scan.segment.kind === "subject" ? 65 : 50 };
}

function isLastFirst(gap: string, second: Word, method: NameMethod): boolean {
  return gap === ", " && isNameWord(second, method);
}

function wordAt(scan: ScannedSegment, token: number): Word | null {
  if (token < 0 || token >= scan.tokens.count) return null;
  const start = scan.tokens.bounds[token * 2] ?? 0;
  const end = scan.tokens.bounds[token * 2 + 1] ?? 0;
  return { start, end, text: end - start > 40 ? "" : scan.segment.text.slice(start, end) };
}

function between(scan: ScannedSegment, left: Word, right: Word): string {
  return right.start - left.end > 8 ? "too far" : scan.segment.text.slice(left.end, right.start);
}

function spanOf(scan: ScannedSegment, first: Word, last: Word): Candidate {
  const value = scan.segment.text.slice(first.start, last.end);
  return { start: first.start, end: last.end, value };
}

function isCapital(text: string): boolean {
  return /^\p{Lu}/u.test(text);
}

function isShout(text: string): boolean {
  return text.length > 1 && text === text.toUpperCase();
}

function isNameWord(word: Word, method: NameMethod): boolean {
  if (!/^\p{Lu}(?:\p{Ll}+\p{Lu}?\p{Ll}+|\p{Lu}+|\p{Ll})$/u.test(word.text)) return false;
  return !method.notSurnames.has(word.text.toLowerCase());
}

/** Alone on its line behind a blank one or a greeting, with no more than a few short lines below: who wrote the mail. */
function isSigned({ segment }: ScannedSegment, { start, end }: Candidate): boolean {
  if (segment.kind !== "body" || segment.isAttached === true) return false;
  const { text } = segment;
  if (text.length - end > SIGNED_CHARS_MAX || !SIGNED_BEFORE.test(text.slice(Math.max(0, start - SIGNED_CHARS), start)))
    return false;
  return SIGNED_AFTER.test(text.slice(end));
}

/** A single capital with its stop, or before a comma or a space: `Anna S.` */
function isInitial(scan: ScannedSegment, word: Word): boolean {
  return word.text.length === 1 && isCapital(word.text) && scan.segment.text.charAt(word.end) === ".";
}

function isOfSender(scan: ScannedSegment, value: string): boolean {
  return scan.senderNames.has(normaliseValue(value));
}

function isInQuotedHeader(scan: ScannedSegment, at: number): boolean {
  const { text } = scan.segment;
  const before = text.slice(Math.max(0, at - LINE_CHARS_MAX), at);
  const after = text.slice(at, at + LINE_CHARS_MAX);
  const newline = after.indexOf("\n");
  const line = before.slice(before.lastIndexOf("\n") + 1) + (newline < 0 ? after : after.slice(0, newline));
  const opening = QUOTED_HEADER.exec(line);
  if (opening !== null && line.charAt(opening[0].length) === ":") return true;
  return /\b(?:wrote|writes|said|schrieb)\b[^\n]{0,20}:[ \t]{0,9}$/.test(line);
}
