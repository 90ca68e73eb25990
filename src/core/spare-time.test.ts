import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { SpareTime } from "./spare-time.ts";

describe("spare time", () => {
  test("is while something is waited for: what was put off runs then, in order, and once", async () => {
    const spare = new SpareTime();
    const { promise, resolve } = Promise.withResolvers<string>();
    const ran: number[] = [];
    spare.add(() => ran.push(1));
    spare.add(() => ran.push(2));
    expect(ran).toEqual([]);
    const waiting = spare.during(promise);
    expect(ran).toEqual([]);
    await new Promise(setImmediate);
    expect(ran).toEqual([1, 2]);
    resolve("done");
    expect(await waiting).toBe("done");
    await sleep(10);
    expect(ran).toEqual([1, 2]);
  });

  test("is taken soon where nothing is waited for, again and again", async () => {
    const spare = new SpareTime();
    const ran: number[] = [];
    for (const round of [1, 2]) {
      await new Promise<void>((resolve) => {
        spare.add(() => ran.push(round));
        spare.add(() => resolve());
      });
    }
    expect(ran).toEqual([1, 2]);
  });

  test("passes on how what is waited for fails", async () => {
    await expect(new SpareTime().during(Promise.reject(new Error("no disk")))).rejects.toThrow("no disk");
  });
});
