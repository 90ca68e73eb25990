import { expect, test } from "vitest";
import type { QueueCounts } from "../../core/queue-store.ts";
import type { Supervisor } from "./notifier.ts";
import { statusLine, wordOfLife } from "./word-of-life.ts";

function supervisor(watchdogMs: number | null): { readonly said: string[]; readonly seam: Supervisor } {
  const said: string[] = [];
  const silent = async (): Promise<void> => undefined;
  const alive = async (status: string): Promise<void> => void said.push(status);
  return { said, seam: { watchdogMs, ready: silent, reloading: silent, stopping: silent, alive } };
}

const counts = (byState: QueueCounts["byState"]): Pick<QueueCounts, "byState"> => ({ byState });
const never = new AbortController().signal;

test("a word of life goes out behind the store's answer, three times within the watchdog's patience", async () => {
  const { said, seam } = supervisor(30_000);
  const { promise, resolve } = Promise.withResolvers<Pick<QueueCounts, "byState">>();
  const duty = wordOfLife(seam, () => promise);
  expect(duty.everyMs).toBe(10_000);
  const run = duty.run(never);
  await Promise.resolve();
  expect(said).toEqual([]);
  resolve(counts({ deferred: 2 }));
  await run;
  expect(said).toEqual(["serving; deferred 2"]);
});

test("a store that does not answer is silence, and an end is not kept waiting by it", async () => {
  const { said, seam } = supervisor(30_000);
  const end = new AbortController();
  const hung = new Promise<QueueCounts>(() => undefined);
  const run = wordOfLife(seam, () => hung).run(end.signal);
  end.abort();
  await run;
  await wordOfLife(seam, () => hung).run(end.signal);
  expect(said).toEqual([]);
});

test("a store that refuses is silence, and the duty says that it failed", async () => {
  const { said, seam } = supervisor(30_000);
  await expect(wordOfLife(seam, () => Promise.reject(new Error("latched"))).run(never)).rejects.toThrow("latched");
  expect(said).toEqual([]);
});

test("without a watchdog the status line is still renewed", () => {
  expect(wordOfLife(supervisor(null).seam, async () => counts({})).everyMs).toBe(60_000);
});

test("the status line holds numbers of recipients, and no state that nobody is in", () => {
  expect(statusLine(counts({}))).toBe("serving");
  expect(statusLine(counts({ deferred: 12, held: 1, ready: 0 }))).toBe("serving; deferred 12, held 1");
});
