import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { nextPressure, PRESSURE_LEVELS } from "./pressure.ts";
import type { Pressure, PressureFigures, PressureLimits } from "./pressure.ts";

const LIMITS: PressureLimits = {
  commitWaitingMax: 100,
  commitAgeMsMax: 1_000,
  stalledMs: 30_000,
  diskFreeBytesMin: 1_000,
  diskFreePercentMin: 10,
  inodesFreePercentMin: 10,
  diskReserveBytes: 200,
  queueRecipientsMax: 1_000,
  queueBytesMax: 10_000,
};
const IDLE: PressureFigures = {
  commitWaiting: 0,
  commitAgeMs: 0,
  space: { freeBytes: 50_000, totalBytes: 100_000, inodes: { free: 50_000, total: 100_000 } },
  queueRecipients: 0,
  queueBytes: 0,
  isSpaceRefused: false,
  isUnhealthy: false,
};
const free = (freeBytes: number, totalBytes = 100_000): Partial<PressureFigures> => ({
  space: { freeBytes, totalBytes, inodes: { free: 50_000, total: 100_000 } },
});
const inodes = (left: number | null): Partial<PressureFigures> => ({
  space: { freeBytes: 50_000, totalBytes: 100_000, inodes: left === null ? null : { free: left, total: 100_000 } },
});
const at = (figures: Partial<PressureFigures>, before: Pressure["causes"] = []): Pressure =>
  nextPressure(before, { ...IDLE, ...figures }, LIMITS);

describe("the level each figure makes", () => {
  test.each<[string, Partial<PressureFigures>, Pressure["level"], string | null]>([
    ["nothing waits", {}, "open", null],
    ["one below the most that may wait", { commitWaiting: 99 }, "open", null],
    ["as many wait as may", { commitWaiting: 100 }, "slow", "PST-PRS-001"],
    ["the oldest waits a second", { commitAgeMs: 1_000 }, "slow", "PST-PRS-002"],
    ["the oldest waits until it counts as stalled", { commitAgeMs: 30_000 }, "closed", "PST-PRS-010"],
    ["a tenth is free", free(10_000), "full", "PST-PRS-003"],
    ["just above a tenth is free", free(10_001), "open", null],
    ["more than a tenth, but fewer bytes than wanted", free(999, 5_000), "full", "PST-PRS-003"],
    ["only the reserve is free", free(200), "closed", "PST-PRS-008"],
    ["nothing is free", free(0), "closed", "PST-PRS-008"],
    ["a tenth of the inodes is free", inodes(10_000), "full", "PST-PRS-004"],
    ["hardly an inode is free", inodes(256), "closed", "PST-PRS-008"],
    ["the file system counts no inodes", inodes(null), "open", null],
    ["the free space is unknown", { space: null }, "full", "PST-PRS-007"],
    ["the queue is full of recipients", { queueRecipients: 1_000 }, "full", "PST-PRS-005"],
    ["the queue is full of bytes", { queueBytes: 10_000 }, "full", "PST-PRS-006"],
    ["a write was refused", { isSpaceRefused: true }, "closed", "PST-PRS-009"],
    ["a sync failed", { isUnhealthy: true }, "closed", "PST-PRS-011"],
    ["slow and full at once", { commitWaiting: 500, ...free(5_000) }, "full", "PST-PRS-003"],
    ["full and closed at once", { isUnhealthy: true, ...free(5_000) }, "closed", "PST-PRS-011"],
  ])("%s", (_name, figures, level, code) => {
    const pressure = at(figures);
    expect([pressure.level, pressure.causes[0]?.code ?? null]).toEqual([level, code]);
  });
});

describe("a level holds until its figure is well below the mark", () => {
  test.each<[string, Partial<PressureFigures>, Partial<PressureFigures>, Partial<PressureFigures>]>([
    ["requests", { commitWaiting: 100 }, { commitWaiting: 50 }, { commitWaiting: 49 }],
    ["age", { commitAgeMs: 1_000 }, { commitAgeMs: 500 }, { commitAgeMs: 499 }],
    ["disk space", free(10_000), free(11_111), free(11_112)],
    ["inodes", inodes(10_000), inodes(11_111), inodes(11_112)],
    ["recipients", { queueRecipients: 1_000 }, { queueRecipients: 900 }, { queueRecipients: 899 }],
    ["bytes", { queueBytes: 10_000 }, { queueBytes: 9_000 }, { queueBytes: 8_999 }],
  ])("%s", (_name, over, between, below) => {
    const pressed = at(over);
    expect(at(between).level).toBe("open");
    expect(at(between, pressed.causes).level).toBe(pressed.level);
    expect(at(below, pressed.causes).level).toBe("open");
  });

  test("the reserve gives way to a disk that is merely full", () => {
    const closed = at(free(200));
    expect(at(free(250), closed.causes).level).toBe("closed");
    expect(at(free(251), closed.causes)).toMatchObject({ level: "full", causes: [{ code: "PST-PRS-003" }] });
  });
});

test("the room is what is free above the mark, and unknown where the space is", () => {
  expect(at({}).roomBytes).toBe(40_000);
  expect(at(free(5_000)).roomBytes).toBe(0);
  expect(at({ space: null }).roomBytes).toBeNull();
});

test("more of anything that presses never lowers the level", () => {
  const figures = fc.record({
    commitWaiting: fc.nat(300),
    commitAgeMs: fc.nat(60_000),
    free: fc.nat(100_000),
    queueRecipients: fc.nat(2_000),
    queueBytes: fc.nat(20_000),
    isSpaceRefused: fc.boolean(),
    isUnhealthy: fc.boolean(),
  });
  fc.assert(
    fc.property(figures, figures, ({ free: left, ...one }, { free: taken, ...other }) => {
      const worse = {
        commitWaiting: one.commitWaiting + other.commitWaiting,
        commitAgeMs: one.commitAgeMs + other.commitAgeMs,
        queueRecipients: one.queueRecipients + other.queueRecipients,
        queueBytes: one.queueBytes + other.queueBytes,
        isSpaceRefused: one.isSpaceRefused || other.isSpaceRefused,
        isUnhealthy: one.isUnhealthy || other.isUnhealthy,
        ...free(Math.max(0, left - taken)),
      };
      const levels = [at({ ...one, ...free(left) }), at(worse)].map(({ level }) => PRESSURE_LEVELS.indexOf(level));
      expect(levels[1]).toBeGreaterThanOrEqual(levels[0] ?? 0);
    }),
  );
});
