import { describe, expect, test } from "vitest";
import { messageIdMaker } from "./message-id.ts";

function clockOf(times: readonly number[]) {
  let at = 0;
  return {
    now: () => times[Math.min(at++, times.length - 1)] ?? 0,
    monotonic: () => 0,
  };
}

describe("message ids", () => {
  test("begin with the time in the ULID layout", () => {
    expect(messageIdMaker(clockOf([1_469_918_176_385]))().slice(0, 10)).toBe("01ARYZ6S41");
  });

  test.each([
    ["the clock stands", [1_000]],
    ["the clock steps back", [5_000, 4_000, 3_000, 5_000]],
    ["the clock runs", Array.from({ length: 2_000 }, (_, i) => i)],
  ])("are unique and sort in the order they were made while %s", (_name, times) => {
    const next = messageIdMaker(clockOf(times));
    const ids = Array.from({ length: 2_000 }, () => next());
    expect(new Set(ids).size).toBe(2_000);
    expect([...ids].sort()).toEqual(ids);
  });

  test("of the same millisecond do not follow from one another", () => {
    const next = messageIdMaker(clockOf([1_000]));
    // Counting by ones would leave all but the last two characters alike.
    const middles = Array.from({ length: 100 }, () => next().slice(-8, -2));
    expect(new Set(middles).size).toBeGreaterThan(95);
  });

  test("of two makers at the same time differ", () => {
    expect(messageIdMaker(clockOf([1_000]))()).not.toBe(messageIdMaker(clockOf([1_000]))());
  });
});
