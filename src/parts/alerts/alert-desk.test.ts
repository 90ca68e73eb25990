import { array, assert, constantFrom, integer, property, record } from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { Alert, AlertNotice } from "../../core/alert.ts";
import { AlertDesk } from "./alert-desk.ts";

const REPEAT_MS = 60_000;

let now = 0;
let told: (AlertNotice & { readonly isAudited: boolean })[] = [];
let desk: AlertDesk;

beforeEach(() => {
  now = 1_000_000;
  told = [];
  desk = new AlertDesk(
    { repeatMs: REPEAT_MS },
    {
      clock: { now: () => now, monotonic: () => now },
      tell: (notice, isAudited) => void told.push({ ...notice, isAudited }),
    },
  );
});

const said = (): readonly string[] => told.map(({ state, code, count }) => `${state} ${code} ${count}`);
const certificate = (name: string, level: string, days: number): Alert => ({
  code: "PST-MON-022",
  facts: { certificate: name, level, days },
});

describe("what is raised", () => {
  test("is told at once, and not again within the repeat interval however often it comes", () => {
    for (let times = 0; times < 1000; times += 1) desk.raise({ code: "PST-DEC-001" });
    expect(said()).toEqual(["raised PST-DEC-001 1"]);
  });

  test("is told again after the interval, with how often it came", () => {
    desk.raise({ code: "PST-DEC-001" });
    desk.raise({ code: "PST-DEC-001" });
    now += REPEAT_MS;
    desk.raise({ code: "PST-DEC-001" });
    expect(said()).toEqual(["raised PST-DEC-001 1", "again PST-DEC-001 3"]);
  });

  test("is told again by the tick where it came within the interval, and forgotten where it did not", () => {
    desk.raise({ code: "PST-DEC-001" });
    desk.raise({ code: "PST-DEC-001" });
    desk.raise({ code: "PST-PIP-006" });
    now += REPEAT_MS;
    desk.tick();
    expect(said().slice(2)).toEqual(["again PST-DEC-001 2"]);
    expect(desk.active().map(({ code }) => code)).toEqual(["PST-DEC-001"]);
    now += REPEAT_MS;
    desk.tick();
    expect(desk.size).toBe(0);
    expect(told.length).toBe(3);
  });

  test("texts tell two alerts of one code apart, numbers and examples do not", () => {
    desk.raise({ code: "PST-MON-022", facts: { certificate: "listener", days: 3 } });
    desk.raise({ code: "PST-MON-022", facts: { certificate: "client_ca", days: 3 } });
    desk.raise({ code: "PST-MON-022", facts: { certificate: "listener", days: 2, message: "B" } });
    expect(told.map(({ facts }) => facts)).toEqual([
      { certificate: "listener", days: 3 },
      { certificate: "client_ca", days: 3 },
    ]);
  });

  test("names a few of the messages it is about, and other ones the next time", () => {
    for (let n = 0; n < 9; n += 1) desk.raise({ code: "PST-DEC-001" }, { messageId: `M${n}` });
    now += REPEAT_MS;
    desk.tick();
    expect(told.map(({ messages }) => messages)).toEqual([["M0"], ["M1", "M2", "M3", "M4", "M5"]]);
  });

  test("what stands in the audit already is not written there again, its repetition is", () => {
    desk.raise({ code: "PST-DEC-001" }, { isAudited: true });
    desk.raise({ code: "PST-DEC-001" }, { isAudited: true });
    now += REPEAT_MS;
    desk.tick();
    expect(told.map(({ isAudited }) => isAudited)).toEqual([true, false]);
  });
});

describe("a condition", () => {
  test("is told when it begins, again while it lasts, and once when it ends", () => {
    desk.observe("queue", [{ code: "PST-MON-020", facts: { minutes: 30 } }]);
    desk.observe("queue", [{ code: "PST-MON-020", facts: { minutes: 31 } }]);
    now += REPEAT_MS;
    desk.observe("queue", [{ code: "PST-MON-020", facts: { minutes: 32 } }]);
    desk.tick();
    desk.observe("queue", []);
    desk.observe("queue", []);
    expect(told.map(({ state, facts }) => [state, facts["minutes"]])).toEqual([
      ["raised", 30],
      ["again", 32],
      ["resolved", 32],
    ]);
    expect(desk.size).toBe(0);
  });

  test("ends for itself alone: other topics and other facts stay", () => {
    desk.observe("certificates", [certificate("listener", "soon", 10), certificate("client_ca", "soon", 10)]);
    desk.observe("queue", []);
    desk.observe("certificates", [certificate("client_ca", "soon", 10)]);
    expect(told.map(({ state, facts }) => [state, facts["certificate"]])).toEqual([
      ["raised", "listener"],
      ["raised", "client_ca"],
      ["resolved", "listener"],
    ]);
  });

  test("that grows worse is told anew", () => {
    desk.observe("certificates", [certificate("listener", "soon", 4)]);
    desk.observe("certificates", [certificate("listener", "urgent", 2)]);
    expect(told.map(({ state, facts }) => [state, facts["level"]])).toEqual([
      ["raised", "soon"],
      ["raised", "urgent"],
      ["resolved", "soon"],
    ]);
  });
});

test("whatever is raised, the desk stays small and tells no alert twice within the interval", () => {
  const codes = ["PST-DEC-001", "PST-MON-022", "PST-MON-024"] as const;
  const step = record({
    code: constantFrom(...codes),
    name: integer({ min: 0, max: 500 }),
    wait: integer({ min: 0, max: 50 }),
  });
  assert(
    property(array(step, { maxLength: 300 }), (steps) => {
      told = [];
      now = 1_000_000;
      const tell = (notice: AlertNotice): void => void told.push({ ...notice, isAudited: false });
      const small = new AlertDesk({ repeatMs: REPEAT_MS }, { clock: { now: () => now, monotonic: () => now }, tell });
      for (const { code, name, wait } of steps) {
        now += wait;
        small.raise({ code, facts: { name: `n${name}` } });
      }
      expect(small.size).toBeLessThanOrEqual(codes.length * 21);
      expect(told.length).toBeLessThanOrEqual(codes.length * 21);
    }),
  );
});
