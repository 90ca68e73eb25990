import { expect, test } from "vitest";
import { Gate } from "./gate.ts";
import { SingleFlight } from "./single-flight.ts";

test("a gate lets so many in at once and hands each freed place to the longest waiting", async () => {
  const gate = new Gate(2);
  const entered: number[] = [];
  const leave: (() => void)[] = [];
  const visit = (visitor: number): Promise<void> =>
    gate.pass(() => {
      entered.push(visitor);
      return new Promise((resolve) => leave.push(resolve));
    });
  const visits = [visit(1), visit(2), visit(3), visit(4)];
  await Promise.resolve();
  expect(entered).toEqual([1, 2]);
  leave[0]?.();
  await visits[0];
  expect(entered).toEqual([1, 2, 3]);
  leave[1]?.();
  await visits[1];
  expect(entered).toEqual([1, 2, 3, 4]);
});

test("a gate stays open after work that failed", async () => {
  const gate = new Gate(1);
  await expect(gate.pass(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await gate.pass(() => Promise.resolve("next"))).toBe("next");
});

test("a gate without a place is refused", () => {
  expect(() => new Gate(0)).toThrow(RangeError);
});

test("the work of a flight is aborted when its last waiter gives up, and a new caller starts afresh", async () => {
  const flights = new SingleFlight<string>();
  const signals: AbortSignal[] = [];
  const never = (signal: AbortSignal): Promise<string> => {
    signals.push(signal);
    return new Promise(() => undefined);
  };
  const [first, second] = [new AbortController(), new AbortController()];
  const waits = [flights.join("k", never, first.signal), flights.join("k", never, second.signal)];
  first.abort();
  expect(await waits[0]).toBeNull();
  expect(signals[0]?.aborted).toBe(false);
  second.abort();
  expect(await waits[1]).toBeNull();
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  expect(await flights.join("k", () => Promise.resolve("fresh"))).toBe("fresh");
});

test("a failure of the work reaches every waiter", async () => {
  const flights = new SingleFlight<string>();
  const fail = (): Promise<string> => Promise.reject(new Error("bug"));
  const waits = await Promise.allSettled([flights.join("k", fail), flights.join("k", fail)]);
  expect(waits.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
