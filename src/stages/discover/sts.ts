/**
 * What holds for a domain now (MTA-STS, RFC 8461): asks for its TXT record, fetches its policy where that is another one than is held,
 * remembers it. Promises: one question and one fetch a domain, however many mails wait for it; an answer within the time of a
 * foreground fetch; a policy in force outlives every failure of DNS, of the policy host and of the disk, and a restart; what DNS
 * denied is believed for minutes only. Enforces nothing: that is deliver's.
 */
import type { RaiseAlert } from "../../core/alert.ts";
import type { Chance, Clock } from "../../core/clock.ts";
import type { Resolver } from "../../core/dns-answer.ts";
import type { DomainFact, DomainFacts } from "../../core/domain-facts.ts";
import { errorName, reasonOf } from "../../core/error-facts.ts";
import type { Log } from "../../core/log.ts";
import type { StsState } from "../../core/sts.ts";
import { Gate } from "../../parts/dns/gate.ts";
import { SingleFlight } from "../../parts/dns/single-flight.ts";
import type { FetchPolicy, StsFetch } from "../../parts/sts/fetch-policy.ts";
import { afterFetch, isInForce, isLater, mustFetch, NOTHING_KNOWN, stateOf } from "../../parts/sts/policy-state.ts";
import type { Known, StsText } from "../../parts/sts/policy-state.ts";
import { readStsRecord } from "../../parts/sts/txt-record.ts";
import { StsMemory } from "./sts-memory.ts";
import type { MemoryLimits, Remembered } from "./sts-memory.ts";
import { lookAt, readStored } from "./sts-stored.ts";
import type { Stored } from "./sts-stored.ts";

export type StsOptions = MemoryLimits & {
  /** While mail waits, and while it does not. */
  readonly foregroundMs: number;
  readonly backgroundMs: number;
  /** How long an answer about the TXT record is believed, and how long that there was none. */
  readonly textMs: number;
  readonly noTextMs: number;
  /** Between two fetches of a domain because no mail server matches. */
  readonly forcedEveryMs: number;
  /** Policies renewed in one round, and at once. */
  readonly renewalsMax: number;
  readonly renewalsAtOnceMax: number;
};

const MINUTE_MS = 60_000;

export const STS_DEFAULTS: StsOptions = {
  domainsMax: 20_000,
  mxNamesMax: 200_000,
  foregroundMs: 10_000,
  backgroundMs: 60_000,
  textMs: 5 * MINUTE_MS,
  noTextMs: MINUTE_MS,
  forcedEveryMs: 5 * MINUTE_MS,
  renewalsMax: 100,
  renewalsAtOnceMax: 4,
};

export type StsDeps = {
  readonly resolver: Pick<Resolver, "txt">;
  readonly fetchPolicy: FetchPolicy;
  readonly facts: Pick<DomainFacts, "get" | "put" | "due">;
  readonly clock: Pick<Clock, "now">;
  readonly chance: Chance;
  readonly log: Log;
  readonly raise: RaiseAlert;
};

/** What discover asks. Both never reject. */
export interface StsLookup {
  /** `domain`: a host name in lower case. */
  policyOf(domain: string): Promise<StsState>;
  /** No mail server of the domain is one its policy names: perhaps it was changed without a word in DNS. */
  fetchedAgain(domain: string): Promise<StsState>;
}

/** Times a renewal may fail before somebody is told. */
const QUIET_FAILURES_MAX = 3;
/** A policy without its record, or one that cannot be read, is looked at again after this. */
const NO_RECORD_MS = 60 * MINUTE_MS;
/** Beyond the time of a fetch, for its own word. */
const PATIENCE_MS = 100;
const LATE: StsFetch = { kind: "failed", failure: { type: "sts-policy-fetch-error", detail: "no answer in time" } };
const UNREADABLE: StsState = { kind: "unavailable", code: "PST-DSC-015" };
/** A use is written down no more often. */
const USED_EVERY_MS = 24 * 60 * MINUTE_MS;

/** What a person who asked for a fetch is told. */
export type Renewal = { readonly text: StsText; readonly fetch: StsFetch | null; readonly state: StsState };

export class StsPolicies implements StsLookup {
  readonly #options: StsOptions;
  readonly #deps: StsDeps;
  readonly #memory: StsMemory;
  readonly #looks = new SingleFlight<StsState>();
  readonly #forced = new SingleFlight<StsState>();
  readonly #fetches = new SingleFlight<StsFetch>();
  readonly #renewals: Gate;

  constructor(options: StsOptions, deps: StsDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#memory = new StsMemory(options, deps);
    this.#renewals = new Gate(options.renewalsAtOnceMax);
  }

  async policyOf(domain: string): Promise<StsState> {
    const now = this.#deps.clock.now();
    const known = this.#memory.find(domain);
    if (known !== null && this.#isCurrent(known, now)) {
      this.#use(domain, known, now);
      return stateOf(known, known.text, now);
    }
    return (await this.#looks.join(domain, () => this.#look(domain))) ?? { kind: "unknown" };
  }

  async fetchedAgain(domain: string): Promise<StsState> {
    const again = async (): Promise<StsState> => {
      const now = this.#deps.clock.now();
      const known = this.#memory.find(domain);
      if (known === null) return this.policyOf(domain);
      const { held, text, forcedAt } = known;
      const { forcedEveryMs } = this.#options;
      const isTooSoon = [forcedAt, held?.fetchedAt ?? 0].some((at) => isLater(at + forcedEveryMs, now, forcedEveryMs));
      if (!isInForce(held, now) || isTooSoon) return stateOf(known, text, now);
      this.#memory.keep(domain, { ...known, forcedAt: now }, { isNew: false, now });
      await this.#fetch(domain, text.kind === "id" ? text.id : held.id);
      const after = this.#memory.find(domain) ?? known;
      return stateOf(after, after.text, this.#deps.clock.now());
    };
    return (await this.#forced.join(domain, again)) ?? { kind: "unknown" };
  }

  /** For a person: asks and fetches now, whatever is held. What cannot be read is replaced by a policy, and by nothing less. */
  async renew(domain: string): Promise<Renewal> {
    const before = await this.#memory.recall(domain).catch((error: unknown) => this.#unreadable(domain, error));
    const text = await this.#readText(domain);
    const held = before === "unreadable" ? null : (before?.held ?? null);
    const id = text.kind === "id" ? text.id : (held?.id ?? null);
    if (before !== "unreadable") this.#learn(domain, before, text);
    const fetch = id === null ? null : await this.#fetch(domain, id);
    const after = this.#memory.find(domain);
    const state = after === null ? UNREADABLE : stateOf(after, text, this.#deps.clock.now());
    return { text, fetch, state };
  }

  /** One round of the duty: policies that are due are fetched, needed or not, so that nobody gains by waiting for their end. */
  async renewDue(signal: AbortSignal): Promise<void> {
    const now = this.#deps.clock.now();
    this.#memory.writeAgain(now);
    const due = await this.#deps.facts.due("sts", now, this.#options.renewalsMax);
    await Promise.all(due.map((fact) => this.#renewals.pass(() => this.#renewOne(fact, signal))));
  }

  /** What is remembered of a domain; rejects where it cannot be read. */
  recall(domain: string): Promise<Stored | null> {
    return this.#memory.recall(domain);
  }

  /** Resolves when all that was learned is on disk, or could not be written. */
  async close(): Promise<void> {
    await this.#memory.settled();
  }

  #isCurrent(known: Remembered, now: number): boolean {
    const { textMs, noTextMs } = this.#options;
    const lifeMs = known.text.kind === "unavailable" ? noTextMs : textMs;
    const isAsked = known.askedAt <= now && now < known.askedAt + lifeMs;
    return isAsked && !mustFetch(known, known.text, now);
  }

  async #look(domain: string): Promise<StsState> {
    let stored: Stored | null;
    let text: StsText;
    try {
      [stored, text] = await Promise.all([this.#memory.recall(domain), this.#readText(domain)]);
    } catch (error) {
      this.#unreadable(domain, error);
      return UNREADABLE;
    }
    const known = this.#learn(domain, stored, text);
    if (text.kind === "id" && mustFetch(known, text, this.#deps.clock.now())) {
      await this.#fetch(domain, text.id);
    }
    const after = this.#memory.find(domain) ?? known;
    return stateOf(after, text, this.#deps.clock.now());
  }

  #unreadable(domain: string, error: unknown): "unreadable" {
    this.#deps.log.error("sts_policy_unreadable", { domain, code: reasonOf(error), error: errorName(error) });
    return "unreadable";
  }

  /** What is known, with what DNS said. */
  #learn(domain: string, stored: Stored | null, text: StsText): Remembered {
    const now = this.#deps.clock.now();
    // What came into memory while DNS and the disk were asked is newer than what was read.
    const present = this.#memory.find(domain);
    const forcedAt = present?.forcedAt ?? 0;
    const { held, trouble, usedAt } = present ?? stored ?? { ...NOTHING_KNOWN, usedAt: now };
    const known = { held, trouble, usedAt, text, askedAt: now, forcedAt };
    this.#memory.keep(domain, known, { isNew: false, now });
    this.#use(domain, known, now);
    return known;
  }

  #use(domain: string, known: Remembered, now: number): void {
    if (known.held === null || now < known.usedAt + USED_EVERY_MS) return;
    this.#memory.keep(domain, { ...known, usedAt: now }, { isNew: true, now });
  }

  /** Fetches, and remembers what came of it. `signal`: nobody waits for it, and it may take its time until told to stop. */
  async #fetch(domain: string, id: string, signal?: AbortSignal): Promise<StsFetch> {
    const timeoutMs = signal === undefined ? this.#options.foregroundMs : this.#options.backgroundMs;
    const run = async (shared: AbortSignal): Promise<StsFetch> => {
      const fetch = await this.#deps.fetchPolicy(domain, timeoutMs, shared);
      if (signal?.aborted !== true) this.#remember(domain, id, fetch);
      return fetch;
    };
    // Another may have begun it with more time than there is here; one of our own ends by itself, and says why.
    const patience = AbortSignal.timeout(timeoutMs + PATIENCE_MS);
    const either = signal === undefined ? patience : AbortSignal.any([patience, signal]);
    return (await this.#fetches.join(domain, run, either)) ?? LATE;
  }

  #remember(domain: string, id: string, fetch: StsFetch): void {
    const now = this.#deps.clock.now();
    const before = this.#memory.find(domain);
    // What is not in memory may be in the database: a failure says nothing about it.
    if (before === null && fetch.kind === "failed") return;
    const known = afterFetch(before ?? NOTHING_KNOWN, { id, fetch }, { now, chance: this.#deps.chance() });
    const rest = before ?? { usedAt: now, text: { kind: "id", id } as const, askedAt: 0, forcedAt: 0 };
    this.#memory.keep(domain, { ...rest, ...known }, { isNew: known.held !== null, now });
    if (fetch.kind === "policy") {
      const { mode } = fetch.policy;
      if (before?.held?.id !== id || before.held.policy.mode !== mode)
        this.#deps.log.info("sts_policy", { domain, id, mode });
      return;
    }
    const { type, detail } = fetch.failure;
    this.#deps.log.warn("sts_policy_failed", { domain, type, detail });
    this.#warn(domain, known, now);
  }

  /** RFC 8461 section 10.2: long before a policy expires, somebody should know that it is kept from being renewed. */
  #warn(domain: string, { held, trouble }: Known, now: number): void {
    if (!isInForce(held, now) || held.policy.mode !== "enforce" || (trouble?.count ?? 0) < QUIET_FAILURES_MAX) return;
    if (now - held.fetchedAt > (held.expiresAt - held.fetchedAt) / 2) {
      this.#deps.raise({ code: "PST-DSC-016", facts: { domain } });
    }
  }

  async #readText(domain: string): Promise<StsText> {
    const answer = await this.#deps.resolver.txt(`_mta-sts.${domain}`);
    if (answer.kind === "bogus" || answer.kind === "unavailable") return { kind: "unavailable" };
    const id = answer.kind === "found" ? readStsRecord(answer.value) : null;
    return id === null ? { kind: "none" } : { kind: "id", id };
  }

  /** Without a record there is nothing to renew (RFC 8461 section 3.1): the policy holds until it expires. */
  async #renewOne({ domain, ...fact }: DomainFact, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const now = this.#deps.clock.now();
    const text = await this.#readText(domain);
    const known = this.#memory.find(domain) ?? this.#stored(domain, fact);
    if (known === null) {
      // It stays as it is, but stands before no other.
      await this.#deps.facts.put("sts", [{ domain, ...fact, lookAt: now + NO_RECORD_MS }], "ordered");
      return;
    }
    const { held } = known;
    const next = lookAt(known, now);
    // What memory holds may be newer than what was due.
    const isDue = held !== null && next !== null && next <= now;
    if (isDue && text.kind === "none") {
      const refreshAt = now + NO_RECORD_MS;
      this.#memory.keep(domain, { ...known, text, held: { ...held, refreshAt } }, { isNew: true, now });
      return;
    }
    this.#memory.keep(domain, { ...known, text, askedAt: now }, { isNew: held !== null && !isDue, now });
    if (isDue) await this.#fetch(domain, text.kind === "id" ? text.id : held.id, signal);
  }

  #stored(domain: string, fact: Pick<DomainFact, "value">): Omit<Remembered, "text"> | null {
    try {
      return { ...readStored(fact), askedAt: 0, forcedAt: 0 };
    } catch (error) {
      this.#unreadable(domain, error);
      return null;
    }
  }
}
