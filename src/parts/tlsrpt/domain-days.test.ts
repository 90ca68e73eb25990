import { array, assert, constantFrom, integer, property, record, string, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { DOMAIN_FACT_LIMITS } from "../../core/domain-facts.ts";
import { TLS_FAILURES } from "../../core/tls-results.ts";
import type { TlsPolicy, TlsSession } from "../../core/tls-results.ts";
import { addCounts, forgetDaysAt, NO_DAYS, readDomainDays, totalsOf, withReport } from "./domain-days.ts";
import type { DomainDays } from "./domain-days.ts";
import { SessionBook } from "./session-book.ts";
import type { SessionRow } from "./session-book.ts";

const NONE: TlsPolicy = { type: "no-policy-found", text: [], mxHosts: [] };
const TLSA: TlsPolicy = { type: "tlsa", text: ["3 1 1 01"], mxHosts: ["mx.d.test"] };
const NOON = Date.parse("2026-11-22T12:00:00Z");

function session(facts: Partial<TlsSession> = {}): TlsSession {
  const addresses = { sendingIp: "198.51.100.7", receivingIp: "192.0.2.1" };
  return { policy: NONE, failure: null, reason: null, mxHost: "mx.d.test", ...addresses, ...facts };
}

const EXPIRED = session({ policy: TLSA, failure: "certificate-expired", reason: "certificate not valid now" });

function days(...rows: readonly SessionRow[]): DomainDays {
  return addCounts(NO_DAYS, "2026-11-22", rows);
}

describe("the book", () => {
  test("counts sessions that ended alike together, and a success without addresses", () => {
    const book = new SessionBook();
    for (const receivingIp of ["192.0.2.1", "192.0.2.2"]) {
      book.add("d.test", NOON, session({ receivingIp }));
      book.add("d.test", NOON, { ...EXPIRED, receivingIp });
      book.add("d.test", NOON, { ...EXPIRED, receivingIp });
    }
    const [counts] = book.take().counts;
    expect(counts).toMatchObject({ domain: "d.test", day: "2026-11-22" });
    expect(counts?.rows.map(({ failure, receivingIp, count }) => [failure, receivingIp, count])).toEqual([
      [null, null, 2],
      ["certificate-expired", "192.0.2.1", 2],
      ["certificate-expired", "192.0.2.2", 2],
    ]);
    expect(book.take().counts).toEqual([]);
  });

  test("gives each UTC day and each domain its own", () => {
    const book = new SessionBook();
    book.add("d.test", Date.parse("2026-11-23T00:00:00.000Z"), session());
    book.add("d.test", Date.parse("2026-11-22T23:59:59.999Z"), session());
    book.add("e.test", NOON, session());
    expect(book.take().counts.map(({ day, domain }) => [day, domain])).toEqual([
      ["2026-11-22", "d.test"],
      ["2026-11-22", "e.test"],
      ["2026-11-23", "d.test"],
    ]);
  });

  test("that is full counts on what it knows and says how much it left out", () => {
    const book = new SessionBook(1);
    book.add("d.test", NOON, session());
    book.add("e.test", NOON, session());
    book.add("d.test", NOON, session());
    const { counts, leftOut } = book.take();
    expect([counts.length, counts[0]?.rows[0]?.count, leftOut]).toEqual([1, 2, 1]);
  });

  test("takes back what could not be written", () => {
    const book = new SessionBook();
    book.add("d.test", NOON, EXPIRED);
    const [taken] = book.take().counts;
    book.add("d.test", NOON, EXPIRED);
    if (taken !== undefined) book.giveBack(taken);
    expect(book.take().counts[0]?.rows).toEqual([{ ...EXPIRED, count: 2 }]);
  });
});

describe("the days of a domain", () => {
  test("add what came later to what is there, policy by policy", () => {
    const first = days({ ...session(), count: 2 }, { ...EXPIRED, count: 1 });
    const both = addCounts(first, "2026-11-22", [
      { ...session(), count: 1 },
      { ...EXPIRED, count: 3 },
    ]);
    expect(both.days.map(({ day }) => day)).toEqual(["2026-11-22"]);
    expect(both.days[0]?.policies.map((counts) => [counts.policy.type, totalsOf(counts)])).toEqual([
      ["no-policy-found", { succeeded: 3, failed: 0 }],
      ["tlsa", { succeeded: 0, failed: 4 }],
    ]);
  });

  test("are three, and the oldest leaves", () => {
    const all = ["2026-11-20", "2026-11-23", "2026-11-22", "2026-11-21"].reduce(
      (known, day) => addCounts(known, day, [{ ...session(), count: 1 }]),
      NO_DAYS,
    );
    expect(all.days.map(({ day }) => day)).toEqual(["2026-11-23", "2026-11-22", "2026-11-21"]);
    expect(new Date(forgetDaysAt(all)).toISOString()).toBe("2026-11-27T00:00:00.000Z");
  });

  test("keep what became of a report, and take none for a day nobody counted", () => {
    const report = { state: "sent", tries: 1, at: NOON, nextAt: null, targets: [] } as const;
    expect(withReport(days({ ...EXPIRED, count: 1 }), "2026-11-22", report).days[0]?.report).toEqual(report);
    expect(withReport(NO_DAYS, "2026-11-22", report)).toEqual(NO_DAYS);
  });

  test.each([null, 7, "x", [], {}, { version: 2, days: [] }, { version: 1, days: 3 }])(
    "stored in another shape are none: %j",
    (value) => {
      expect(readDomainDays(value)).toEqual(NO_DAYS);
    },
  );

  test("a host may have any name", () => {
    const row = { ...session({ mxHost: "constructor" }), count: 2 };
    expect(days(row, row).days[0]?.policies[0]?.succeededAt).toEqual({ constructor: 4 });
  });

  test("fit the store whatever strangers publish", () => {
    const text = string({ unit: "grapheme", minLength: 200, maxLength: 600 });
    const row = record({
      policy: record({
        type: constantFrom("tlsa", "sts", "no-policy-found"),
        text: array(text, { maxLength: 40 }),
        mxHosts: array(text, { maxLength: 40 }),
      }),
      failure: constantFrom(null, ...TLS_FAILURES),
      reason: text,
      mxHost: text,
      sendingIp: constantFrom(null, "192.0.2.1"),
      receivingIp: constantFrom(null, "192.0.2.1"),
      count: integer({ min: 1, max: 1_000 }),
    });
    const some = array(row, { minLength: 1, maxLength: 150, size: "max" });
    assert(
      property(tuple(some, some, some), (rowsOfDays) => {
        const value = rowsOfDays.reduce((known, rows, n) => addCounts(known, `2026-11-0${n + 1}`, rows), NO_DAYS);
        expect(Buffer.byteLength(JSON.stringify(value))).toBeLessThan(DOMAIN_FACT_LIMITS.valueBytesMax);
        expect(readDomainDays(JSON.parse(JSON.stringify(value)))).toEqual(value);
      }),
      { numRuns: 6 },
    );
  });
});
