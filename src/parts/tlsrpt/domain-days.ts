/**
 * What is kept of one domain for its TLS reports: a few days of counts, and what became of each day's report. Pure. Promises: what is
 * stored stays below its size whatever happened, by leaving out details first and days last; totals stay right as long as their policy is
 * there; a stored value of another shape reads as nothing.
 */
import type { DomainDay, FailureRow, PolicyCounts, ReportState, TlsFailure } from "../../core/tls-results.ts";
import { cutPolicy, DAY_MS, dayEnd, dayStart, policyKey } from "./session-book.ts";
import type { SessionRow } from "./session-book.ts";

export type DomainDays = { readonly version: 1; readonly days: readonly DomainDay[] };

/** Today, the day that is reported, and one more to look at. */
const DAYS_MAX = 3;
const POLICIES_MAX = 12;
const FAILURES_MAX = 60;
const NAMES_MAX = 24;
/** Below the limit of the store, sealing and all. */
const VALUE_BYTES_MAX = 90_000;

export const NO_DAYS: DomainDays = { version: 1, days: [] };

/** As stored; anything else is nothing. */
export function readDomainDays(value: unknown): DomainDays {
  if (typeof value !== "object" || value === null || !("version" in value) || !("days" in value)) return NO_DAYS;
  return value.version === 1 && Array.isArray(value.days) ? (value as DomainDays) : NO_DAYS;
}

/** When nothing of it can be of use any more. */
export function forgetDaysAt({ days }: DomainDays): number {
  return Math.max(0, ...days.map(({ day }) => dayEnd(day))) + DAYS_MAX * DAY_MS;
}

export function totalsOf({ succeeded, failures, moreFailed }: PolicyCounts): {
  readonly succeeded: number;
  readonly failed: number;
} {
  return { succeeded, failed: failures.reduce((sum, { count }) => sum + count, moreFailed) };
}

export function addCounts(before: DomainDays, day: string, rows: readonly SessionRow[]): DomainDays {
  const known = before.days.find((one) => one.day === day) ?? { day, policies: [], report: null };
  const policies = rows.reduce(withRow, known.policies);
  return fitted(withDay(before, { ...known, policies }));
}

export function withReport(before: DomainDays, day: string, report: ReportState): DomainDays {
  const known = before.days.find((one) => one.day === day);
  return known === undefined ? before : fitted(withDay(before, { ...known, report }));
}

function withDay({ days }: DomainDays, day: DomainDay): DomainDays {
  const others = days.filter((one) => one.day !== day.day);
  const all = [...others, day].toSorted((a, b) => dayStart(b.day) - dayStart(a.day));
  return { version: 1, days: all.slice(0, DAYS_MAX) };
}

function withRow(policies: readonly PolicyCounts[], row: SessionRow): readonly PolicyCounts[] {
  const policy = cutPolicy(row.policy);
  const key = policyKey(policy);
  const index = policies.findIndex((one) => policyKey(one.policy) === key);
  const known = policies[index] ?? { policy, succeeded: 0, succeededAt: {}, failures: [], moreFailed: 0 };
  if (index === -1 && policies.length >= POLICIES_MAX) return policies;
  const counted = row.failure === null ? withSuccess(known, row) : withFailure(known, { ...row, failure: row.failure });
  return index === -1 ? [...policies, counted] : policies.with(index, counted);
}

function withSuccess(known: PolicyCounts, { mxHost, count }: SessionRow): PolicyCounts {
  const at = new Map(Object.entries(known.succeededAt));
  if (at.has(mxHost) || at.size < NAMES_MAX) at.set(mxHost, (at.get(mxHost) ?? 0) + count);
  return { ...known, succeeded: known.succeeded + count, succeededAt: Object.fromEntries(at) };
}

function withFailure(known: PolicyCounts, row: SessionRow & { readonly failure: TlsFailure }): PolicyCounts {
  const { failure, reason, mxHost, sendingIp, receivingIp, count } = row;
  const fresh: FailureRow = { failure, reason, mxHost, sendingIp, receivingIp, count };
  const index = known.failures.findIndex((one) => isAlike(one, fresh));
  const one = known.failures[index];
  if (one !== undefined) {
    return { ...known, failures: known.failures.with(index, { ...one, count: one.count + count }) };
  }
  if (known.failures.length >= FAILURES_MAX) return { ...known, moreFailed: known.moreFailed + count };
  return { ...known, failures: [...known.failures, fresh] };
}

function isAlike(a: FailureRow, b: FailureRow): boolean {
  const addresses = a.sendingIp === b.sendingIp && a.receivingIp === b.receivingIp;
  return a.failure === b.failure && a.reason === b.reason && a.mxHost === b.mxHost && addresses;
}

/** Details of failures go first, then days from the oldest, then policies from the last. */
function fitted(value: DomainDays): DomainDays {
  if (isSmall(value)) return value;
  const bare = value.days.map((day) => ({ ...day, policies: day.policies.map(withoutDetails) }));
  for (let keep = bare.length; keep > 1; keep--) {
    const fewer: DomainDays = { version: 1, days: bare.slice(0, keep) };
    if (isSmall(fewer)) return fewer;
  }
  const [last] = bare;
  if (last === undefined) return NO_DAYS;
  for (let keep = last.policies.length; keep > 0; keep--) {
    const fewer: DomainDays = { version: 1, days: [{ ...last, policies: last.policies.slice(0, keep) }] };
    if (isSmall(fewer)) return fewer;
  }
  return { version: 1, days: [{ ...last, policies: [] }] };
}

function isSmall(value: DomainDays): boolean {
  return Buffer.byteLength(JSON.stringify(value)) <= VALUE_BYTES_MAX;
}

/** One row for each kind of failure, without hosts and addresses beyond the first. */
function withoutDetails(counts: PolicyCounts): PolicyCounts {
  const kinds = Map.groupBy(counts.failures, ({ failure }) => failure);
  const failures = [...kinds.values()].flatMap((rows) => {
    const [first] = rows;
    if (first === undefined) return [];
    const count = rows.reduce((sum, row) => sum + row.count, 0);
    return [{ ...first, sendingIp: null, receivingIp: null, count }];
  });
  return { ...counts, failures, succeededAt: {} };
}
