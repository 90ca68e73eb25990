/**
 * Numbers in cells as a reader sees them (ECMA-376 part 1, sections 18.8.30 and 18.17.4): dates, and numbers written into a
 * pattern of digits such as 000-00-0000. Promises: pure; any other format leaves the number as it is stored.
 */

export type CellFormat = { readonly kind: "date" } | { readonly kind: "mask"; readonly mask: string };

const DAY_MS = 86_400_000;
/** Day 0 of the 1900 system, with its leap day that never was: right from March 1900 on. */
const EPOCH_MS = Date.UTC(1899, 11, 30);
const DAYS_MAX = 2_958_465;
/** Built-in formats of dates, East Asian ones included. */
const DATES: ReadonlySet<number> = new Set([
  14, 15, 16, 17, 22, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 55, 56, 57, 58,
]);

/** By number and, for formats of the file's own, code; null: as stored. */
export function cellFormat(id: number, code: string | null): CellFormat | null {
  if (DATES.has(id)) return { kind: "date" };
  if (code === null) return null;
  const plain = code.split(";", 1)[0] ?? "";
  const bare = plain.replace(/"[^"]*"|\\.|_.|\[[^\]]*\]/g, "");
  if (/[yd]/i.test(bare) && !/[0#]/.test(bare)) return { kind: "date" };
  const mask = plain.replace(/\[[^\]]*\]|"/g, "").replace(/\\(.)/g, "$1");
  return /^[0#().\- /]+$/.test(mask) && /[0#][-() /]+[0#]/.test(mask) ? { kind: "mask", mask } : null;
}

export function formatCell(value: string, format: CellFormat): string {
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0) return value;
  return format.kind === "date" ? dateOf(number, value) : masked(number, format.mask, value);
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
