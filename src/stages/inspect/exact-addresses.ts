/** Addresses of an index in a text: a house number and the name of its street. See exact-values.ts. */
import { hasField } from "../../parts/edm/edm-fields.ts";
import { fold, isStreetSide } from "../../parts/edm/edm-values.ts";
import type { ExactSearch } from "./exact-values.ts";

const STREET_WORDS_MAX = 4;
const SIDES_MAX = 1;
const GAP = /^(?: |\. |-)$/;

/** An address that begins at this word. */
export function findAddressAt(search: ExactSearch, token: number): void {
  const { index, fields, words, found } = search;
  if (!hasField(fields, "address")) return;
  const house = fold(words.word(token));
  if (!/^\d{1,6}[a-z]?$/.test(house)) return;
  let value = house;
  let sides = 0;
  for (let last = token + 1; last <= token + STREET_WORDS_MAX + sides; last += 1) {
    if (!GAP.test(words.gap(last - 1) ?? "none")) return;
    const word = fold(words.word(last));
    if (isStreetSide(word) && sides < SIDES_MAX) {
      sides += 1;
      continue;
    }
    value += ` ${word}`;
    if (!index.mayHold("address", value)) continue;
    found.push({ start: words.start(token), end: words.end(last), field: "address", value, isPlain: false });
  }
}
