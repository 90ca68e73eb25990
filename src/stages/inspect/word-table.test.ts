import * as fc from "fast-check";
import { expect, test } from "vitest";
import { codes, readCodes, WORD_CODES } from "./word-codes.ts";
import { hashWith, WordTable } from "./word-table.ts";

function idOf(table: WordTable, word: string): number {
  readCodes(word);
  let hash = 0;
  for (let i = 0; i < word.length; i += 1) hash = hashWith(hash, WORD_CODES[codes[i] ?? 0] ?? 0);
  return table.idOf(hash, 0, word.length);
}

test("each word keeps its number however many come, and no other word has one", () => {
  const word = fc.stringMatching(/^[a-zé0-9]{1,14}$/);
  fc.assert(
    fc.property(fc.uniqueArray(word, { maxLength: 400 }), fc.array(word), (known, others) => {
      const table = new WordTable();
      const ids = known.map((each) => table.intern(each));
      expect(ids).toEqual(known.map((_, index) => index + 1));
      expect(known.map((each) => table.intern(each))).toEqual(ids);
      expect(known.map((each) => idOf(table, each))).toEqual(ids);
      for (const other of others) expect(idOf(table, other)).toBe(known.indexOf(other) + 1);
    }),
    { numRuns: 30 },
  );
});

test("thousands of words are told apart, whatever the case of ASCII", () => {
  const table = new WordTable();
  const words = Array.from({ length: 20_000 }, (_, index) => `w${index.toString(36)}`);
  for (const word of words) table.intern(word);
  expect(words.every((word, index) => idOf(table, word.toUpperCase()) === index + 1)).toBe(true);
  expect(idOf(table, "w")).toBe(0);
});

test("words of one hash are told apart by their letters", () => {
  const table = new WordTable();
  // The last letter of one makes up for what the first one changes 35 bits on.
  const hashOf = (word: string): number => Array.from(word, (each) => each.charCodeAt(0)).reduce(hashWith, 0);
  const letters = Array.from("abcdefghijklmnopqrstuvwxyz0123456789");
  const pairs = letters.flatMap((a) => letters.map((b) => `${a}bcdefg${b}`));
  const byHash = Map.groupBy(pairs, hashOf);
  const same = byHash.values().find((words) => words.length > 1) ?? [];
  expect(same.length).toBeGreaterThan(1);
  const [first = "", second = ""] = same;
  expect(table.intern(first)).toBe(1);
  expect(idOf(table, second)).toBe(0);
  expect([table.intern(second), idOf(table, first)]).toEqual([2, 1]);
});
