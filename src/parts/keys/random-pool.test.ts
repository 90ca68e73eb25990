import { expect, test } from "vitest";
import { freshBytes } from "./random-pool.ts";

test("no byte of the pool is given out twice, across draws and beyond the size of one", () => {
  const places = new Set<string>();
  const sizes = [...Array.from({ length: 2_000 }, (_, i) => 5 + (i % 44)), 100_000];
  for (const size of sizes) {
    const bytes = freshBytes(size);
    expect(bytes).toHaveLength(size);
    expect(bytes.every((byte) => byte === 0)).toBe(false);
    bytes.fill(0);
    places.add(freshBytes(16).toString("hex"));
  }
  expect(places.size).toBe(sizes.length);
});
