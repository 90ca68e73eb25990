import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { SpareTime } from "./spare-time.ts";

function fail(error: unknown): void {
  throw error;
}

describe("spare time", () => {
  test("is while something is waited for: what was put off runs then, in order, and once", async () => {
    const spare = new SpareTime(fail);
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
    const spare = new SpareTime(fail);
    const ran: number[] = [];
    for (const round of [1, 2]) {
      await new Promise<void>((resolve) => {
        spare.add(() => ran.push(round));
        spare.add(() => resolve());
      });
    }
    expect(ran).toEqual([1, 2]);
  });

  test("a task that throws is told, and takes no other with it", async () => {
    const told: unknown[] = [];
    const spare = new SpareTime((error) => told.push(error));
    const ran: number[] = [];
    const broken = new Error("no log");
    spare.add(() => ran.push(1));
    spare.add(() => fail(broken));
    spare.add(() => ran.push(3));
    await sleep(30);
    expect({ ran, told }).toEqual({ ran: [1, 3], told: [broken] });
  });

  test("passes on how what is waited for fails", async () => {
    await expect(new SpareTime(fail).during(Promise.reject(new Error("no disk")))).rejects.toThrow("no disk");
  });
});
