/** Dates of an index in a text, as people write them; where day and month could be either, both are looked up. See exact-values.ts. */
import { hasField } from "../../parts/edm/edm-fields.ts";
import { dayValue, fold, monthOf } from "../../parts/edm/edm-values.ts";
import type { ExactSearch } from "./exact-values.ts";

const WORD_GAP = /^(?:[-/. ,]|, |\. )$/;
/** `4 de marzo de 1962`, `4th of March 1962` */
const SMALL_WORDS = new Set(["de", "del", "of"]);
const SPACE = 32;
const HYPHEN = 45;
const STOP = 46;
const SLASH = 47;
const FRACTION_SLASH = 0x2044;
const DIVISION_SLASH = 0x2215;
const SPACED = /^ ?([-./\u2044\u2215]) ?$/;
const DAY_AND_HOUR = /^(\d{2})[Tt]\d{2}$/;
const MONTH_CHARS_MIN = 3;
const MONTH_CHARS_MAX = 10;

/** A date whose first number is this word, or whose month stands before it. */
export function findDateAt(search: ExactSearch, token: number): void {
  if (!hasField(search.fields, "birth_date")) return;
  const { words } = search;
  const length = words.length(token);
  if (words.isNumber(token)) {
    if (length === 8) compact(search, token, words.word(token));
    else if (length <= 4) numeric(search, token, length);
    if (length <= 2) besideMonth(search, token);
  } else if (length === 3 || length === 4) {
    if (/^\d{1,2}(?:st|nd|rd|th)$/i.test(words.word(token))) besideMonth(search, token);
  } else if (length <= 9) joined(search, token, words.word(token));
}

function besideMonth(search: ExactSearch, token: number): void {
  if (monthAt(search, token - 1) !== null) monthFirst(search, token);
  else dayFirst(search, token);
}

/** The month this word names. */
function monthAt({ words }: ExactSearch, token: number): number | null {
  const length = words.length(token);
  if (length < MONTH_CHARS_MIN || length > MONTH_CHARS_MAX || !isLetter(words.firstCode(token))) return null;
  return monthOf(fold(words.word(token)));
}

function isLetter(code: number): boolean {
  return (code | 32) >= 97 && (code | 32) <= 122;
}

/** `19620304`, `03041962` */
function compact(search: ExactSearch, token: number, word: string): void {
  const number = (from: number, to: number): number => Number(word.slice(from, to));
  const place = { first: token, last: token };
  add(search, place, dayValue(number(0, 4), number(4, 6), number(6, 8)));
  either(search, place, { one: number(0, 2), two: number(2, 4), year: word.slice(4) });
}

/** `04Mar1962` */
function joined(search: ExactSearch, token: number, word: string): void {
  const [, day = "", name = "", year = ""] = /^(\d{1,2})([A-Za-z]{3})(\d{2,4})$/.exec(word) ?? [];
  const month = monthOf(fold(name));
  for (const full of month === null ? [] : yearsOf(year)) {
    add(search, { first: token, last: token }, dayValue(full, month ?? 0, Number(day)));
  }
}

/** `1962-03-04`, `3/4/62`, `4.3.1962` */
function numeric(search: ExactSearch, token: number, length: number): void {
  const { words } = search;
  const sign = separatorAt(search, token);
  if (sign !== SLASH && sign !== HYPHEN && sign !== STOP && sign !== SPACE) return;
  const isLast = words.length(token + 1) > 2 || separatorAt(search, token + 1) !== sign;
  if (isLast || !words.isNumber(token + 1)) return;
  const third = numberAt(search, token + 2, length === 4);
  if (third === null || follows(search, token)) return;
  const place = { first: token, last: token + 2 };
  const [one, two] = [words.number(token), words.number(token + 1)];
  if (length === 4) add(search, place, dayValue(one, two, third));
  else either(search, place, { one, two, year: words.word(token + 2) });
}

/** One sign, with or without spaces around it; 0 where there is none. */
function separatorAt({ words }: ExactSearch, token: number): number {
  const sign = words.sign(token);
  const code = sign === 0 ? (SPACED.exec(words.gap(token) ?? "")?.[1]?.charCodeAt(0) ?? 0) : sign;
  return code === FRACTION_SLASH || code === DIVISION_SLASH ? SLASH : code;
}

/** Of at most four digits; where a time may follow at once (`1962-03-04T00:00:00`), what stands before it. */
function numberAt({ words }: ExactSearch, token: number, isDay: boolean): number | null {
  if (words.length(token) <= 4) return words.isNumber(token) ? words.number(token) : null;
  const day = isDay && words.length(token) === 5 ? DAY_AND_HOUR.exec(words.word(token))?.[1] : undefined;
  return day === undefined ? null : Number(day);
}

/** Behind the same separator and a number, as the middle of something longer. */
function follows({ words }: ExactSearch, token: number): boolean {
  const sign = words.sign(token - 1);
  return (sign === SLASH || sign === HYPHEN || sign === STOP) && words.hasDigit(token - 1);
}

/** `4 March 1962`, `4th of March, 1962` */
function dayFirst(search: ExactSearch, token: number): void {
  const { words } = search;
  if (!isLetter(words.firstCode(token + 1))) return;
  const month = nextWord(search, token);
  const number = month === null ? null : monthAt(search, month);
  const year = month === null || number === null ? null : nextWord(search, month);
  if (year === null || number === null) return;
  for (const full of yearsOf(words.word(year))) {
    add(search, { first: token, last: year }, dayValue(full, number, Number.parseInt(words.word(token), 10)));
  }
}

/** `March 4, 1962` */
function monthFirst(search: ExactSearch, token: number): void {
  const { words } = search;
  if (!WORD_GAP.test(words.gap(token - 1) ?? "none") || !WORD_GAP.test(words.gap(token) ?? "none")) return;
  const month = monthAt(search, token - 1);
  if (month === null) return;
  for (const full of yearsOf(words.word(token + 1))) {
    add(search, { first: token - 1, last: token + 1 }, dayValue(full, month, Number.parseInt(words.word(token), 10)));
  }
}

/** The next word of a date; null where none follows closely. */
function nextWord({ words }: ExactSearch, token: number): number | null {
  if (!WORD_GAP.test(words.gap(token) ?? "none")) return null;
  const isSmall = words.length(token + 1) <= 3 && SMALL_WORDS.has(words.word(token + 1).toLowerCase());
  if (!isSmall) return token + 1;
  return WORD_GAP.test(words.gap(token + 1) ?? "none") ? token + 2 : null;
}

type Place = { readonly first: number; readonly last: number };

function either(
  search: ExactSearch,
  place: Place,
  { one, two, year }: { readonly one: number; readonly two: number; readonly year: string },
): void {
  for (const full of yearsOf(year)) {
    add(search, place, dayValue(full, one, two));
    if (one !== two) add(search, place, dayValue(full, two, one));
  }
}

/** Of two digits, both centuries. */
function yearsOf(text: string): readonly number[] {
  if (/^\d{4}$/.test(text)) return [Number(text)];
  return /^\d{2}$/.test(text) ? [1900 + Number(text), 2000 + Number(text)] : [];
}

function add({ index, words, found }: ExactSearch, { first, last }: Place, value: string | null): void {
  if (value === null || !index.mayHold("birth_date", value)) return;
  found.push({ start: words.start(first), end: words.end(last), field: "birth_date", value, isPlain: true });
}
