import { array, assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { BoundedLabel, OTHER } from "./bounded-label.ts";

test.each(["ann@clinic.test", "a b", "", "x".repeat(101), "line\nbreak", 'quo"te', "<ann>", "@clinic.test", "ä"])(
  "%j is no value of a label",
  (text) => {
    expect(new BoundedLabel(10).of(text)).toBe(OTHER);
  },
);

test("names that were seen keep their place, and those beyond the limit share one", () => {
  const label = new BoundedLabel(2);
  expect(["a", "b", "c", "a", "d"].map((text) => label.of(text))).toEqual(["a", "b", OTHER, "a", OTHER]);
});

test("whatever comes, a label has no more values than its limit and one", () => {
  assert(
    property(array(string(), { maxLength: 200 }), (texts) => {
      const label = new BoundedLabel(5);
      expect(new Set(texts.map((text) => label.of(text))).size).toBeLessThanOrEqual(6);
    }),
  );
});
