/**
 * What is known of the policies of domains: in memory, bounded, and behind it in the database. Promises: what is in memory counts,
 * whatever becomes of the disk; a policy that could not be written is written again by and by, and leaves memory last; a domain whose
 * row cannot be read is not taken for one without a policy (`recall` rejects).
 */
import type { DomainFact, DomainFacts } from "../../core/domain-facts.ts";
import { errorName, reasonOf } from "../../core/error-facts.ts";
import type { Log } from "../../core/log.ts";
import type { StsText } from "../../parts/sts/policy-state.ts";
import { readStored, toFact } from "./sts-stored.ts";
import type { Stored } from "./sts-stored.ts";

export type Remembered = Stored & {
  readonly text: StsText;
  /** When the TXT record was asked for. */
  readonly askedAt: number;
  /** When the policy was last fetched again because no mail server matched it. */
  readonly forcedAt: number;
};

type Entry = { value: Remembered; isUnwritten: boolean };

export type MemoryLimits = { readonly domainsMax: number; readonly mxNamesMax: number };

/** Of those that could have to leave. */
const LOOKED_AT_MAX = 50;

export class StsMemory {
  readonly #limits: MemoryLimits;
  readonly #facts: Pick<DomainFacts, "get" | "put">;
  readonly #log: Log;
  /** Least lately used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #writes = new Set<Promise<void>>();
  #mxNames = 0;

  constructor(limits: MemoryLimits, { facts, log }: { facts: Pick<DomainFacts, "get" | "put">; log: Log }) {
    this.#limits = limits;
    this.#facts = facts;
    this.#log = log;
  }

  /** What is in memory. */
  find(domain: string): Remembered | null {
    const entry = this.#entries.get(domain);
    if (entry === undefined) return null;
    this.#entries.delete(domain);
    this.#entries.set(domain, entry);
    return entry.value;
  }

  /** In memory, or in the database; null: nothing is known. */
  async recall(domain: string): Promise<Stored | null> {
    const known = this.find(domain);
    if (known !== null) return known;
    const fact = await this.#facts.get("sts", domain);
    return fact === null ? null : readStored(fact);
  }

  /** `isNew`: the database should know it. */
  keep(domain: string, value: Remembered, { isNew, now }: { readonly isNew: boolean; readonly now: number }): void {
    const before = this.#entries.get(domain);
    this.#mxNames += weightOf(value) - (before === undefined ? 0 : weightOf(before.value));
    this.#entries.delete(domain);
    const entry: Entry = { value, isUnwritten: (before?.isUnwritten ?? false) || isNew };
    this.#entries.set(domain, entry);
    if (isNew) this.#write(domain, now);
    while (this.#entries.size > this.#limits.domainsMax || this.#mxNames > this.#limits.mxNamesMax) this.#dropOne();
  }

  /** Those the database did not take, once more. */
  writeAgain(now: number): void {
    for (const [domain, { isUnwritten }] of this.#entries) if (isUnwritten) this.#write(domain, now);
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }

  #write(domain: string, now: number): void {
    const entry = this.#entries.get(domain);
    const fact = entry === undefined ? null : toFact(domain, entry.value, now);
    if (entry === undefined || fact === null) return;
    const writing = this.#put(entry, fact).finally(() => this.#writes.delete(writing));
    this.#writes.add(writing);
  }

  async #put(entry: Entry, fact: DomainFact): Promise<void> {
    try {
      await this.#facts.put("sts", [fact], "durable");
      entry.isUnwritten = false;
    } catch (error) {
      this.#log.error("sts_policy_unwritten", { code: reasonOf(error), error: errorName(error) });
    }
  }

  #dropOne(): void {
    let looked = 0;
    const [first] = this.#entries.keys();
    let victim = first;
    for (const [domain, { isUnwritten }] of this.#entries) {
      if (!isUnwritten) victim = domain;
      looked += 1;
      if (!isUnwritten || looked === LOOKED_AT_MAX) break;
    }
    if (victim === undefined) return;
    const entry = this.#entries.get(victim);
    this.#entries.delete(victim);
    if (entry !== undefined) this.#mxNames -= weightOf(entry.value);
  }
}

function weightOf({ held }: Stored): number {
  return held === null ? 0 : held.policy.mx.length;
}
