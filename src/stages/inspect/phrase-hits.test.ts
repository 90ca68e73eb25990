import * as fc from "fast-check";
import { expect, test } from "vitest";
import { PhraseIndex } from "./tokens.ts";

const word = fc.constantFrom("a", "b", "c", "d");
const phrase = fc.array(word, { minLength: 1, maxLength: 3 });

/** Word by word, the longest phrase that begins there; what it covers is passed over. */
function slowly(phrases: readonly (readonly string[])[], words: readonly string[]): readonly string[] {
  const found: string[] = [];
  for (let at = 0; at < words.length;) {
    const fitting = phrases.filter((each) => each.every((one, index) => words[at + index] === one));
    const length = Math.max(0, ...fitting.map((each) => each.length));
    if (length > 0) found.push(`${at}-${at + length}`);
    at += Math.max(1, length);
  }
  return found;
}

test("of every set the longest phrases are found, in order, and none that overlap", () => {
  fc.assert(
    fc.property(fc.array(fc.array(phrase, { maxLength: 5 }), { maxLength: 3 }), fc.array(word), (sets, words) => {
      const index = new PhraseIndex();
      const numbers = sets.map((phrases) => index.addSet(phrases.map((each) => each.join(" "))));
      const { hits, sets: found } = index.scan(words.join(" "));
      const told = numbers.map((set) => hits.of(set).map(({ token, tokens }) => `${token}-${token + tokens}`));
      const expected = sets.map((phrases) => slowly(phrases, words));
      expect(told).toEqual(expected);
      const isFound = expected.map((each) => each.length > 0);
      expect(numbers.map((set) => hits.has(set))).toEqual(isFound);
      expect(numbers.map((set) => found.includes(set))).toEqual(isFound);
    }),
  );
});

test("a hit tells its phrase and its place", () => {
  const index = new PhraseIndex();
  index.addSet(["flu"]);
  const set = index.addSet(["gout", "type 2 diabetes"]);
  expect(index.scan("flu, Type 2-diabetes").hits.of(set)).toEqual([
    { start: 5, end: 20, token: 1, tokens: 3, phrase: 1 },
  ]);
});
