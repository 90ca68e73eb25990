/** What holds and what is kept, as a table (shared/data/transport/mta-sts-cache.json) and step by step. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { peers } from "../../../test/support/peers.ts";
import { TRANSPORT_DATA } from "../../../test/support/transport-data.ts";
import type { StsState } from "../../core/sts.ts";
import type { StsFetch } from "./fetch-policy.ts";
import { afterFetch, mustFetch, NOTHING_KNOWN, stateOf } from "./policy-state.ts";
import type { HeldPolicy, Known, StsText } from "./policy-state.ts";

const NOW = Date.UTC(2026, 10, 22);
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function held(over: Partial<HeldPolicy> & { readonly mx?: readonly string[] } = {}): HeldPolicy {
  const { mx = ["mx.example"], ...rest } = over;
  const policy = { mode: "enforce", mx, maxAgeSeconds: 604_800 } as const;
  return { id: "1", policy, fetchedAt: NOW - DAY_MS, expiresAt: NOW + DAY_MS, refreshAt: NOW, ...rest };
}

function fetched(
  mx = ["mx.example"],
  mode: "enforce" | "testing" | "none" = "enforce",
  maxAgeSeconds = 604_800,
): StsFetch {
  return { kind: "policy", policy: { mode, mx, maxAgeSeconds } };
}

const FETCH_ERROR: StsFetch = { kind: "failed", failure: { type: "sts-policy-fetch-error", detail: "x" } };
const INVALID: StsFetch = { kind: "failed", failure: { type: "sts-policy-invalid", detail: "x" } };

type CacheCase = {
  readonly id: string;
  readonly cache: { readonly id: string; readonly fresh: boolean; readonly mx?: readonly string[] } | null;
  readonly txt: string;
  readonly https: string;
  readonly result: { readonly use: string; readonly store?: string; readonly report?: string };
};

const given = peers("transport-data");
const cases: readonly CacheCase[] = given.areMissing
  ? []
  : (JSON.parse(readFileSync(join(TRANSPORT_DATA, "mta-sts-cache.json"), "utf8")) as { cases: CacheCase[] }).cases;

function textOf(txt: string): StsText {
  if (txt.startsWith("id=")) return { kind: "id", id: txt.slice(3) };
  return { kind: txt === "servfail" ? "unavailable" : "none" };
}

function fetchOf(https: string): StsFetch {
  if (https === "error") return FETCH_ERROR;
  return https === "invalid" ? INVALID : fetched([https.split("mx ")[1] ?? "mx.example"]);
}

function storeOf(before: Known, after: Known): string {
  if (after.held === before.held) {
    const waitMs = (after.trouble?.retryAt ?? NOW) - NOW;
    return before.held === null || NOW >= before.held.expiresAt
      ? waitMs >= 5 * MINUTE_MS
        ? "backoff"
        : "negative"
      : "unchanged";
  }
  return before.held === null ? "new" : "replaced";
}

describe.skipIf(given.areMissing)(`the table${given.note}`, () => {
  test("is all there", () => expect(cases).toHaveLength(12));

  test.each(cases)("$id", ({ cache, txt, https, result }) => {
    const before: Known =
      cache === null
        ? NOTHING_KNOWN
        : {
            held: held({ expiresAt: NOW + (cache.fresh ? DAY_MS : -1), mx: cache.mx ?? ["mx.example"] }),
            trouble: null,
          };
    const text = textOf(txt);
    const isMismatch = cache?.mx !== undefined;
    const isCalled = mustFetch(before, text, NOW) || isMismatch;
    expect(isCalled).toBe(https !== "-" && https !== "not called");
    const id = text.kind === "id" ? text.id : "1";
    const after = isCalled ? afterFetch(before, { id, fetch: fetchOf(https) }, { now: NOW, chance: 0 }) : before;
    const state = stateOf(after, text, NOW);
    // A first look-up without an answer is told apart from a domain without a policy; both let ordinary mail go.
    const kind = result.use.startsWith("enforce") ? "enforce" : "none";
    expect(state).toMatchObject({ kind, ...(isMismatch ? { mx: ["new.example"] } : {}) });
    const store = storeOf(before, after);
    expect(store).toBe(result.store?.split(" ")[0] ?? store);
    expect(after.trouble?.failure.type).toBe(result.report);
  });
});

describe("a policy in force", () => {
  const texts = fc.constantFrom<StsText>(
    { kind: "none" },
    { kind: "unavailable" },
    { kind: "id", id: "1" },
    { kind: "id", id: "2" },
  );
  const failures = fc.constantFrom(FETCH_ERROR, INVALID);
  const steps = fc.array(fc.record({ text: texts, fetch: failures, waitMs: fc.nat(DAY_MS) }), { maxLength: 60 });

  test("survives whatever DNS and the policy host do, until it expires and not longer", () => {
    fc.assert(
      fc.property(steps, (some) => {
        const first = held({ fetchedAt: NOW, expiresAt: NOW + 3 * DAY_MS });
        let known: Known = { held: first, trouble: null };
        let now = NOW;
        for (const { text, fetch, waitMs } of some) {
          now += waitMs;
          if (mustFetch(known, text, now)) known = afterFetch(known, { id: "2", fetch }, { now, chance: 0.5 });
          expect(stateOf(known, text, now).kind === "enforce").toBe(now < first.expiresAt);
        }
      }),
    );
  });

  test.each<[what: string, fetch: StsFetch, state: Partial<StsState>]>([
    ["another policy", fetched(["new.example"]), { kind: "enforce", id: "2", mx: ["new.example"] }],
    ["one in mode testing", fetched(["a.example"], "testing"), { kind: "testing", id: "2" }],
    ["one in mode none", fetched([], "none"), { kind: "none" }],
  ])("is replaced by %s that was fetched under another id", (_what, fetch, state) => {
    const before: Known = { held: held(), trouble: null };
    const after = afterFetch(before, { id: "2", fetch }, { now: NOW, chance: 0 });
    expect(stateOf(after, { kind: "unavailable" }, NOW)).toMatchObject(state);
    expect(mustFetch(after, { kind: "id", id: "2" }, NOW)).toBe(false);
  });
});

test("first contact without an answer of DNS is unknown, which is not none", () => {
  expect(stateOf(NOTHING_KNOWN, { kind: "unavailable" }, NOW)).toEqual({ kind: "unknown" });
  expect(stateOf(NOTHING_KNOWN, { kind: "none" }, NOW)).toEqual({ kind: "none", failure: null });
});

test("failures in a row make the pause longer, up to an hour, and a policy ends them", () => {
  let known: Known = NOTHING_KNOWN;
  const pauses: number[] = [];
  for (let n = 0; n < 6; n += 1) {
    known = afterFetch(known, { id: "1", fetch: FETCH_ERROR }, { now: NOW, chance: 0 });
    const { retryAt = 0 } = known.trouble ?? {};
    pauses.push((retryAt - NOW) / MINUTE_MS);
    expect(mustFetch(known, { kind: "id", id: "1" }, retryAt - 1)).toBe(false);
    expect(mustFetch(known, { kind: "id", id: "1" }, retryAt)).toBe(true);
  }
  expect(pauses).toEqual([5, 10, 20, 40, 60, 60]);
  expect(afterFetch(known, { id: "1", fetch: fetched() }, { now: NOW, chance: 0 }).trouble).toBeNull();
});

describe("a policy is renewed", () => {
  const timesOf = (maxAgeSeconds: number, chance: number) => {
    const { held: got } = afterFetch(
      NOTHING_KNOWN,
      { id: "1", fetch: fetched([], "none", maxAgeSeconds) },
      { now: 0, chance },
    );
    return { refreshAt: got?.refreshAt ?? 0, expiresAt: got?.expiresAt ?? 0 };
  };

  test("daily at the latest, at half its life at the latest, and not all at one time", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_800, max: 31_557_600 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (maxAge, chance) => {
          const { refreshAt, expiresAt } = timesOf(maxAge, chance);
          expect(expiresAt).toBe(maxAge * 1_000);
          expect(refreshAt).toBeLessThanOrEqual(Math.min(DAY_MS, expiresAt / 2));
        },
      ),
    );
    expect(timesOf(604_800, 0).refreshAt).toBe(0.75 * DAY_MS);
    expect(timesOf(604_800, 0.5).refreshAt).toBe(0.875 * DAY_MS);
  });

  test("and lives for five minutes at least, so that a max_age of nothing does not fetch for every mail", () => {
    expect(timesOf(0, 0).expiresAt).toBe(5 * MINUTE_MS);
  });
});

test("a pause that a clock far ahead had reckoned keeps nobody from fetching", () => {
  const trouble = afterFetch(
    { held: held(), trouble: null },
    { id: "2", fetch: FETCH_ERROR },
    { now: NOW + 300 * DAY_MS, chance: 0 },
  );
  expect(mustFetch(trouble, { kind: "id", id: "2" }, NOW + 300 * DAY_MS)).toBe(false);
  expect(mustFetch(trouble, { kind: "id", id: "2" }, NOW)).toBe(true);
});
