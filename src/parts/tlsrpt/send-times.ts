/**
 * When the report of a day goes out (RFC 8460 sections 4.1 and 5.5). Pure. Promises: after the day is over and its counts are written;
 * spread over SPREAD_MS, for a domain and a gateway always at the same time of day; tried again with growing pauses, for TRIED_MS at most.
 */
import { createHash } from "node:crypto";
import type { DomainDay } from "../../core/tls-results.ts";
import type { DomainDays } from "./domain-days.ts";
import { dayEnd } from "./session-book.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const FIRST_MS = 30 * MINUTE_MS;
const SPREAD_MS = 4 * HOUR_MS;
const TRIED_MS = 24 * HOUR_MS;
const PAUSES_MS: readonly number[] = [15, 30, 60, 120].map((minutes) => minutes * MINUTE_MS);

/** Names what is sent: two gateways, or two domains, have each their own time. */
export type SendKey = { readonly gateway: string; readonly domain: string };

export function sendAt(day: string, { gateway, domain }: SendKey): number {
  const hash = createHash("sha256")
    .update(JSON.stringify([gateway, domain]))
    .digest();
  return dayEnd(day) + FIRST_MS + Math.floor((hash.readUInt32BE(0) / 2 ** 32) * SPREAD_MS);
}

/** When the report of a day is to be tried; null: never again. */
export function tryAt({ day, report }: DomainDay, key: SendKey): number | null {
  return report === null ? sendAt(day, key) : report.nextAt;
}

/** The earliest of all days; null: there is nothing to do. */
export function lookAt({ days }: DomainDays, key: SendKey): number | null {
  const times = days.map((day) => tryAt(day, key)).filter((at) => at !== null);
  return times.length === 0 ? null : Math.min(...times);
}

/** After so many tries; null: the time for it is over. */
export function nextTryAt(
  day: string,
  tries: number,
  { now, key }: { readonly now: number; readonly key: SendKey },
): number | null {
  const at = now + (PAUSES_MS[Math.min(tries, PAUSES_MS.length) - 1] ?? 0);
  return isOver(day, { now: at, key }) ? null : at;
}

export function isOver(day: string, { now, key }: { readonly now: number; readonly key: SendKey }): boolean {
  return now > sendAt(day, key) + TRIED_MS;
}
