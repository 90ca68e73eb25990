import { expect, test } from "vitest";
import { pricesOf } from "./rule-need.ts";
import type { PricedDetector } from "./rule-need.ts";

const near = { words: ["claim"], within: 60, side: "both" as const };
const TABLE: readonly [string, Omit<PricedDetector, "id">, boolean][] = [
  ["a pattern searched wherever a digit stands", { type: "regex" }, true],
  ["one that counts without a word too", { type: "regex", confidence: [{ level: 40 }, { level: 65, near }] }, true],
  ["one with keywords", { type: "regex", keywords: ["claim"] }, false],
  ["one whose every level needs a word", { type: "regex", confidence: [{ level: 65, near }] }, false],
  ["a dictionary", { type: "dictionary" }, false],
];

test.each(TABLE)("%s is as dear as it is to find", (_, entry, isDear) => {
  expect(pricesOf([{ id: "a", ...entry }])("a") > 1).toBe(isDear);
});
