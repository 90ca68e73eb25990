import { expect, test } from "vitest";
import { NoticeBudget } from "./notice-budget.ts";
import type { Due, SentBefore } from "./notice-budget.ts";

const HOUR_MS = 3_600_000;
const none: SentBefore = async () => 0;

test("each person has so many an hour, and as many the next; the last one is told to be", async () => {
  const budget = new NoticeBudget(0);
  let count = 0;
  const take = (whom: string, now: number): Promise<Due> =>
    budget.take(whom, { message: `m${++count}`, now, max: 2 }, none);
  expect([await take("a", 0), await take("a", 1), await take("a", 2), await take("b", 3)]).toEqual([
    "yes",
    "last",
    "no",
    "yes",
  ]);
  expect([await take("a", HOUR_MS - 1), await take("a", HOUR_MS), await take("a", HOUR_MS)]).toEqual([
    "no",
    "yes",
    "last",
  ]);
});

test("a message that comes again, because it could not be written, takes no second one", async () => {
  const budget = new NoticeBudget(0);
  const take = (message: string): Promise<Due> => budget.take("a", { message, now: 0, max: 2 }, none);
  expect([await take("m1"), await take("m1"), await take("m1"), await take("m2"), await take("m3")]).toEqual([
    "yes",
    "yes",
    "yes",
    "last",
    "no",
  ]);
});

test("what was sent before a restart in the same hour counts, and is asked for once", async () => {
  const asked: number[] = [];
  const sentBefore: SentBefore = async (since) => {
    asked.push(since);
    return 3;
  };
  const budget = new NoticeBudget(HOUR_MS + 5);
  const take = (message: string, now: number): Promise<Due> => budget.take("a", { message, now, max: 4 }, sentBefore);
  expect(await Promise.all(["m1", "m2", "m3"].map((message) => take(message, HOUR_MS + 10)))).toEqual([
    "last",
    "no",
    "no",
  ]);
  expect(await take("m4", 2 * HOUR_MS)).toBe("yes");
  expect(asked).toEqual([HOUR_MS]);
});

test("where the queue cannot say, nothing is taken, and it is asked again", async () => {
  const budget = new NoticeBudget(0);
  const request = { message: "m", now: 0, max: 1 };
  await expect(budget.take("a", request, () => Promise.reject(new Error("no disk")))).rejects.toThrow("no disk");
  expect(await budget.take("a", request, none)).toBe("last");
});

test("of more people than are counted the further ones are told nothing", async () => {
  const budget = new NoticeBudget(0);
  const take = (whom: string): Promise<Due> => budget.take(whom, { message: whom, now: 0, max: 5 }, none);
  await Promise.all(Array.from({ length: 20_000 }, (_, i) => take(`p${i}`)));
  expect([await take("one more"), await take("p7")]).toEqual(["no", "yes"]);
});
