/**
 * Numbers in cells as a reader sees them (ECMA-376 part 1, sections 18.8.30 and 18.17.4): dates, and numbers written into a
 * pattern of digits such as 000-00-0000. Promises: pure; any other format leaves the number as it is stored.
 */

export type CellFormat =
  | { readonly kind: "date" }
  | { readonly kind: "mask"; readonly mask: string }
  /** Words around whatever stands in the cell. */
  | { readonly kind: "around"; readonly before: string; readonly behind: string };

const DAY_MS = 86_400_000;
/** Day 0 of the 1900 system, with its leap day that never was: right from March 1900 on. */
const EPOCH_MS = Date.UTC(1899, 11, 30);
/** Programs take a quarter of it. */
const CODE_CHARS_MAX = 1_000;
const DAYS_MAX = 2_958_465;
/** Built-in formats of dates, East Asian ones included. */
const DATES: ReadonlySet<number> = new Set([
  14, 15, 16, 17, 22, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 55, 56, 57, 58,
]);

const LETTER = /[\p{L}\d]/u;

/** By number and, for formats of the file's own, code; null: as stored. */
export function cellFormat(id: number, whole: string | null): CellFormat | null {
  if (DATES.has(id)) return { kind: "date" };
  if (whole === null) return null;
  const code = whole.slice(0, CODE_CHARS_MAX);
  const plain = code.split(";", 1)[0] ?? "";
  const bare = plain.replace(/"[^"]*"|\\.|_.|\[[^\]]{0,100}\]/g, "");
  if (/[yd]/i.test(bare) && !/[0#]/.test(bare)) return { kind: "date" };
  const mask = plain.replace(/\[[^\]]{0,100}\]|"/g, "").replace(/\\(.)/g, "$1");
  if (/^[0#().\- /]+$/.test(mask) && /[0#][-() /]+[0#]/.test(mask)) return { kind: "mask", mask };
  return wordsAround(code);
}

/** What the format writes beside the value; of several sections those that say the most. */
function wordsAround(code: string): CellFormat | null {
  const around = sectionsOf(code).filter(({ before, behind }) => LETTER.test(before + behind));
  const length = ({ before, behind }: Around): number => before.length + behind.length;
  const [most] = around.toSorted((a, b) => length(b) - length(a));
  if (most === undefined) return null;
  return { kind: "around", ...most };
}

type Around = { readonly before: string; readonly behind: string };

/** Quoted and escaped characters are shown; of the rest only places of digits, of the text and of dates divide them. */
const PIECE = /"([^"]*)"|\\(.)|[_*].|\[[^\]]{0,100}\]|(General|[0#?@.,%/])|(;)|([- $+():!^&'~{}<>=])|./giu;

function sectionsOf(code: string): readonly Around[] {
  const sections: Around[] = [];
  let [before, behind, hasValue] = ["", "", false];
  for (const [, quoted, escaped, place, end, shown] of `${code};`.matchAll(PIECE)) {
    if (end !== undefined) {
      // Without a place for it the value is not shown; it is told all the same.
      sections.push({ before: hasValue ? before : `${before} `, behind });
      [before, behind, hasValue] = ["", "", false];
    } else if (place !== undefined) hasValue = true;
    else if (hasValue) behind += quoted ?? escaped ?? shown ?? "";
    else before += quoted ?? escaped ?? shown ?? "";
  }
  return sections;
}

export function formatCell(value: string, format: CellFormat): string {
  if (format.kind === "around") return `${format.before}${plainNumber(value)}${format.behind}`;
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0) return value;
  return format.kind === "date" ? dateOf(number, value) : masked(number, format.mask, value);
}

/** As a cell shows it that is wide enough: without an exponent, and at most 15 digits. */
export function plainNumber(value: string): string {
  const number = Number(value);
  if (value.trim() === "" || !Number.isFinite(number) || Math.abs(number) >= 1e21) return value;
  return /e/i.test(value) || !Number.isInteger(number) ? String(Number(number.toPrecision(15))) : value;
}

function dateOf(days: number, stored: string): string {
  if (days < 1 || days > DAYS_MAX) return stored;
  const date = new Date(EPOCH_MS + Math.floor(days) * DAY_MS);
  return `${String(date.getUTCMonth() + 1).padStart(2, "0")}/${String(date.getUTCDate()).padStart(2, "0")}/${date.getUTCFullYear()}`;
}

/** Digits from the right into the places of the mask. */
function masked(number: number, mask: string, stored: string): string {
  if (!Number.isInteger(number)) return stored;
  const digits = String(number);
  let at = digits.length;
  let text = "";
  for (let place = mask.length - 1; place >= 0; place -= 1) {
    const character = mask.charAt(place);
    if (character !== "0" && character !== "#") text = character + text;
    else if (at > 0) text = digits.charAt(--at) + text;
    else if (character === "0") text = `0${text}`;
  }
  return digits.slice(0, at) + text;
}
