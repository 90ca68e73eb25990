import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { STRETCH_CHARS } from "./word-codes.ts";
import { wordRunsIn } from "./word-runs.ts";
import type { WordRuns } from "./word-runs.ts";

const NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "oh"];
const WORD = `(?:${NUMBERS.join("|")})`;

type Case = {
  readonly kind: keyof WordRuns;
  readonly pattern: RegExp;
  readonly words: readonly string[];
  readonly gaps: readonly string[];
};

const CASES: readonly Case[] = [
  {
    kind: "apart",
    pattern: /\b[A-Za-z0-9](?:[ \t.-]{1,3}[A-Za-z0-9]\b){4}/,
    words: ["a", "B", "7", "z", "é", "ab", "_"],
    gaps: [" ", "\t", ".", "-", ". ", "   ", "    ", ",", "\n", "_", ""],
  },
  {
    kind: "told",
    pattern: new RegExp(`\\b${WORD}(?:[ ,-]{1,3}${WORD}\\b){3}`, "i"),
    words: [...NUMBERS, "One", "OH", "sEvEn", "ones", "on", "x", "1", "\u017Fix"],
    gaps: [" ", ",", "-", ", ", " - ", "    ", ".", "\n", "_", "é", ""],
  },
];

describe.each(CASES)("a run of words $kind", ({ kind, pattern, words, gaps }) => {
  const joined = (from: readonly string[], by: readonly string[]): fc.Arbitrary<string> =>
    fc.tuple(fc.constantFrom(...from), fc.constantFrom(...by)).map((each) => each.join(""));
  const piece = fc.oneof(
    { weight: 9, arbitrary: joined(words.slice(0, 4), gaps.slice(0, 5)) },
    { weight: 1, arbitrary: joined(words, gaps) },
  );

  test("is seen where its pattern sees one, and nowhere else in a short text", () => {
    const seen = { yes: 0, no: 0 };
    const text = fc
      .tuple(fc.string({ maxLength: 20 }), fc.array(piece, { maxLength: 12 }), fc.string({ maxLength: 20 }))
      .map(([before, pieces, after]) => before + pieces.join("") + after);
    fc.assert(
      fc.property(text, (each) => {
        const expected = pattern.test(each);
        seen[expected ? "yes" : "no"] += 1;
        expect(wordRunsIn(each)[kind]).toBe(expected);
      }),
      { numRuns: 4_000 },
    );
    expect(Math.min(seen.yes, seen.no)).toBeGreaterThan(400);
  });

  test("is seen wherever in a text it begins, also across two stretches", () => {
    const shortest = kind === "apart" ? "a b c d 5" : "oh oh oh oh";
    const longest = kind === "apart" ? "a - b - c - d - 5" : "three - seven - eight - three";
    for (const run of [shortest, longest]) {
      for (let at = 0; at < 40; at += 1) {
        expect(wordRunsIn(`${"ww".repeat(at)} ${run}`)[kind]).toBe(true);
        expect(wordRunsIn(`${"ww".repeat(at)} ${run}${" w.".repeat(40 - at)}`)[kind]).toBe(true);
        expect(wordRunsIn(`${"ww".repeat(at)} ${run}ww`)[kind]).toBe(false);
      }
      for (let before = 1; before < 140; before += 1) {
        const text = `${"w".repeat(STRETCH_CHARS - before)} ${run}, ${"w".repeat(STRETCH_CHARS)}`;
        expect(wordRunsIn(text)[kind]).toBe(true);
      }
    }
  });
});
