import { expect, test } from "vitest";
import { deliverOptions, lifetimeMs, needRestart, retentionMs, retryOptions } from "./options.ts";
import type { Config } from "./parts/config/config.ts";
import { Secret } from "./parts/config/secret.ts";

const config = {
  audit: { key: null, keyName: "a/audit", previousKeys: [], retentionDays: 5 },
  path: "/a",
  sha256: "1",
  allowed: [],
  policy: { phi: "standard" },
  dlp: { packs: [] },
  retentionHours: 2,
  dkim: [{ domain: "own.example", selector: "s", key: new Secret(Buffer.from("one")) }],
  listen: { port: 25, tls: { certificate: "a", key: new Secret(Buffer.from("k")), requestClientCertificate: false } },
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

test.each([
  ["nothing", {}, []],
  ["what a reload takes over", { path: "/b", sha256: "2", allowed: ["x"], policy: { phi: "strict" }, dlp: {} }, []],
  ["a new certificate", { listen: { ...config.listen, tls: { ...config.listen.tls, certificate: "b" } } }, []],
  ["another port", { listen: { ...config.listen, port: 26 } }, ["listen"]],
  ["other retries", { hold: { deadlineHours: 1 }, mtaSts: { port: 1 } }, ["hold", "mta_sts"]],
  [
    "whom alerts go to, and how long is kept",
    { alerts: {}, retentionHours: 3, audit: { ...config.audit, retentionDays: 9 } },
    [],
  ],
  ["the key of the audit", { audit: { ...config.audit, key: new Secret(Buffer.from("two")) } }, ["audit"]],
  ["a new DKIM key", { dkim: [{ ...config.dkim[0], key: new Secret(Buffer.from("two")) }] }, []],
  ["another secret in the same file", { submitters: [{ value: new Secret(Buffer.from("two")) }] }, ["submitters"]],
])(
  "of a configuration that changed %s, a reload leaves to a restart what it does not take over",
  (_, change, names) => {
    expect(needRestart(config, { ...config, ...change } as Config)).toEqual(names);
  },
);
