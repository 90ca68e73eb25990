import * as fc from "fast-check";
import { expect, test } from "vitest";
import { codes, readCodes, WORD_CODES } from "./word-codes.ts";
import { hashWith, TOLD_BY_HASH_MAX, WordTable } from "./word-table.ts";

function idOf(table: WordTable, word: string): number {
  readCodes(word);
  let hash = 0;
  for (let i = 0; i < word.length; i += 1) hash = hashWith(hash, WORD_CODES[codes[i] ?? 0] ?? 0);
  const isShort = word.length <= TOLD_BY_HASH_MAX && /^[a-z]+$/i.test(word);
  return isShort ? table.idOfShort(hash) : table.idOf(hash, 0, word.length);
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

test("short words of a to z have hashes of their own, so that they need no look at their letters", () => {
  const hashOf = (word: string): number => Array.from(word, (each) => each.charCodeAt(0)).reduce(hashWith, 0);
  // What a letter adds is the same whatever stands beside it: each bit of a hash is told by one letter or the length.
  for (let length = 1; length <= TOLD_BY_HASH_MAX; length += 1) {
    const first = hashOf("a".repeat(length));
    let seen = 0;
    for (let at = 0; at < length; at += 1) {
      const bits = Array.from("bcdefghijklmnopqrstuvwxyz", (letter) => {
        return hashOf(`${"a".repeat(at)}${letter}${"a".repeat(length - at - 1)}`) ^ first;
      }).reduce((all, each) => all | each, 0);
      expect(seen & bits).toBe(0);
      seen |= bits;
    }
    expect(31 - Math.clz32(first)).toBe(5 * length + 1);
  }
  const letter = fc.constantFrom("a", "b", "o", "p", "y", "z");
  const word = fc.array(letter, { minLength: 1, maxLength: TOLD_BY_HASH_MAX }).map((letters) => letters.join(""));
  fc.assert(
    fc.property(word, word, (one, other) => (hashOf(one) === hashOf(other)) === (one === other)),
    {
      numRuns: 5_000,
    },
  );
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
