import { describe, expect, test } from "vitest";
import { daysLeft, expiryLevel, validityOf } from "./certificates.ts";
import { DiskForecast } from "./forecast.ts";
import { RecentCount } from "./recent-count.ts";
import { stalledMs } from "./stalled-queue.ts";
import { Volume } from "./volume.ts";
import type { Name, VolumeLimits } from "./volume.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = 1000 * DAY;

describe("a queue stands still", () => {
  test.each<readonly [string, number | null, number, number, number | null]>([
    ["not when nothing waits", null, 0, NOW - DAY, null],
    ["not when what waits is not due", NOW + HOUR, 0, NOW - DAY, null],
    ["not when it is due since a moment", NOW - MINUTE, 0, NOW - DAY, null],
    ["not while others move", NOW - DAY, 200, NOW - MINUTE, null],
    ["when it is overdue and nothing moves", NOW - HOUR, 0, NOW - DAY, HOUR],
    ["when it is overdue and what is in flight does not end", NOW - HOUR, 7, NOW - 45 * MINUTE, 45 * MINUTE],
    ["not while a dialog may still last", null, 1, NOW - 35 * MINUTE, null],
    ["when a dialog lasts longer than any may", null, 1, NOW - 41 * MINUTE, 41 * MINUTE],
    ["not when the clock stepped back", NOW + HOUR, 1, NOW + HOUR, null],
  ])("%s", (_, nextDueAt, inFlight, movedAt, expected) => {
    expect(stalledMs({ now: NOW, nextDueAt, inFlight, movedAt }, 30 * MINUTE)).toBe(expected);
  });
});

describe("a certificate", () => {
  test.each<readonly [number, string | null]>([
    [15 * DAY, null],
    [14 * DAY + 1, null],
    [14 * DAY - 1, "soon"],
    [3 * DAY, "soon"],
    [3 * DAY - 1, "urgent"],
    [0, "urgent"],
    [-1, "expired"],
  ])("with %i ms left is %s", (left, level) => {
    expect(expiryLevel({ notBefore: 0, notAfter: NOW + left }, NOW, 14)).toBe(level);
  });

  test("days left are whole ones, and negative after the end", () => {
    expect(
      [3.9 * DAY, 0.5 * DAY, -0.5 * DAY].map((left) => daysLeft({ notBefore: 0, notAfter: NOW + left }, NOW)),
    ).toEqual([3, 0, -1]);
  });

  test("text that is no certificate has no validity", () => {
    const block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    expect(["", "hello", block].map(validityOf)).toEqual([null, null, null]);
  });
});

describe("the disk", () => {
  const filling = (steps: number, lossOf: (step: number) => number): DiskForecast => {
    const forecast = new DiskForecast();
    for (let step = 0; step <= steps; step += 1) forecast.see(1_000_000 - lossOf(step), NOW + step * MINUTE);
    return forecast;
  };

  test.each<readonly [string, DiskForecast, number | null]>([
    ["that loses 1 % in an hour is full in 99", filling(60, (step) => (step * 10_000) / 60), 99 * HOUR],
    ["that loses nothing is never full", filling(60, () => 0), null],
    ["that gains is never full", filling(60, (step) => -step), null],
    ["seen for less than half an hour says nothing", filling(29, (step) => step * 10_000), null],
  ])("%s", (_, forecast, expected) => {
    expect(forecast.fullInMs()).toBe(expected);
  });

  test("a clock that steps back begins anew", () => {
    const forecast = filling(60, (step) => step * 1000);
    forecast.see(1, NOW - DAY);
    expect(forecast.fullInMs()).toBeNull();
  });
});

describe("a count of the last ten minutes", () => {
  test("holds what came in them and nothing older", () => {
    const count = new RecentCount();
    for (let minute = 0; minute < 30; minute += 1) count.add(NOW + minute * MINUTE);
    expect(count.total(NOW + 29 * MINUTE)).toBe(10);
    expect(count.total(NOW + 34 * MINUTE)).toBe(5);
    expect(count.total(NOW + DAY)).toBe(0);
  });
});

describe("unusual volume", () => {
  const LIMITS: VolumeLimits = {
    windowMs: 10 * MINUTE,
    factor: 4,
    minimum: { messages: 100, recipients: 1000, phi: 20 },
    warmUpMs: HOUR,
    namesMax: 50,
  };
  const ANN: Name = { kind: "sender", name: "a1" };

  /** One window after the other, each with so many messages. */
  function after(windows: readonly number[]): { readonly volume: Volume; readonly at: number } {
    const volume = new Volume(LIMITS, NOW);
    windows.forEach((messages, n) => volume.count(ANN, { messages }, NOW + n * LIMITS.windowMs));
    return { volume, at: NOW + (windows.length - 1) * LIMITS.windowMs + MINUTE };
  }
  const steady = (messages: number): readonly number[] => Array.from({ length: 8 }, () => messages);

  test.each<readonly [string, readonly number[], number | null]>([
    ["as always", [...steady(50), 50], null],
    ["a little more than always", [...steady(50), 190], null],
    ["five times as much", [...steady(50), 250], 250],
    ["five times as much of next to nothing", [...steady(5), 25], null],
    ["much from somebody new", [0, 0, 0, 0, 0, 0, 0, 0, 150], 150],
    ["much in the first hour, when nobody is known", [0, 0, 500], null],
    ["the same height a second time", [...steady(50), 250, 250], null],
  ])("%s", (_, windows, count) => {
    const { volume, at } = after(windows);
    expect(volume.spikes(at).map((spike) => [spike.measure, spike.count])).toEqual(
      count === null ? [] : [["messages", count]],
    );
  });

  test("yesterday's busy morning is still known today, last month's is not", () => {
    for (const [days, isSpike] of [
      [1, false],
      [30, true],
    ] as const) {
      const { volume, at } = after(steady(400));
      volume.count(ANN, { messages: 500 }, at + days * DAY);
      expect(volume.spikes(at + days * DAY).length > 0).toBe(isSpike);
    }
  });

  test("recipients and PHI are judged for themselves", () => {
    const { volume, at } = after(steady(50));
    volume.count(ANN, { messages: 1, recipients: 5000, phi: 30 }, at);
    expect(volume.spikes(at).map(({ measure }) => measure)).toEqual(["recipients", "phi"]);
  });

  test("a spike is over with its window", () => {
    const { volume, at } = after([...steady(50), 250]);
    expect(volume.spikes(at + 10 * MINUTE)).toEqual([]);
  });

  test("names are bounded: who was not heard of for longest goes first", () => {
    const volume = new Volume(LIMITS, NOW);
    for (let n = 0; n < 60; n += 1) {
      volume.count(ANN, { messages: 1 }, NOW);
      volume.count({ kind: "sender", name: `s${n}` }, { messages: 1 }, NOW);
    }
    expect(volume.size).toBe(50);
    // Known for 60: 200 are no spike. Of a stranger they would be one.
    volume.count(ANN, { messages: 200 }, NOW + 2 * HOUR);
    expect(volume.spikes(NOW + 2 * HOUR)).toEqual([]);
  });
});
