import { beforeEach, describe, expect, test } from "vitest";
import type { DomainFact, DomainFacts } from "../../core/domain-facts.ts";
import type { Log } from "../../core/log.ts";
import type { Rung } from "../../core/rung.ts";
import { ProvenLedger } from "./ledger.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const KEEP = 72 * HOUR;
const ONLY = "proven";

/** Facts in memory, with a disk that can fail; the seam's own suite tests the real one. */
class Disk {
  readonly rows = new Map<string, DomainFact>();
  puts = 0;
  gets = 0;
  isFailing = false;

  readonly facts: DomainFacts = {
    get: async (_kind, domain) => {
      this.gets += 1;
      if (this.isFailing) throw Object.assign(new Error("disk"), { code: "PST-SPL-055" });
      return this.rows.get(domain) ?? null;
    },
    put: async (_kind, facts) => {
      this.puts += 1;
      if (this.isFailing) throw Object.assign(new Error("disk"), { code: "PST-SPL-054" });
      for (const fact of facts) this.rows.set(fact.domain, structuredClone(fact));
    },
    remove: async () => undefined,
    due: async (kind, now) =>
      [...this.rows.values()].filter(({ lookAt }) => kind === ONLY && lookAt !== null && lookAt <= now),
    list: async () => ({ facts: [], next: null }),
    forget: async () => 0,
  };
}

let disk: Disk;
let now: number;
let isValidating: boolean;
let told: string[];
let logged: string[];
let ledger: ProvenLedger;

const log: Log = { debug() {}, info() {}, warn() {}, error: (event) => void logged.push(event) };

function open(domainsMax?: number): ProvenLedger {
  return new ProvenLedger(
    {
      facts: disk.facts,
      clock: { now: () => now, monotonic: () => now },
      log,
      keepMs: () => KEEP,
      isValidating: async () => isValidating,
      wasValidating: () => isValidating,
      tell: (domain, { step, from, to }, message) => void told.push(`${domain} ${step} ${from} ${to} ${message}`),
      remind: (domain, { from, to }) => void told.push(`${domain} still ${from} ${to}`),
    },
    domainsMax,
  );
}

async function seen(rung: Rung, domain = "a.test", host = "mx"): Promise<void> {
  ledger.see(domain, [{ host, rung }], "M");
  await ledger.close();
}

beforeEach(() => {
  disk = new Disk();
  now = 1_000 * DAY;
  isValidating = true;
  told = [];
  logged = [];
  ledger = open();
});

test("mail to a domain that proves what it proved costs no write, but one a day", async () => {
  await seen("dane");
  for (let mails = 0; mails < 50; mails += 1) await seen("dane");
  expect([disk.puts, disk.gets]).toEqual([1, 1]);
  now += DAY;
  await seen("dane");
  expect(disk.puts).toBe(2);
  expect(told).toEqual([]);
});

test("a domain without TLS costs no more, and is known as such", async () => {
  for (let mails = 0; mails < 5; mails += 1) await seen("plain");
  expect([disk.puts, disk.gets]).toEqual([1, 1]);
  expect(await ledger.recall("a.test")).toMatchObject({ kind: "known", rung: "plain" });
});

test("a record outlives the process, and so does the fall with its time; it is reminded of once", async () => {
  await seen("dane");
  now += HOUR;
  await seen("pkix");
  const fall = { to: "pkix", at: now, host: "mx" };
  const known = { kind: "known", rung: "dane", fall, keptUntil: now + KEEP };
  expect(await ledger.recall("a.test")).toEqual(known);
  ledger = open();
  expect(await ledger.recall("a.test")).toEqual(known);
  now += HOUR;
  await seen("pkix");
  await seen("pkix");
  now += KEEP;
  await seen("pkix");
  expect(told).toEqual(["a.test fell dane pkix M", "a.test still dane pkix", "a.test accepted dane pkix M"]);
  expect(await open().recall("a.test")).toEqual({ kind: "known", rung: "pkix", fall: null, keptUntil: null });
});

test("a fall is accepted after its time also where no further mail goes there", async () => {
  await seen("sts-enforce");
  await seen("pkix");
  ledger = open();
  const { signal } = new AbortController();
  now += KEEP - 1;
  await ledger.acceptDue(signal);
  expect(told).toEqual(["a.test fell sts-enforce pkix M"]);
  now += 1;
  await ledger.acceptDue(signal);
  await ledger.close();
  expect(told).toEqual(["a.test fell sts-enforce pkix M", "a.test accepted sts-enforce pkix null"]);
  expect(disk.rows.get("a.test")?.lookAt).toBeNull();
});

describe("while the resolver does not validate", () => {
  test("what needs DNSSEC is unknown, not lost: no fall is told, and none is accepted", async () => {
    await seen("dane");
    isValidating = false;
    for (const rung of ["pkix", "tls-unauthenticated"] as const) await seen(rung);
    expect(await ledger.recall("a.test")).toEqual({ kind: "known", rung: "dane", fall: null, keptUntil: null });
    const blind = (["plain", "pkix", "dane", "sts-enforce"] as const).map((rung) => ledger.isBlind("a.test", rung));
    expect(await Promise.all(blind)).toEqual([true, true, false, false]);
    isValidating = true;
    await seen("pkix");
    isValidating = false;
    now += 2 * KEEP;
    expect(await ledger.recall("a.test")).toMatchObject({ rung: "dane", keptUntil: null });
    await seen("pkix");
    await ledger.acceptDue(new AbortController().signal);
    expect(told).toEqual(["a.test fell dane pkix M"]);
    isValidating = true;
    now += HOUR;
    await ledger.acceptDue(new AbortController().signal);
    expect(told.at(-1)).toBe("a.test accepted dane pkix null");
  });

  test("no TLS at all is a fall all the same", async () => {
    await seen("dane");
    isValidating = false;
    await seen("plain");
    expect(told).toEqual(["a.test fell dane plain M"]);
  });

  test("what never needed DNSSEC is judged as always", async () => {
    await seen("sts-enforce");
    isValidating = false;
    await seen("pkix");
    expect(told).toEqual(["a.test fell sts-enforce pkix M"]);
    expect(await ledger.isBlind("a.test", "pkix")).toBe(false);
    expect(await ledger.isBlind("never-seen.test", "pkix")).toBe(false);
  });
});

describe("a failing disk", () => {
  test("never turns into a domain that proved nothing", async () => {
    await seen("dane");
    ledger = open();
    disk.isFailing = true;
    expect(await ledger.recall("a.test")).toEqual({ kind: "unavailable", code: "PST-SPL-055" });
    await seen("pkix");
    expect([told, logged]).toEqual([[], ["proven_not_read"]]);
    disk.isFailing = false;
    expect(await ledger.recall("a.test")).toMatchObject({ kind: "known", rung: "dane" });
  });

  test("leaves what is in memory in force, which is written once it can be", async () => {
    disk.isFailing = false;
    await ledger.recall("a.test");
    disk.isFailing = true;
    await seen("dane");
    expect(await ledger.recall("a.test")).toMatchObject({ rung: "dane" });
    expect([disk.rows.size, logged]).toEqual([0, ["proven_not_saved"]]);
    disk.isFailing = false;
    await seen("dane");
    expect(disk.rows.size).toBe(1);
  });

  test("a row of another shape is unknown", async () => {
    const row = { domain: "a.test", value: { rung: "best" }, lookAt: now, forgetAt: now + DAY };
    disk.rows.set("a.test", row);
    expect(await ledger.recall("a.test")).toEqual({ kind: "unavailable", code: "PST-DEC-021" });
    await ledger.acceptDue(new AbortController().signal);
    // Kept for a version that reads it, and before no other that is due.
    expect(disk.rows.get("a.test")).toEqual({ ...row, lookAt: now + HOUR });
  });
});

test("a domain whose servers differ costs two writes an hour at most", async () => {
  await seen("dane", "a.test", "good");
  await seen("pkix", "a.test", "weak");
  const before = disk.puts;
  for (let minute = 0; minute < 120; minute += 1) {
    now += 60_000;
    await seen(minute % 2 === 0 ? "dane" : "pkix", "a.test", minute % 2 === 0 ? "good" : "weak");
  }
  expect(disk.puts - before).toBeLessThanOrEqual(5);
  expect(told).toEqual(["a.test fell dane pkix M", "a.test proved pkix dane M"]);
});

test("memory holds so many domains and no more; the others are read again", async () => {
  ledger = open(2);
  for (const domain of ["a.test", "b.test", "c.test"]) await seen("dane", domain);
  expect(ledger.size).toBe(2);
  await seen("pkix", "a.test");
  expect(told).toEqual(["a.test fell dane pkix M"]);
});
