/**
 * What a person reads at once and a detector does not: letters and digits set apart, numbers parted over cells, digits told as words,
 * runs written backwards.
 * Promises: linear time; nothing for a text that holds none of it, which costs few looks at it; the text itself is read beside it. Pure.
 */
import { normaliseText } from "./normalise.ts";
import { DIGIT_WORDS, wordRunsIn, ZERO_WORD } from "./word-runs.ts";

/** Five single letters or digits in a row. */
const SET_APART = /\b[A-Za-z0-9](?:[ \t.-]{1,3}[A-Za-z0-9]\b){4}/;
const RUN_APART = /\b[A-Za-z0-9](?:[ \t.-]{1,3}[A-Za-z0-9]\b)+/g;
const BETWEEN_KINDS = /(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)/g;

const WORD = `(?:${[...DIGIT_WORDS, ZERO_WORD].join("|")})`;
const FOUR_WORDS = new RegExp(`\\b${WORD}(?:[ ,-]{1,3}${WORD}\\b){3}`, "i");
const DIGIT_VALUES: readonly string[] = DIGIT_WORDS;
const RUN_OF_WORDS = new RegExp(`\\b${WORD}(?:[ ,-]{1,3}${WORD}\\b){3,}`, "gi");

/** A social security number, a telephone number, a date: one of three cells each, and no cell of figures beside them. */
const CELL_END = "[ ]?\\t[ ]?(?:-[ ]?\\t[ ]?)?";
const IN_CELLS = new RegExp(
  `(?<![\\d.]|\\d[ ]?\\t[ ]?)(\\d{3})${CELL_END}(\\d{2,3})${CELL_END}(\\d{4})(?![\\d.]|[ ]?\\t[ ]?\\d)` +
    `|(?<![\\d.]|\\d[ ]?\\t[ ]?)(\\d{1,2})${CELL_END}(\\d{1,2})${CELL_END}((?:19|20)\\d{2})(?![\\d.]|[ ]?\\t[ ]?\\d)`,
  "g",
);

const OVERRIDE = "\u202e";
/** Up to the mark that ends it, or the end of the line (UAX #9). */
const OVERRIDDEN = /\u202e([^\u202c\n]*)\u202c?/g;

/** `raw` is the text as it came, `text` the same normalised. */
export function undisguisedTexts(raw: string, text: string): readonly string[] {
  const texts: string[] = [];
  const runs = wordRunsIn(text);
  if (runs.apart && SET_APART.test(text)) texts.push(text.replace(RUN_APART, together));
  if (runs.told && FOUR_WORDS.test(text)) texts.push(text.replace(RUN_OF_WORDS, digitsOf));
  if (text.includes("\t") && text.search(IN_CELLS) >= 0) texts.push(text.replace(IN_CELLS, joined));
  if (raw.includes(OVERRIDE)) texts.push(normaliseText(raw.replace(OVERRIDDEN, (_, run: string) => reversed(run))));
  return texts;
}

function together(run: string): string {
  return run.replace(/[ \t.]+/g, "").replace(BETWEEN_KINDS, " ");
}

function joined(_: string, ...groups: readonly unknown[]): string {
  const [first, second, third, month, day, year] = groups;
  return typeof first === "string"
    ? `${first}-${String(second)}-${String(third)}`
    : `${String(month)}/${String(day)}/${String(year)}`;
}

function digitsOf(run: string): string {
  // What is none of them is how a zero is read out.
  const digit = (word: string): string => String(Math.max(0, DIGIT_VALUES.indexOf(word.toLowerCase())));
  return run
    .replace(/[A-Za-z]+/g, digit)
    .replace(/(?:, ?| ?- ?)/g, "-")
    .replaceAll(" ", "");
}

function reversed(run: string): string {
  return Array.from(run).reverse().join("");
}
