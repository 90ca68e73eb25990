import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lowerCase } from "./normalise.ts";
import { PhraseIndex, wordsOf } from "./tokens.ts";

function find(phrases: readonly string[], text: string): readonly string[] {
  const index = new PhraseIndex();
  const set = index.addSet(phrases);
  return index
    .scan(lowerCase(text))
    .hits.of(set)
    .map((hit) => text.slice(hit.start, hit.end));
}

describe("phrases are found", () => {
  test.each([
    ["as whole words only", ["lic"], "public lic licence", ["lic"]],
    ["whatever their case", ["mrn"], "Mrn MRN", ["Mrn", "MRN"]],
    ["longest first", ["diabetes", "type 2 diabetes"], "type 2 diabetes", ["type 2 diabetes"]],
    ["shorter where the longer breaks off", ["type 2", "type 2 diabetes"], "type 2 error", ["type 2"]],
    ["over hyphens and line breaks", ["covid 19", "x ray"], "COVID-19 x\nray", ["COVID-19", "x\nray"]],
    ["not over a sentence end or a colon", ["a b"], "a: b a? b a\tb", []],
    ["not over a wide gap", ["a b"], "a     b", []],
    [
      "with a possessive",
      ["parkinson's disease", "alzheimer"],
      "Parkinson's disease, Alzheimer's",
      ["Parkinson's disease", "Alzheimer"],
    ],
    ["beside accents", ["crohn"], "écrohn crohn", ["crohn"]],
  ] as const)("%s", (_, phrases, text, expected) => {
    expect(find(phrases, text)).toEqual(expected);
  });

  test("of several sets at one place", () => {
    const index = new PhraseIndex();
    const first = index.addSet(["hiv"]);
    const second = index.addSet(["hiv", "flu"]);
    const { hits } = index.scan("hiv flu");
    expect([hits.of(first).length, hits.of(second).length]).toEqual([1, 2]);
  });
});

test("no digit stands outside of the stretches told", () => {
  const piece = fc.constantFrom("7", "ab", "a1b", "é2", "é", " ", " ".repeat(40), "-", "\n");
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join("");
      const { digits } = new PhraseIndex().scan(text).tokens;
      const outside = text.split("");
      for (let i = 0; i < digits.length; i += 2) outside.fill(".", digits[i], digits[i + 1]);
      expect(outside.join("")).not.toMatch(/\d/);
    }),
  );
});

test("words keep their places over the stretches of a long text", () => {
  const piece = fc.constantFrom(
    "flu ",
    "gout-",
    "É flu",
    "x".repeat(40_000),
    " ".repeat(32_765),
    "flu".repeat(9),
    "y ",
  );
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => {
      const text = pieces.join("");
      const expected = Array.from(text.matchAll(/[a-zÉ]+/g), ({ index }) => index);
      const index = new PhraseIndex();
      index.addSet(["flu", "gout"]);
      const { tokens, hits } = index.scan(text);
      const starts = Array.from({ length: tokens.count }, (_, token) => tokens.bounds[token * 2]);
      expect(starts).toEqual(expected);
      const known = Array.from(text.matchAll(/(?<![a-zÉ])(?:flu|gout)(?![a-zÉ])/g), ({ index }) => index);
      expect(hits.of(0).map((hit) => hit.start)).toEqual(known);
    }),
    { numRuns: 60 },
  );
});

test("the tokeniser sees a phrase as it sees a text", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9'é.-]{1,12}( [a-z0-9'é.-]{1,12}){0,3}$/), (phrase) => {
      const words = wordsOf(phrase);
      fc.pre(words.length > 0 && words.length <= 8 && !/[^a-z0-9é]{4,}/.test(phrase));
      expect(find([phrase], `ω; ${phrase} ;ω`)).toHaveLength(1);
    }),
  );
});
