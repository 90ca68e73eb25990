import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { meetsRung, RUNGS } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";
import { accept, firstRecord, see } from "./record.ts";
import type { Downgrade, DomainRecord } from "./record.ts";
import { readRecord, recordValue } from "./record-value.ts";
import type { Sighting } from "./sightings.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const KEEP = 72 * HOUR;

/** `mx:dane other:pkix` */
function sightings(text: string): readonly Sighting[] {
  return text.split(" ").map((one) => {
    const [host = "", rung = "plain"] = one.split(":");
    return { host, rung: rung as Rung };
  });
}

type Step = readonly [at: number, seen: string];

/** What is told along the way, and the record at its end. */
function walk(
  steps: readonly Step[],
  keepMs = KEEP,
): { readonly told: readonly string[]; readonly record: DomainRecord } {
  const told: string[] = [];
  const tell = (at: number, news: Downgrade | null): void => {
    if (news !== null) told.push(`${at / HOUR}h ${news.step} ${news.from} ${news.to} ${news.host}`);
  };
  const [[, first] = [0, "mx:plain"], ...rest] = steps;
  let record = firstRecord(sightings(first));
  for (const [now, text] of rest) {
    const seen = see(record, sightings(text), { now, keepMs });
    tell(now, seen.told);
    ({ record } = seen);
  }
  return { told, record };
}

describe("a domain that proved something", () => {
  test.each<readonly [string, readonly Step[], readonly string[], Rung]>([
    [
      "proves it again",
      [
        [0, "mx:pkix"],
        [HOUR, "mx:pkix"],
      ],
      [],
      "pkix",
    ],
    [
      "proves another rung of the same group",
      [
        [0, "mx:pkix"],
        [HOUR, "mx:dane-insecure-mx"],
      ],
      [],
      "dane-insecure-mx",
    ],
    [
      "proves more",
      [
        [0, "mx:pkix"],
        [HOUR, "mx:dane"],
      ],
      [],
      "dane",
    ],
    [
      "falls",
      [
        [0, "mx:dane"],
        [HOUR, "mx:pkix"],
      ],
      ["1h fell dane pkix mx"],
      "dane",
    ],
    [
      "falls under a clock that is far ahead",
      [
        [0, "mx:dane"],
        [9_000 * HOUR, "mx:pkix"],
        [2 * HOUR, "mx:pkix"],
        [2 * HOUR + KEEP, "mx:pkix"],
      ],
      ["9000h fell dane pkix mx", "74h accepted dane pkix mx"],
      "pkix",
    ],
    [
      "falls and is told of once",
      [
        [0, "mx:dane"],
        [HOUR, "mx:pkix"],
        [2 * HOUR, "mx:pkix"],
      ],
      ["1h fell dane pkix mx"],
      "dane",
    ],
    [
      "falls further",
      [
        [0, "mx:dane"],
        [HOUR, "mx:pkix"],
        [2 * HOUR, "mx:plain"],
      ],
      ["1h fell dane pkix mx", "2h fell dane plain mx"],
      "dane",
    ],
    [
      "falls and proves it again",
      [
        [0, "mx:dane"],
        [HOUR, "mx:pkix"],
        [2 * HOUR, "mx:dane"],
      ],
      ["1h fell dane pkix mx", "2h proved pkix dane mx"],
      "dane",
    ],
    [
      "falls for as long as it is kept",
      [
        [0, "mx:dane"],
        [HOUR, "mx:pkix"],
        [HOUR + KEEP - 1, "mx:pkix"],
        [HOUR + KEEP, "mx:pkix"],
      ],
      ["1h fell dane pkix mx", "73h accepted dane pkix mx"],
      "pkix",
    ],
    [
      "proves it in between: the time begins anew",
      [
        [0, "mx:dane"],
        [HOUR, "mx:pkix"],
        [50 * HOUR, "mx:dane"],
        [51 * HOUR, "mx:pkix"],
        [100 * HOUR, "mx:pkix"],
      ],
      ["1h fell dane pkix mx", "50h proved pkix dane mx", "51h fell dane pkix mx"],
      "dane",
    ],
    [
      "has a weaker server beside",
      [
        [0, "a:dane"],
        [HOUR, "a:dane b:pkix"],
      ],
      [],
      "dane",
    ],
    [
      "has a weaker server that is met alone again and again: told once, not at every turn",
      [
        [0, "a:dane"],
        [HOUR, "b:pkix"],
        [2 * HOUR, "a:dane"],
        [3 * HOUR, "b:pkix"],
        [30 * HOUR, "a:dane"],
        [31 * HOUR, "b:pkix"],
      ],
      ["1h fell dane pkix b", "2h proved pkix dane a"],
      "dane",
    ],
    [
      "has a server that turns to and fro: told once a day",
      [
        [0, "a:dane"],
        [HOUR, "a:pkix"],
        [2 * HOUR, "a:dane"],
        [3 * HOUR, "a:pkix"],
        [4 * HOUR, "a:dane"],
        [26 * HOUR, "a:dane"],
        [27 * HOUR, "a:pkix"],
      ],
      ["1h fell dane pkix a", "2h proved pkix dane a", "27h fell dane pkix a"],
      "dane",
    ],
  ])("%s", (_, steps, told, rung) => {
    const end = walk(steps);
    expect(end.told).toEqual(told);
    expect(end.record.rung).toBe(rung);
  });

  test("kept for no time it is told of all the same, and accepted with the next sight", () => {
    expect(
      walk(
        [
          [0, "mx:dane"],
          [HOUR, "mx:pkix"],
          [2 * HOUR, "mx:pkix"],
        ],
        0,
      ).told,
    ).toEqual(["1h fell dane pkix mx", "2h accepted dane pkix mx"]);
  });

  test("what did not change is the very same value, so that nothing is written", () => {
    const record = firstRecord(sightings("mx:dane"));
    expect(see(record, sightings("mx:dane"), { now: DAY, keepMs: KEEP }).record).toBe(record);
    const fallen = see(record, sightings("mx:pkix"), { now: DAY, keepMs: KEEP }).record;
    expect(see(fallen, sightings("mx:pkix"), { now: 2 * DAY, keepMs: KEEP }).record).toBe(fallen);
  });

  test("without a fall there is nothing to accept", () => {
    expect(accept(firstRecord(sightings("mx:dane")), { now: 1e15, keepMs: 0 })).toBeNull();
  });
});

const rung = fc.constantFrom(...RUNGS);
const sight = fc.array(fc.record({ host: fc.constantFrom("a", "b", "c"), rung }), { minLength: 1, maxLength: 3 });
const life = fc.array(fc.record({ pauseMs: fc.nat({ max: 2 * KEEP }), seen: sight }), { minLength: 1, maxLength: 40 });

test("a record never goes down before its level was not proven for the whole time, and each descent is told", () => {
  fc.assert(
    fc.property(sight, life, (first, steps) => {
      let record = firstRecord(first);
      let now = 0;
      let provenAt = 0;
      for (const { pauseMs, seen } of steps) {
        now += pauseMs;
        const before = record;
        const next = see(before, seen, { now, keepMs: KEEP });
        record = next.record;
        const isDescent = !meetsRung(record.rung, before.rung);
        expect(isDescent && now - provenAt < KEEP).toBe(false);
        expect(isDescent).toBe(next.told?.step === "accepted" && next.told.to === record.rung);
        const isProven = seen.some((one) => meetsRung(one.rung, before.rung));
        if (isProven || record.rung !== before.rung) provenAt = now;
        expect(isProven && record.fall !== null).toBe(false);
        expect(record.weak.length).toBeLessThanOrEqual(8);
        expect(readRecord(JSON.parse(JSON.stringify(recordValue(record))))).toEqual(record);
      }
    }),
  );
});

test.each([
  null,
  1,
  [],
  {},
  { rung: "tls-quantum", fall: null, weak: [] },
  { rung: "dane", fall: { to: "pkix" }, weak: [] },
  { rung: "dane", fall: null, weak: [{ host: "mx" }] },
  { rung: "dane", fall: null },
])("a record of another shape is unreadable, not absent: %j", (value) => {
  expect(() => readRecord(value)).toThrow(expect.objectContaining({ code: "PST-DEC-021" }));
});
