import { expect, test } from "vitest";
import { NoticeBudget } from "./notice-budget.ts";

const HOUR_MS = 3_600_000;

test("each person has so many an hour, and as many the next", () => {
  const budget = new NoticeBudget();
  const take = (whom: string, now: number): boolean => budget.take(whom, { now, max: 2 });
  expect([take("a", 0), take("a", 1), take("a", 2), take("b", 3)]).toEqual([true, true, false, true]);
  expect([take("a", HOUR_MS - 1), take("a", HOUR_MS), take("a", HOUR_MS)]).toEqual([false, true, true]);
});

test("of more people than are counted the further ones are told nothing", () => {
  const budget = new NoticeBudget();
  for (let i = 0; i < 20_000; i++) budget.take(`p${i}`, { now: 0, max: 5 });
  expect(budget.take("one more", { now: 0, max: 5 })).toBe(false);
  expect(budget.take("p7", { now: 0, max: 5 })).toBe(true);
});
