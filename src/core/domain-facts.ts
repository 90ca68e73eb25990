/**
 * What is remembered of recipient domains across restarts: policies, what was proven, what is to be reported. Promises: a domain
 * is compared whatever its case and international form; a stored fact stays until it is replaced, removed, forgotten at its time,
 * or pushed out by newer ones of its kind; one transaction a call. Reads and writes wait for the disk like all rows: who must not
 * wait, or must not lose a fact to a failing disk, keeps it in memory too. Implementations share one behavioural suite
 * (src/parts/store/domain-facts.suite.ts).
 */
import type { Wait } from "./queue-store.ts";

/**
 * `sts`: MTA-STS policies. `proven`: the best a domain ever proved. `tlsrpt`: what a TLS report will say. `suspended`: mail an operator
 * lets wait, where `domain` is the side and the pattern.
 */
export const DOMAIN_FACT_KINDS = ["sts", "proven", "tlsrpt", "suspended"] as const;
export type DomainFactKind = (typeof DOMAIN_FACT_KINDS)[number];

export type DomainFact = {
  readonly domain: string;
  /** What JSON can hold. Whoever reads it checks its shape: it may have been written by an earlier version. */
  readonly value: unknown;
  /** When `due` gives it; null: never. Milliseconds since the epoch, as all times here. */
  readonly lookAt: number | null;
  readonly forgetAt: number;
};

export type DomainFactPage = {
  readonly facts: readonly DomainFact[];
  /** Where the next page begins; null: there is none. */
  readonly next: string | null;
};

export const DOMAIN_FACT_LIMITS = {
  /** Of one value as JSON. */
  valueBytesMax: 98_304,
  /** Of one kind; those written longest ago leave first. */
  factsPerKindMax: 200_000,
  /** In one call, written or read. */
  factsPerCallMax: 500,
} as const;

export interface DomainFacts {
  /** null: nothing is known of it. Rejects where it cannot be read (unknown is not absent). */
  get(kind: DomainFactKind, domain: string): Promise<DomainFact | null>;
  /** Each in the place of what was there. Rejects a value over its limit; nothing is written then. */
  put(kind: DomainFactKind, facts: readonly DomainFact[], wait: Wait): Promise<void>;
  remove(kind: DomainFactKind, domains: readonly string[], wait: Wait): Promise<void>;
  /** Those whose `lookAt` has come, the earliest first. One that cannot be opened is left out, told of in the log, and due again an hour later. */
  due(kind: DomainFactKind, now: number, limit: number): Promise<readonly DomainFact[]>;
  /** All of one kind page by page, in no order that means anything; `after` null begins. Leaves out as `due` does. */
  list(kind: DomainFactKind, page: { readonly after: string | null; readonly limit: number }): Promise<DomainFactPage>;
  /** Forgets what has reached its `forgetAt`, at most `limit`; returns how many. */
  forget(now: number, limit: number): Promise<number>;
}
