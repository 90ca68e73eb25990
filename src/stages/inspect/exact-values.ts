/**
 * Finds in a text the values that stand in an exact-data-match index: numbers, dates, addresses of mail and of houses, names.
 * Promises: linear in the text; looks at each word once and asks the filters of the index first, so that a text which names no
 * patient costs next to nothing; the values are read as edm-values.ts reads those of the CSV. Leaves to exact-match.ts the look at the
 * table, and which of them belong to one person.
 */
import { hasField } from "../../parts/edm/edm-fields.ts";
import type { EdmField } from "../../parts/edm/edm-fields.ts";
import type { EdmIndex } from "../../parts/edm/edm-index.ts";
import { emailValue } from "../../parts/edm/edm-values.ts";
import type { ScannedSegment } from "./compiled-pack.ts";
import { findAddressAt } from "./exact-addresses.ts";
import { findDateAt } from "./exact-dates.ts";
import { findNameHits } from "./exact-names.ts";
import { findNumberAt } from "./exact-numbers.ts";
import { TokenReader } from "./token-reader.ts";

/** What may be a value of the index, where it stands in the text: the filter let it pass. */
export type ExactValue = {
  readonly start: number;
  readonly end: number;
  readonly field: EdmField;
  /** In the form of edm-values.ts. */
  readonly value: string;
  /** Written so that it can hardly be anything else: long enough, an SSN with its separators. */
  readonly isPlain: boolean;
};

export type ExactSearch = {
  readonly scan: ScannedSegment;
  readonly index: EdmIndex;
  /** Fields sought. */
  readonly fields: number;
  readonly words: TokenReader;
  readonly found: ExactValue[];
};

const EMAIL_AFTER = /^[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/;
const LOCAL_CHARS_MAX = 64;
const EMAIL_CHARS_MAX = 256;
/** Words between two looks at the clock. */
const WORDS_AT_ONCE = 1_024;

/** In order of their place. */
export function findExactValues(scan: ScannedSegment, index: EdmIndex, fields: number): readonly ExactValue[] {
  const search: ExactSearch = { scan, index, fields, words: new TokenReader(scan, index.seed), found: [] };
  findEmails(search);
  if (scan.tokens.digits.length > 0) findDigits(search);
  if (hasField(fields, "name") || hasField(fields, "surname")) findNameHits(search);
  return search.found.toSorted((a, b) => a.start - b.start || a.end - b.end);
}

function findEmails({ scan, index, fields, found }: ExactSearch): void {
  if (!hasField(fields, "email")) return;
  const { text } = scan.segment;
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    const before = text.slice(localStart(text, at), at);
    const after = EMAIL_AFTER.exec(text.slice(at + 1, at + EMAIL_CHARS_MAX))?.[0];
    const value = before === "" || after === undefined ? null : emailValue(`${before}@${after}`);
    if (value === null || !index.mayHold("email", value)) continue;
    found.push({ start: at - before.length, end: at + 1 + (after?.length ?? 0), field: "email", value, isPlain: true });
  }
}

function localStart(text: string, end: number): number {
  let start = end;
  while (start > 0 && end - start < LOCAL_CHARS_MAX && isLocal(text.charCodeAt(start - 1))) start -= 1;
  return start;
}

/** ASCII letters and digits, and ' % + - . _ */
function isLocal(code: number): boolean {
  if (code >= 97 ? code <= 122 : code >= 65 && code <= 90) return true;
  return (
    (code >= 48 && code <= 57) || code === 39 || code === 37 || code === 43 || code === 45 || code === 46 || code === 95
  );
}

/** Only words within the stretches where digits stand. */
function findDigits(search: ExactSearch): void {
  const { scan } = search;
  const { bounds, count, digits } = scan.tokens;
  let token = 0;
  for (let stretch = 0; stretch < digits.length; stretch += 2) {
    const end = digits[stretch + 1] ?? 0;
    token = firstTokenAt(bounds, { from: token, count, offset: digits[stretch] ?? 0 });
    for (; token < count && (bounds[token * 2] ?? 0) < end; token += 1) {
      if (token % WORDS_AT_ONCE === 0 && scan.isLate()) return;
      if (!search.words.hasDigit(token)) continue;
      findDateAt(search, token);
      findNumberAt(search, token);
      findAddressAt(search, token);
    }
  }
}

type From = { readonly from: number; readonly count: number; readonly offset: number };

function firstTokenAt(bounds: Int32Array, { from, count, offset }: From): number {
  let low = from;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bounds[middle * 2] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
