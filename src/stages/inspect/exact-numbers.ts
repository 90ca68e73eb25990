/** Numbers of an index in a text: with or without separators, letters before them, leading zeros. See exact-values.ts. */
import { hasField, NUMBER_FIELDS } from "../../parts/edm/edm-fields.ts";
import { quickHash } from "../../parts/edm/edm-hash.ts";
import { phoneValue, plainNumberValue, zipValue } from "../../parts/edm/edm-values.ts";
import type { ExactSearch, ExactValue } from "./exact-values.ts";

/** Groups of one number: `+1 (217) 555 01 00`. */
const GROUPS_MAX = 6;
const CHARS_MAX = 24;
/** Letters that may stand before the digits, joined by a hyphen: `MR-123456`. */
const PREFIX_LETTERS_MAX = 4;
/** Between two groups of a number, where it is more than one sign. */
const SEPARATOR = /^(?:\) | \(|-\(|\)-)$/;
const SPACE = 32;
const HYPHEN = 45;
const CLOSING = 41;
const UNDERSCORE = 95;
const NUMBER_CHARS_MIN = 4;
/** Shorter numbers stand everywhere. */
const PLAIN_CHARS_MIN = 6;

type Run = { readonly first: number; readonly last: number; readonly plain: string };

/** Every run of groups that begins at this word. */
export function findNumberAt(search: ExactSearch, token: number): void {
  const { words } = search;
  if (isInside(search, token)) return;
  // Most numbers of a text stand for themselves and are too short to be anybody's.
  if (words.length(token) < NUMBER_CHARS_MIN && words.sign(token - 1) === 0 && !isSeparated(search, token)) return;
  const hasPrefix = words.sign(token - 1) === HYPHEN && isFewLetters(search, token - 1);
  for (const first of hasPrefix ? [token - 1, token] : [token]) {
    let plain = "";
    for (let last = first; last < first + GROUPS_MAX; last += 1) {
      if (last > first && !isSeparated(search, last - 1)) break;
      plain += words.word(last);
      if (plain.length > CHARS_MAX || !joins(search, last)) break;
      if (last >= token && plain.length >= NUMBER_CHARS_MIN && !goesOn(search, last))
        lookUp(search, { first, last, plain });
    }
  }
}

/** A group holds digits, or few letters behind a hyphen. */
function joins(search: ExactSearch, token: number): boolean {
  return search.words.hasDigit(token) || isFewLetters(search, token);
}

function isFewLetters({ words }: ExactSearch, token: number): boolean {
  const length = words.length(token);
  return length > 0 && length <= PREFIX_LETTERS_MAX && /^[A-Za-z]+$/.test(words.word(token));
}

/** Whether what follows the word may be the next group of the same number. */
function isSeparated({ words }: ExactSearch, token: number): boolean {
  const sign = words.sign(token);
  if (sign !== 0) return sign === SPACE || sign === CLOSING || isPoint(sign);
  return SEPARATOR.test(words.gap(token) ?? "none");
}

/** - . / _ */
function isPoint(sign: number): boolean {
  return (sign >= 45 && sign <= 47) || sign === UNDERSCORE;
}

/** `1.4111`, `12-3456`: the digits before belong to it. */
function isInside({ words }: ExactSearch, token: number): boolean {
  return isPoint(words.sign(token - 1)) && words.hasDigit(token - 1);
}

function goesOn({ words }: ExactSearch, token: number): boolean {
  return isPoint(words.sign(token)) && words.hasDigit(token + 1);
}

function lookUp(search: ExactSearch, run: Run): void {
  const { fields } = search;
  if (NUMBER_FIELDS.some((field) => hasField(fields, field))) addNumber(search, run);
  const { length } = run.plain;
  if (length < 5 || !/^\d+$/.test(run.plain)) return;
  if (length === 9 && hasField(fields, "ssn"))
    add(search, run, { field: "ssn", value: run.plain, isPlain: isGroupedSsn(search, run) });
  if (length >= 8 && hasField(fields, "phone")) {
    const value = phoneValue(run.plain);
    if (value !== null) add(search, run, { field: "phone", value, isPlain: true });
  }
  if (run.first === run.last && length === 5 && hasField(fields, "zip")) {
    const value = zipValue(run.plain);
    if (value !== null) add(search, run, { field: "zip", value, isPlain: false });
  }
}

function addNumber(search: ExactSearch, run: Run): void {
  const value = plainNumberValue(run.plain.toLowerCase());
  if (value === null) return;
  const hash = quickHash(value, search.index.seed);
  for (const field of NUMBER_FIELDS) {
    if (!hasField(search.fields, field) || !search.index.mayBe(field, hash)) continue;
    push(search, run, { field, value, isPlain: value.length >= PLAIN_CHARS_MIN });
  }
}

function isGroupedSsn({ words }: ExactSearch, { first, last }: Run): boolean {
  return last === first + 2 && words.end(first) - words.start(first) === 3 && words.end(last) - words.start(last) === 4;
}

type Wanted = Pick<ExactValue, "field" | "value" | "isPlain">;

function add(search: ExactSearch, run: Run, wanted: Wanted): void {
  if (search.index.mayHold(wanted.field, wanted.value)) push(search, run, wanted);
}

function push({ words, found }: ExactSearch, { first, last }: Run, wanted: Wanted): void {
  found.push({ start: words.start(first), end: words.end(last), ...wanted });
}
