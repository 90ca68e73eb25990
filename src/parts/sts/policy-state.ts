/**
 * What holds for a domain, and what is kept of it, from what was kept, what DNS says and what was fetched (RFC 8461 sections 3.3, 5.1
 * and 10.2). Pure. Promises: a policy that has not expired stays in force whatever DNS and the policy host do, until another one was
 * fetched; an expired one is never renewed by its id alone; after a failure nothing is fetched for five minutes at least.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { StsFailure, StsPolicy, StsState } from "../../core/sts.ts";
import type { StsFetch } from "./fetch-policy.ts";

/** What the TXT record says. */
export type StsText =
  | { readonly kind: "id"; readonly id: string }
  /** No record, none that is well-formed, or several. */
  | { readonly kind: "none" }
  | { readonly kind: "unavailable" };

export type HeldPolicy = {
  readonly id: string;
  readonly policy: StsPolicy;
  readonly fetchedAt: number;
  readonly expiresAt: number;
  /** When it should be fetched again, needed or not. */
  readonly refreshAt: number;
};

/** Failures in a row. */
export type StsTrouble = { readonly failure: StsFailure; readonly count: number; readonly retryAt: number };

export type Known = { readonly held: HeldPolicy | null; readonly trouble: StsTrouble | null };

export const NOTHING_KNOWN: Known = { held: null, trouble: null };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A policy lives at least this long: a `max_age` of nothing is no lever to make us fetch for every mail. */
const LIFE_MS_MIN = 5 * MINUTE_MS;
const REFRESH_MS_MIN = 10 * MINUTE_MS;
const REFRESH_MS_MAX = 24 * HOUR_MS;
const RETRY_MS_MIN = 5 * MINUTE_MS;
const RETRY_MS_MAX = HOUR_MS;

export function isInForce(held: HeldPolicy | null, now: number): held is HeldPolicy {
  return held !== null && now < held.expiresAt;
}

/** Whether a policy has to be fetched before mail goes: there is one, and not the one that is held. */
export function mustFetch({ held, trouble }: Known, text: StsText, now: number): boolean {
  if (text.kind !== "id" || (trouble !== null && isLater(trouble.retryAt, now, RETRY_MS_MAX))) return false;
  return !isInForce(held, now) || held.id !== text.id;
}

/** A pause longer than any there is was reckoned by a clock that was wrong: nothing waits for it. */
export function isLater(at: number, now: number, pauseMsMax: number): boolean {
  return now < at && at <= now + pauseMsMax;
}

/** `chance` in [0, 1) spreads the times at which many policies are renewed. */
export function afterFetch(
  known: Known,
  { id, fetch }: { readonly id: string; readonly fetch: StsFetch },
  { now, chance }: { readonly now: number; readonly chance: number },
): Known {
  switch (fetch.kind) {
    case "policy": {
      const lifeMs = Math.max(fetch.policy.maxAgeSeconds * 1_000, LIFE_MS_MIN);
      const refreshMs = Math.max(Math.min(REFRESH_MS_MAX, lifeMs / 2) * (0.75 + chance / 4), REFRESH_MS_MIN);
      const times = { fetchedAt: now, expiresAt: now + lifeMs, refreshAt: now + Math.round(refreshMs) };
      return { held: { id, policy: fetch.policy, ...times }, trouble: null };
    }
    case "failed": {
      const count = (known.trouble?.count ?? 0) + 1;
      const retryMs = Math.min(RETRY_MS_MIN * 2 ** (count - 1), RETRY_MS_MAX);
      return { held: known.held, trouble: { failure: fetch.failure, count, retryAt: now + retryMs } };
    }
    default:
      return assertNever(fetch);
  }
}

/** Text that did not come takes nothing away from a policy in force. */
export function stateOf({ held, trouble }: Known, text: StsText, now: number): StsState {
  const failure = trouble?.failure ?? null;
  if (isInForce(held, now)) {
    const { id, policy, fetchedAt, expiresAt } = held;
    const { mode, mx } = policy;
    return mode === "none" ? { kind: "none", failure } : { kind: mode, id, mx, fetchedAt, expiresAt, failure };
  }
  return text.kind === "unavailable" ? { kind: "unknown" } : { kind: "none", failure };
}
