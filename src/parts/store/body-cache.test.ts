import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BodyCache } from "./body-cache.ts";

const PERIOD_MS = 20_000;

describe("the body cache", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("gives back what was put in, and nothing it was not given", () => {
    const cache = new BodyCache(100);
    const body = Buffer.alloc(10, 1);
    cache.put("a", body);
    expect(cache.get("a")).toBe(body);
    expect(cache.get("b")).toBeNull();
  });

  test("holds its limit of bytes at most, the latest ones", () => {
    const cache = new BodyCache(100);
    const names = Array.from({ length: 40 }, (_, index) => `body-${index}`);
    for (const name of names) cache.put(name, Buffer.alloc(10));
    const held = names.filter((name) => cache.get(name) !== null);
    expect(held.length * 10).toBeLessThanOrEqual(100);
    expect(held).toContain("body-39");
    expect(held).not.toContain("body-0");
  });

  test("what is asked for again stays while others come and go", () => {
    const cache = new BodyCache(100);
    cache.put("asked", Buffer.alloc(10));
    for (let count = 0; count < 40; count += 1) {
      cache.put(`other-${count}`, Buffer.alloc(10));
      expect(cache.get("asked")).not.toBeNull();
    }
  });

  test("forgets what nobody asked for", () => {
    const cache = new BodyCache(100);
    cache.put("a", Buffer.alloc(10));
    vi.advanceTimersByTime(2 * PERIOD_MS);
    expect(cache.get("a")).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a deleted body is gone, and makes room", () => {
    const cache = new BodyCache(40);
    cache.put("a", Buffer.alloc(20));
    cache.delete("a");
    cache.put("b", Buffer.alloc(20));
    cache.put("c", Buffer.alloc(20));
    expect([cache.get("a"), cache.get("b") === null, cache.get("c") === null]).toEqual([null, false, false]);
  });

  test("a body too large for it, or a limit of 0, is not kept", () => {
    const cache = new BodyCache(0);
    cache.put("a", Buffer.alloc(1));
    expect(cache.get("a")).toBeNull();
  });
});
