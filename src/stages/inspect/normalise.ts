/**
 * Brings text into the one form every detector reads.
 * Promises: NFKC (full-width digits, no-break spaces, ligatures), no invisible characters (zero-width, soft hyphen,
 * direction marks, controls and their escape sequences), plain hyphens and quotes, Latin letters
 * for those of another script that look like them inside a word; lower-casing keeps every offset. Linear time, idempotent. Pure.
 */
import { areShown } from "../../parts/extraction/four-bytes.ts";
import type { Rewritable } from "./source/mapped-text.ts";

/** What nothing shows (Unicode, Default_Ignorable_Code_Point), annotation marks, and what is no character. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u{1D159}\uFFF9-\uFFFC]/gu;
const DASHES = /[\p{Dash_Punctuation}\u02D7\u2043\u2053\u2212]/gu;
/** Struck through, underlined, boxed: marks over a letter or digit that no letter is written with. */
const MARKS_OVER = /(?<=[A-Za-z0-9])[\u0300-\u036F\u0483-\u0489\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20F0]+/g; // oxlint-disable-line no-misleading-character-class
/** Letters of Greek and Cyrillic that look like Latin ones. */
const LOOKALIKES: ReadonlyMap<string, string> = new Map(
  Array.from("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοАВЕКМНОРСТУХІЅЈҮаеорсухіѕјһԁԛԝӏ", (letter, at) => [
    letter,
    "ABEZHIKMNOPTYXoABEKMHOPCTYXISJYaeopcyxisjhdqwl".charAt(at),
  ]),
);
/** Letters and digits in a frame, of flags, and small capitals, none of which NFKC knows. */
const FRAMED: ReadonlyMap<string, string> = new Map([
  ...[0x1f150, 0x1f170, 0x1f1e6].flatMap((first) => rowOf(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
  ...[0x24f5, 0x2776, 0x2780, 0x278a].flatMap((first) => rowOf(first, "123456789")),
  ["\u24ff", "0"],
  ...Array.from("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", (letter, at) => [letter, "ABCDEFGHIJKLMNOPQRSTUVWYZ".charAt(at)] as const),
]);
const MAY_BE_FRAMED =
  /[\u{1F150}-\u{1F189}\u{1F1E6}-\u{1F1FF}\u24F5-\u24FF\u2776-\u2792\u0262-\u029F\u1D00-\u1D22\uA730\uA731\uA7AF]/gu;
const MAY_LOOK_ALIKE = /[\u0370-\u052F]/;
/** Taken whole, so that a long one is looked at once. */
const WORD = /[A-Za-z\u0370-\u052F]+/g;
const LATIN = /[A-Za-z]/;
const SINGLE_QUOTES = /[\u2018-\u201B\u02BC\u2032\uFF07]/g;
const DOUBLE_QUOTES = /[\u201C-\u201F\u2033]/g;
const SPACES = /[\u0085\u00A0\u1680\u2000-\u200A\u202F\u205F\u2800\u3000]/g;
/** Shown as nothing; a sequence of ISO 2022 that selects a character set goes whole. C1 but the line end among them. */
const CONTROLS = /\x1b(?:[(-/][0-~]|\$[(-/]?[0-~])|[\0-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f]/g; // oxlint-disable-line no-control-regex
/** Separators of HL7, X12 and the like part what stands beside them. */
const SEPARATORS = /[\x1c-\x1f]/g; // oxlint-disable-line no-control-regex
const LINE_SEPARATORS = /[\u2028\u2029]/g;
/** Lower-casing this one makes two characters; everything else keeps its length. */
const DOTTED_CAPITAL_I = /\u0130/g;
const DIGITS = /\p{Nd}/gu;
/** Where every digit but ASCII's stands, and no punctuation: a search many times faster than for the digits themselves. */
const MAY_BE_DIGIT = /[\u0660-\u1fff\u2c00-\uffff]/;

/** Digits of one script stand in blocks of ten that begin at a digit of value zero. */
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  if (code < 0x80) return digit;
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String((code - zero) % 10);
}

const HAS_CONTROLS = /[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]/; // oxlint-disable-line no-control-regex

/** Texts up to this size may be found to be plain by a look at their bytes. */
const PLAIN_CHARS_MAX = 65_536;
const plainFours = new Int32Array(PLAIN_CHARS_MAX / 4);
const plain = Buffer.from(plainFours.buffer);
const SPACE = 32;

export function normaliseText(text: string): string {
  return isPlain(text) ? lineEndsOf(text) : anyText(text);
}

/** A text of printable ASCII, white space and line ends, as most are: only its line ends change. */
function isPlain(text: string): boolean {
  if (text.length > PLAIN_CHARS_MAX || !isAscii(text)) return false;
  const length = plain.write(text, "latin1");
  const fours = (length + 3) >> 2;
  for (let at = length; at < fours * 4; at += 1) plain[at] = SPACE;
  for (let at = 0; at < fours; at += 1) if (!areShown(plainFours[at] ?? 0)) return false;
  return true;
}

/** The same of a text that keeps the places of its characters. */
export function anyText<T extends Rewritable<T>>(text: T): T {
  const lines = lineEndsOf(text);
  const whole = HAS_CONTROLS.test(String(lines)) ? lines.replace(CONTROLS, "").replace(SEPARATORS, "\n") : lines;
  if (isAscii(String(whole))) return whole;
  const shown = whole
    .replace(INVISIBLE, "")
    .normalize("NFKC")
    .replace(INVISIBLE, "")
    .replace(LINE_SEPARATORS, "\n")
    .replace(DASHES, "-")
    .replace(SINGLE_QUOTES, "'")
    .replace(DOUBLE_QUOTES, '"')
    .replace(SPACES, " ")
    .replace(DOTTED_CAPITAL_I, "I")
    .replace(MARKS_OVER, "")
    .replace(MAY_BE_FRAMED, (sign) => FRAMED.get(sign) ?? sign);
  const latin = MAY_LOOK_ALIKE.test(String(shown)) ? shown.replace(WORD, latinOf) : shown;
  return MAY_BE_DIGIT.test(String(latin)) ? latin.replace(DIGITS, asciiDigit) : latin;
}

/** A word in two scripts, which no language has. */
function latinOf(word: string): string {
  if (!LATIN.test(word) || !MAY_LOOK_ALIKE.test(word)) return word;
  return Array.from(word, (letter) => LOOKALIKES.get(letter) ?? letter).join("");
}

/** Every line break as LF. Fixed texts are replaced several times faster than patterns. */
function lineEndsOf<T extends Rewritable<T>>(text: T): T {
  if (!String(text).includes("\r")) return text;
  const lines = text.replace(/\r\n/g, "\n");
  return String(lines).includes("\r") ? lines.replace(/\r/g, "\n") : lines;
}

/** In UTF-8, ASCII alone takes one byte a character. */
export function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

/** Lower case with the same offsets. */
export function lowerCase(text: string): string {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : Array.from(text, sameLengthLower).join("");
}

function sameLengthLower(character: string): string {
  const lower = character.toLowerCase();
  return lower.length === character.length ? lower : character;
}

/** Letters and digits only, upper case: the form in which values are counted as distinct. */
export function normaliseValue(value: string): string {
  if (isAscii(value)) return value.replace(/[^A-Za-z0-9]+/g, "").toUpperCase();
  return value.replace(/[^\p{L}\p{N}]/gu, "").toUpperCase();
}

function rowOf(first: number, shown: string): readonly (readonly [string, string])[] {
  return Array.from(shown, (character, at) => [String.fromCodePoint(first + at), character] as const);
}
