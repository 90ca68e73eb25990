import { expect, test } from "vitest";
import { ByteGate } from "./byte-gate.ts";

type Job = { readonly done: Promise<void>; readonly finish: () => void; readonly isRunning: () => boolean };

function job(gate: ByteGate, bytes: number): Job {
  const { promise, resolve } = Promise.withResolvers<void>();
  let running = false;
  const done = gate.run(bytes, async () => {
    running = true;
    await promise;
    running = false;
  });
  return { done, finish: resolve, isRunning: () => running };
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test("work passes while its bytes fit under the cap and waits otherwise, in order", async () => {
  const gate = new ByteGate(100);
  const [a, b, c] = [job(gate, 60), job(gate, 50), job(gate, 10)];
  await turn();
  expect([a.isRunning(), b.isRunning(), c.isRunning()]).toEqual([true, false, false]);
  a.finish();
  await a.done;
  await turn();
  expect([b.isRunning(), c.isRunning()]).toEqual([true, true]);
  b.finish();
  c.finish();
  await Promise.all([b.done, c.done]);
});

test("what is larger than the cap passes alone", async () => {
  const gate = new ByteGate(100);
  const big = job(gate, 1_000_000);
  const small = job(gate, 1);
  await turn();
  expect([big.isRunning(), small.isRunning()]).toEqual([true, false]);
  big.finish();
  await big.done;
  await turn();
  expect(small.isRunning()).toBe(true);
  small.finish();
  await small.done;
});

test("work that fails gives its share back", async () => {
  const gate = new ByteGate(10);
  await expect(gate.run(10, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  await expect(gate.run(10, () => Promise.resolve("next"))).resolves.toBe("next");
});
