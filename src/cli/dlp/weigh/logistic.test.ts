import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fitWeights } from "./logistic.ts";
import type { Row } from "./logistic.ts";

function row(features: readonly number[], isPositive: boolean, times = 1): Row {
  return { features: Int32Array.from(features), isPositive, times };
}

const SCALES = Float64Array.of(1, 1);
const ROWS = [row([0], true), row([0], true), row([1], false), row([1], false), row([0, 1], true), row([], false)];

test("what stands in one kind of rows speaks for it", () => {
  const [first = 0, second = 0, base = 0] = fitWeights({ rows: ROWS, scales: SCALES, cost: 1 });
  expect(first).toBeGreaterThan(0.5);
  expect(second).toBeLessThan(0);
  expect(base).toBeLessThan(0.2);
});

test("a feature that is believed less gets less weight, and so does everything under a lower cost", () => {
  const [first = 0] = fitWeights({ rows: ROWS, scales: SCALES, cost: 1 });
  const [scaled = 0] = fitWeights({ rows: ROWS, scales: Float64Array.of(0.2, 1), cost: 1 });
  const [cheap = 0] = fitWeights({ rows: ROWS, scales: SCALES, cost: 0.1 });
  expect(scaled).toBeLessThan(first);
  expect(cheap).toBeLessThan(first);
});

test("a row that counts twice is as two rows", () => {
  const twice = fitWeights({ rows: [row([0], true, 2), row([], false)], scales: Float64Array.of(1), cost: 1 });
  const two = fitWeights({
    rows: [row([0], true), row([0], true), row([], false)],
    scales: Float64Array.of(1),
    cost: 1,
  });
  for (const [index, weight] of twice.entries()) expect(weight).toBeCloseTo(two[index] ?? Number.NaN, 3);
});

/** The problem has one lowest point: there the slope is nothing in every direction. */
test("no small change of any weight makes a fit better", () => {
  const rows = fc.array(
    fc.record({
      features: fc.uniqueArray(fc.integer({ min: 0, max: 4 })).map((each) => Int32Array.from(each)),
      isPositive: fc.boolean(),
      times: fc.constantFrom(0.5, 1, 3),
    }),
    { minLength: 1, maxLength: 30 },
  );
  const priceOf = (all: readonly Row[], weights: Float64Array): number =>
    weights.reduce((sum, weight) => sum + (weight * weight) / 2, 0) +
    all.reduce((sum, { features, isPositive, times }) => {
      const f = features.reduce((total, feature) => total + (weights[feature] ?? 0), weights[5] ?? 0);
      return sum + times * Math.log1p(Math.exp(isPositive ? -f : f));
    }, 0);
  fc.assert(
    fc.property(rows, fc.integer({ min: 0, max: 5 }), fc.constantFrom(-0.01, 0.01), (all, index, change) => {
      const best = fitWeights({ rows: all, scales: new Float64Array(5).fill(1), cost: 1 });
      const other = Float64Array.from(best);
      other[index] = (other[index] ?? 0) + change;
      expect(priceOf(all, other)).toBeGreaterThan(priceOf(all, best));
    }),
  );
});
