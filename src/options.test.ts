import { expect, test } from "vitest";
import { deliverOptions, lifetimeMs, retentionMs, retryOptions } from "./options.ts";
import type { Config } from "./parts/config/config.ts";

const config = {
  retentionHours: 2,
  hold: { deadlineHours: 72 },
  delivery: {
    hostname: "out.own.example",
    port: 25,
    tls: { ca: null },
    connectionsMax: 3,
    laneConnectionsMax: 2,
    connectTimeoutSeconds: 30,
    greetingTimeoutSeconds: 300,
    commandTimeoutSeconds: 40,
    dataTimeoutSeconds: 180,
    dotTimeoutSeconds: 600,
    secureHoldMinutes: 30,
    ambiguousRetryMinutes: 15,
    retry: { scheduleSeconds: [60, 300], jitterPercent: 20, lifetimeHours: 48, delayNoticeHours: [1, 24] },
  },
} as unknown as Config;

test("each unit of the configuration becomes milliseconds once", () => {
  expect(retryOptions(config)).toEqual({
    scheduleMs: [60_000, 300_000],
    jitterShare: 0.2,
    delayNoticesMs: [3_600_000, 86_400_000],
    secureHoldMs: 1_800_000,
    ambiguousRetryMs: 900_000,
    holdDeadlineMs: 259_200_000,
  });
  expect(lifetimeMs(config)).toBe(172_800_000);
  expect(retentionMs(config)).toBe(7_200_000);
  expect(deliverOptions(config).timeouts).toMatchObject({
    dialMs: 30_000,
    greetingMs: 300_000,
    mailMs: 40_000,
    dataMs: 40_000,
    blockMs: 180_000,
    dotMs: 600_000,
  });
});

test("a lane starts no wider than it may grow", () => {
  expect(deliverOptions(config)).toMatchObject({ connectionsMax: 3, laneWindowInitial: 2, laneWindowMax: 2 });
});
