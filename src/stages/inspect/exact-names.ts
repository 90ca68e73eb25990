/** Names of an index in a text: two words of one name near each other, in whatever order. See exact-values.ts. */
import { hasField } from "../../parts/edm/edm-fields.ts";
import { fold, pairValue } from "../../parts/edm/edm-values.ts";
import type { ExactSearch } from "./exact-values.ts";

/** Words from one part of a name to the other: `Surname: Smith, Given name: Anna`. */
const REACH_WORDS = 4;
const REACH_CHARS = 48;
const SURNAME_LETTERS_MIN = 3;
const WORDS_AT_ONCE = 4_096;

export function findNameHits(search: ExactSearch): void {
  const { scan, index, fields, words } = search;
  const seeksPairs = hasField(fields, "name");
  const seeksSurnames = hasField(fields, "surname");
  /** Words that are part of somebody's name, the last few. */
  const tokens = new Int32Array(REACH_WORDS);
  const hashes = new Int32Array(REACH_WORDS);
  let known = 0;
  for (let token = 0; token < words.count; token += 1) {
    if (token % WORDS_AT_ONCE === 0 && scan.isLate()) return;
    const hash = words.hash(token);
    if (!index.mayBeName(hash)) continue;
    if (seeksPairs) {
      for (let back = 1; back <= Math.min(known, REACH_WORDS); back += 1) {
        const slot = (known - back) % REACH_WORDS;
        const other = tokens[slot] ?? 0;
        if (token - other > REACH_WORDS || words.start(token) - words.end(other) > REACH_CHARS) break;
        if (index.mayBePair(hashes[slot] ?? 0, hash)) addPair(search, other, token);
      }
      tokens[known % REACH_WORDS] = token;
      hashes[known % REACH_WORDS] = hash;
      known += 1;
    }
    if (seeksSurnames && index.mayBe("surname", hash)) addSurname(search, token);
  }
}

function addPair({ words, found }: ExactSearch, first: number, last: number): void {
  const value = pairValue(fold(words.word(first)), fold(words.word(last)));
  found.push({ start: words.start(first), end: words.end(last), field: "name", value, isPlain: true });
}

/** A surname alone is a common word too often: only where it is written as a name. */
function addSurname({ words, found }: ExactSearch, token: number): void {
  if (words.end(token) - words.start(token) < SURNAME_LETTERS_MIN || !words.isCapital(token)) return;
  const value = fold(words.word(token));
  found.push({ start: words.start(token), end: words.end(token), field: "surname", value, isPlain: false });
}
