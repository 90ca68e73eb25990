import { expect, test } from "vitest";
import { allOrThrow, doneWithin, Turns } from "./patience.ts";

const never = new Promise<string>(() => {});

test("what is done in time goes on, and what still runs is handed back as it is", async () => {
  const quick = Promise.resolve("quick");
  expect(await doneWithin([never, quick], 5)).toEqual({ done: ["quick"], left: [never] });
});

test("nobody waits out the patience when all are done", async () => {
  const { done, left } = await doneWithin([Promise.resolve("a"), Promise.resolve("b")], 3_600_000);
  expect([done, left]).toEqual([["a", "b"], []]);
});

test("a task that failed is handed back for whoever awaits it, and takes no other with it", async () => {
  const broken = Promise.reject(new Error("broken"));
  const { done, left } = await doneWithin([broken, Promise.resolve("well")], 5);
  expect(done).toEqual(["well"]);
  await expect(left[0]).rejects.toThrow("broken");
});

test("a failure is passed on only when everything is over", async () => {
  let isOver = false;
  const slow = (async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    isOver = true;
  })();
  await expect(allOrThrow([Promise.reject(new Error("first")), slow])).rejects.toThrow("first");
  expect(isOver).toBe(true);
});

test("turns are taken one after the other, also after one that failed", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = turns.take(async () => {
    await promise;
    seen.push("first");
    throw new Error("broken");
  });
  const second = turns.take(async () => void seen.push("second"));
  await Promise.resolve();
  expect(seen).toEqual([]);
  resolve();
  await expect(first).rejects.toThrow("broken");
  await second;
  expect(seen).toEqual(["first", "second"]);
});
