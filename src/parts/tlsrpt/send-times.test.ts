import { assert, domain as anyDomain, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import type { DomainDay } from "../../core/tls-results.ts";
import { isOver, lookAt, nextTryAt, sendAt, tryAt } from "./send-times.ts";

const HOUR_MS = 3_600_000;
const DAY = "2026-11-22";
const KEY = { gateway: "gateway.clinic.test", domain: "d.test" };
const END = Date.parse("2026-11-23T00:00:00Z");
const bare = (day: string): DomainDay => ({ day, policies: [], report: null });
const waiting = (day: string, nextAt: number | null): DomainDay => ({
  day,
  policies: [],
  report: { state: "waiting", tries: 1, at: 0, nextAt, targets: [] },
});

test("a report goes out within hours after its day is over, always at the same time", () => {
  assert(
    property(anyDomain(), anyDomain(), (gateway, domain) => {
      const after = sendAt(DAY, { gateway, domain }) - END;
      expect(after).toBeGreaterThanOrEqual(HOUR_MS / 2);
      expect(after).toBeLessThanOrEqual(5 * HOUR_MS);
      expect(sendAt(DAY, { gateway, domain }) - END).toBe(after);
      expect(sendAt("2026-11-23", { gateway, domain }) - END).toBe(after + 24 * HOUR_MS);
    }),
  );
});

test("reports are spread: no quarter of an hour gets many of them, and two gateways do not send at one time", () => {
  const times = Array.from({ length: 1_600 }, (_, n) => sendAt(DAY, { ...KEY, domain: `d${n}.test` }));
  const quarters = Map.groupBy(times, (at) => Math.floor(at / (HOUR_MS / 4)));
  expect(quarters.size).toBe(16);
  for (const inQuarter of quarters.values()) expect(inQuarter.length).toBeLessThan(200);
  expect(sendAt(DAY, { ...KEY, gateway: "other.clinic.test" })).not.toBe(sendAt(DAY, KEY));
});

describe("tries", () => {
  const first = sendAt(DAY, KEY);

  test("come with growing pauses until the report is a day late", () => {
    const minutes: number[] = [];
    let now = first;
    for (let tries = 1; tries < 100; tries++) {
      const next = nextTryAt(DAY, tries, { now, key: KEY });
      if (next === null) break;
      minutes.push((next - now) / 60_000);
      now = next;
    }
    expect(minutes.slice(0, 6)).toEqual([15, 30, 60, 120, 120, 120]);
    expect(now - first).toBeLessThanOrEqual(24 * HOUR_MS);
    expect(minutes.length).toBe(14);
  });

  test("are over a day after the first could have been made, whenever that is noticed", () => {
    assert(
      property(integer({ min: 0, max: 72 }), (hours) => {
        expect(isOver(DAY, { now: first + hours * HOUR_MS, key: KEY })).toBe(hours > 24);
      }),
    );
  });
});

test("a domain is looked at when the earliest of its days asks for it, and never where none does", () => {
  const first = sendAt(DAY, KEY);
  expect(tryAt(bare(DAY), KEY)).toBe(first);
  expect(tryAt(waiting(DAY, first + 5), KEY)).toBe(first + 5);
  expect(lookAt({ version: 1, days: [bare("2026-11-23"), waiting(DAY, first + 5)] }, KEY)).toBe(first + 5);
  expect(lookAt({ version: 1, days: [waiting(DAY, null)] }, KEY)).toBeNull();
  expect(lookAt({ version: 1, days: [] }, KEY)).toBeNull();
});
