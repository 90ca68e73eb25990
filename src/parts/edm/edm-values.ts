/**
 * The one form in which a value of a patient is compared, whoever wrote it: in the CSV and in a mail.
 * Promises: pure, total, bounded by the length of the value; case, accents, order, separators and leading zeros make no
 * difference. A value that says too little to be sought gives nothing.
 */

/** Letters that no decomposition takes apart. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  ł: "l",
  đ: "d",
  ð: "d",
  þ: "th",
  ı: "i",
};
const SUFFIXES = new Set(["jr", "sr", "ii", "iii", "iv", "md", "phd", "mr", "mrs", "ms", "miss", "dr"]);
const PARTICLES = new Set([
  "de",
  "del",
  "la",
  "las",
  "los",
  "el",
  "da",
  "das",
  "do",
  "dos",
  "di",
  "du",
  "van",
  "von",
  "der",
  "den",
  "le",
  "y",
  "e",
]);
const GIVEN_WORDS_MAX = 3;
const SURNAME_WORDS_MAX = 4;
const NUMBER_CHARS_MIN = 4;
const NUMBER_CHARS_MAX = 24;
const YEAR_MIN = 1880;
const YEAR_MAX = 2100;

/** Lower case without accents; a precomposed letter and its parts become the same. */
export function fold(text: string): string {
  return isAscii(text) ? text.toLowerCase() : foldAny(text);
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) >= 128) return false;
  return true;
}

function foldAny(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/[\p{M}\p{Cf}]/gu, "")
    .toLowerCase()
    .replace(/[ßæœøłđðþı]/g, (letter) => LETTERS[letter] ?? letter);
}

/** Folded words of letters. */
function wordsOf(text: string): readonly string[] {
  return fold(text)
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== "");
}

/** `o'brien` written as one. */
function apostrophised(text: string): readonly string[] {
  const joined = fold(text).match(/\p{L}+(?:['’‘ʼ`]\p{L}+)+/gu) ?? [];
  return joined.map((word) => word.replace(/\P{L}/gu, ""));
}

export type NameWords = { readonly given: readonly string[]; readonly surname: readonly string[] };

/** Of a double name each word and both as one; particles and titles do not count where more is there. */
export function nameWords(given: string, surname: string): NameWords {
  return {
    given: significant(given, GIVEN_WORDS_MAX),
    surname: significant(surname, SURNAME_WORDS_MAX),
  };
}

/** `Smith, Anna M.` or `Anna M. Smith`. */
export function fullNameWords(name: string): NameWords {
  const [before = "", after] = name.split(",", 2);
  if (after !== undefined && wordsOf(after).some((word) => !SUFFIXES.has(word))) return nameWords(after, before);
  const words = before
    .trim()
    .split(/\s+/)
    .filter((word) => wordsOf(word).some((part) => !SUFFIXES.has(part)));
  const last = words.at(-1);
  if (last === undefined || words.length === 1) return { given: [], surname: [] };
  return nameWords(words.slice(0, -1).join(" "), last);
}

/** A letter alone is an initial, but where one sign is a word. */
function saysSomething(word: string): boolean {
  return word.length > 1 || /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(word);
}

function significant(text: string, max: number): readonly string[] {
  const words = wordsOf(text);
  const named = words.filter((word) => !SUFFIXES.has(word));
  const bare = named.filter((word) => !PARTICLES.has(word));
  // Somebody may be called like a title or a particle.
  const told = [bare, named, words].map((each) => each.filter(saysSomething)).find((each) => each.length > 0) ?? [];
  const kept = told.slice(0, max);
  const whole = named.length > 1 && named.length <= max ? [named.join("")] : [];
  return [...new Set([...kept, ...apostrophised(text), ...whole])];
}

/** Two words of a name, in whatever order. */
export function pairValue(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}

/** Letters and digits, lower case; digits alone without leading zeros. Null: too short or too long to be sought. */
export function numberValue(text: string): string | null {
  return plainNumberValue(fold(text).replace(/[^\p{L}\p{N}]/gu, ""));
}

const PREFIX = /^[^\p{L}\p{N}]*\p{L}+\.?[^\p{L}\p{N}]+(?=\S*\p{N})/u;

/** Of `CLINIC-123456` and `no. 123456` what people write who leave out the word before it. Null: no word stands before it. */
export function bareNumberValue(text: string): string | null {
  const bare = text.replace(PREFIX, "");
  return bare.length === text.length ? null : numberValue(bare);
}

/** Of letters and digits alone, folded. */
export function plainNumberValue(plain: string): string | null {
  const value = plain.startsWith("0") && /^\d+$/.test(plain) ? plain.replace(/^0+/, "") : plain;
  if (value.length < NUMBER_CHARS_MIN || value.length > NUMBER_CHARS_MAX || !/\d/.test(value)) return null;
  return /^(.)\1*$/.test(value) ? null : value;
}

/** A spreadsheet takes leading zeros away. */
export function ssnValue(text: string): string | null {
  const digits = text.replace(/\D/g, "");
  if (digits.length < 7 || digits.length > 9) return null;
  const value = digits.padStart(9, "0");
  return /^(\d)\1*$/.test(value) ? null : value;
}

/** Ten digits of North America, or the digits of a number with its country. */
export function phoneValue(text: string): string | null {
  const bare = text.replace(/(?:ext|x|#)\.?\s*\d{1,6}\s*$/i, "");
  const digits = bare.replace(/\D/g, "").replace(/^00/, "");
  if (digits.length === 11 && digits.startsWith("1")) return digits.slice(1);
  if (digits.length < 8 || digits.length > 15) return null;
  return /^(\d)\1*$/.test(digits) ? null : digits;
}

export function emailValue(text: string): string | null {
  const value = fold(text.trim());
  return /^[a-z0-9._%+'-]{1,64}@[a-z0-9.-]{3,253}$/.test(value) ? value : null;
}

export function zipValue(text: string): string | null {
  const digits = /^\s*(\d{3,5})(?:[- ]?\d{4})?\s*$/.exec(text)?.[1];
  return digits === undefined ? null : digits.padStart(5, "0");
}

const STREET_TYPES = new Set(
  "st street ave avenue av rd road dr drive ln lane blvd boulevard ct court cir circle way pl place ter terrace pkwy parkway hwy highway trl trail sq square loop pike row run".split(
    " ",
  ),
);
const DIRECTIONS = new Set(
  "n s e w ne nw se sw north south east west northeast northwest southeast southwest".split(" "),
);
const STREET_WORDS_MAX = 4;

/** True where the word only says what kind of street it is, or on which side. */
export function isStreetSide(word: string): boolean {
  return DIRECTIONS.has(word);
}

/** House number and name of the street: `12 elm` for `12 N. Elm Street, Apt 4`. */
export function addressValue(text: string): string | null {
  const [number, ...words] = fold(text.split(/[,#\n]/, 1)[0] ?? "")
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
  if (number === undefined || !/^\d{1,6}[a-z]?$/.test(number)) return null;
  const named = words.filter((word) => !DIRECTIONS.has(word));
  // A street may be called after a word that is a type elsewhere: `Court Street`.
  const type = named.findIndex((word, index) => index > 0 && STREET_TYPES.has(word));
  const street = named.slice(0, type < 0 ? STREET_WORDS_MAX : Math.min(type, STREET_WORDS_MAX));
  return street.length === 0 ? null : `${number} ${street.join(" ")}`;
}

const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const MONTH_WORDS = new Map<string, number>([
  ...MONTHS.map((month, index): [string, number] => [month, index + 1]),
  ..."january february march april may june july august september october november december"
    .split(" ")
    .map((month, index): [string, number] => [month, index + 1]),
  ..."enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
    .split(" ")
    .map((month, index): [string, number] => [month, index + 1]),
  ["sept", 9],
  ["setiembre", 9],
]);

/** 1 to 12 for the name of a month, folded. */
export function monthOf(word: string): number | null {
  return MONTH_WORDS.get(word) ?? null;
}

export type DateOrder = "mdy" | "dmy";

/** `yyyymmdd`, or null where there is no such day. */
export function dayValue(year: number, month: number, day: number): string | null {
  if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || day < 1) return null;
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (day > days) return null;
  return `${year}${String(month).padStart(2, "0")}${String(day).padStart(2, "0")}`;
}

/** A date of one column, whose order of day and month is known. A year of two digits is not after `yearMax`. */
export function dateValue(text: string, order: DateOrder, yearMax: number): string | null {
  const value = fold(text.trim());
  const iso = /^(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?:[t ].*)?$/.exec(value);
  if (iso !== null) return dayValue(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const numbers = /^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})(?:[t ].*)?$/.exec(value);
  if (numbers !== null) {
    const [one, two] = [Number(numbers[1]), Number(numbers[2])];
    const [month, day] = order === "mdy" ? [one, two] : [two, one];
    return dayValue(fullYear(numbers[3] ?? "", yearMax), month, day);
  }
  const words = value.split(/[^a-z0-9]+/).filter((word) => word !== "" && word !== "de" && word !== "of");
  const at = words.findIndex((word) => monthOf(word) !== null);
  const month = monthOf(words[at] ?? "");
  const rest = words.filter((_, index) => index !== at);
  const [day = "", year = ""] = rest.slice(0, 2);
  if (month === null || !/^\d{1,2}(?:st|nd|rd|th)?$/.test(day) || !/^(?:\d{4}|\d{2})$/.test(year)) return null;
  return dayValue(fullYear(year, yearMax), month, Number.parseInt(day, 10));
}

function fullYear(text: string, yearMax: number): number {
  const year = Number(text);
  if (text.length === 4) return year;
  return 2000 + year <= yearMax ? 2000 + year : 1900 + year;
}
