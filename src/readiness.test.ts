import { expect, test } from "vitest";
import type { ReasonCode } from "./core/reason-codes.ts";
import { areKeysWorking, unreadyReasons } from "./readiness.ts";
import type { ReadyFacts } from "./readiness.ts";

const NOW = 1_000_000;
const READY: ReadyFacts = {
  isStarted: true,
  isDraining: false,
  isWriting: true,
  isSpoolHealthy: true,
  pressing: [],
  certificate: { notBefore: NOW - 1, notAfter: NOW + 1 },
  areKeysWorking: true,
  now: NOW,
};

test("with all in order the service is ready", () => {
  expect(unreadyReasons(READY)).toEqual([]);
});

test.each<readonly [string, Partial<ReadyFacts>, readonly ReasonCode[]]>([
  [
    "that has not started says only that",
    { isStarted: false, isWriting: false, pressing: ["PST-PRS-003"] },
    ["PST-MON-001"],
  ],
  ["that drains", { isDraining: true }, ["PST-MON-002"]],
  ["whose writer does not answer", { isWriting: false }, ["PST-MON-003"]],
  ["whose spool had a disk error", { isSpoolHealthy: false }, ["PST-MON-004"]],
  ["that takes no new mail", { pressing: ["PST-PRS-003", "PST-PRS-004"] }, ["PST-PRS-003", "PST-PRS-004"]],
  ["whose certificate has expired", { certificate: { notBefore: 0, notAfter: NOW - 1 } }, ["PST-MON-006"]],
  ["whose certificate is not valid yet", { certificate: { notBefore: NOW + 1, notAfter: NOW + 2 } }, ["PST-MON-006"]],
  ["whose certificate cannot be read", { certificate: null }, ["PST-MON-006"]],
  ["whose keys do not open what they seal", { areKeysWorking: false }, ["PST-MON-007"]],
  ["with two troubles", { isDraining: true, isWriting: false }, ["PST-MON-002", "PST-MON-003"]],
])("a service %s is not ready", (_, change, codes) => {
  expect(unreadyReasons({ ...READY, ...change })).toEqual(codes);
});

test("keys that throw are keys that do not work", () => {
  const broken = {
    seal: () => "x",
    open: (): string => {
      throw new Error("altered");
    },
  };
  expect(areKeysWorking(broken)).toBe(false);
  expect(areKeysWorking({ ...broken, open: () => "postern" })).toBe(true);
});
