/**
 * What each recipient domain proved, in memory for the domains in use and in the state database for all. Promises: a fall from what
 * needs DNSSEC counts only while the resolver is seen to validate; what cannot be read is `unavailable`, never absent; no write for a
 * mail that shows what was known (at most one a day for a domain, two an hour for one whose servers differ); what was seen stays in
 * force in memory when it cannot be written. Whoever hears of `tell` raises alerts and writes the audit.
 */
import type { Clock } from "../../core/clock.ts";
import type { DomainFact, DomainFacts } from "../../core/domain-facts.ts";
import { errorName, reasonOf } from "../../core/error-facts.ts";
import type { Log } from "../../core/log.ts";
import { meetsRung } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";
import type { Proven } from "../../core/proven.ts";
import { accept, firstRecord, isBelow, needsDnssec, see } from "./record.ts";
import type { Downgrade, DomainRecord } from "./record.ts";
import { readRecord, recordValue } from "./record-value.ts";
import type { Sighting } from "./sightings.ts";

export type LedgerDeps = {
  readonly facts: Pick<DomainFacts, "get" | "put" | "due">;
  readonly clock: Clock;
  readonly log: Log;
  /** How long protected mail keeps what a domain proved, from the first sight of its fall on. */
  readonly keepMs: () => number;
  /** Whether DNSSEC is validated, asked now. */
  readonly isValidating: () => Promise<boolean>;
  /** As last seen. */
  readonly wasValidating: () => boolean;
  /** News of one domain; `message`: the one whose delivery showed it. */
  readonly tell: (domain: string, news: Downgrade, message: string | null) => void;
  /** A fall that was told of in an earlier life of the process still stands. */
  readonly remind: (domain: string, fall: Omit<Downgrade, "step">) => void;
};

type Entry = {
  /** null: nothing was proven yet. */
  record: DomainRecord | null;
  saved: DomainRecord | null;
  savedAt: number;
  /** The fall that stands was told of, or reminded of, in this life of the process. */
  isStanding: boolean;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A domain nobody writes to for so long has nothing on record any more. */
const FORGET_MS = 400 * DAY_MS;
const DOMAINS_IN_MEMORY_MAX = 20_000;
const DUE_MAX = 200;

export class ProvenLedger {
  readonly #deps: LedgerDeps;
  readonly #domainsMax: number;
  /** The domain used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Promise<Entry>>();
  readonly #tasks = new Set<Promise<void>>();

  constructor(deps: LedgerDeps, domainsMax = DOMAINS_IN_MEMORY_MAX) {
    this.#deps = deps;
    this.#domainsMax = domainsMax;
  }

  /** Never rejects. */
  async recall(domain: string): Promise<Proven> {
    try {
      const entry = this.#entryInMemory(domain) ?? (await this.#load(domain));
      return entry.record === null ? { kind: "absent" } : this.#proven(entry.record);
    } catch (error) {
      return { kind: "unavailable", code: reasonOf(error) ?? "PST-DEC-021" };
    }
  }

  /** What a delivery showed. Returns at once; what there is to write is written beside the mail. */
  see(domain: string, sightings: readonly Sighting[], message: string | null): void {
    if (sightings.length === 0) return;
    const entry = this.#entryInMemory(domain);
    if (entry !== null && !this.#isDoubtful(entry, sightings)) this.#take(domain, entry, { sightings, message });
    else this.#supervise(this.#seeLater(domain, sightings, message));
  }

  /** True where `best` is less than the domain proved, and that may be because our own resolver does not validate. */
  async isBlind(domain: string, best: Rung): Promise<boolean> {
    const proven = await this.recall(domain);
    if (proven.kind !== "known" || !needsDnssec(proven.rung) || meetsRung(best, proven.rung)) return false;
    return !(await this.#deps.isValidating());
  }

  /** Falls that lasted long enough become the record, also where no mail goes to the domain any more. */
  async acceptDue(signal: AbortSignal): Promise<void> {
    const { facts, clock } = this.#deps;
    const due = await facts.due("proven", clock.now(), DUE_MAX);
    for (const fact of due) {
      if (signal.aborted) return;
      const { domain } = fact;
      const entry = this.#entryInMemory(domain) ?? (await this.#load(domain).catch(() => null));
      const record = entry?.record ?? null;
      if (entry === null || record === null) {
        // One that cannot be read stays unknown to decide, and stands before no other.
        await facts.put("proven", [{ ...fact, lookAt: clock.now() + HOUR_MS }], "ordered");
        continue;
      }
      const isSure = !needsDnssec(record.rung) || (await this.#deps.isValidating());
      const accepted = isSure ? accept(record, this.#moment()) : null;
      if (accepted !== null) this.#settle(domain, entry, { ...accepted, message: null });
      else await this.#save(domain, entry, record.fall === null ? null : clock.now() + HOUR_MS);
    }
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await Promise.all(this.#tasks);
  }

  get size(): number {
    return this.#entries.size;
  }

  #isDoubtful({ record }: Entry, sightings: readonly Sighting[]): boolean {
    return record !== null && needsDnssec(record.rung) && isBelow(record, sightings);
  }

  async #seeLater(domain: string, sightings: readonly Sighting[], message: string | null): Promise<void> {
    const entry = this.#entryInMemory(domain) ?? (await this.#load(domain));
    // No TLS at all is below every record, whoever validates.
    const isPlain = sightings.every(({ rung }) => rung === "plain");
    if (this.#isDoubtful(entry, sightings) && !isPlain && !(await this.#deps.isValidating())) return;
    this.#take(domain, entry, { sightings, message });
  }

  #take(
    domain: string,
    entry: Entry,
    { sightings, message }: { readonly sightings: readonly Sighting[]; readonly message: string | null },
  ): void {
    const { record } = entry;
    const seen =
      record === null ? { record: firstRecord(sightings), told: null } : see(record, sightings, this.#moment());
    this.#settle(domain, entry, { ...seen, message });
  }

  #settle(
    domain: string,
    entry: Entry,
    { record, told, message }: { record: DomainRecord; told: Downgrade | null; message: string | null },
  ): void {
    entry.record = record;
    const { fall, rung: from } = record;
    if (told !== null) this.#deps.tell(domain, told, message);
    else if (fall?.isTold === true && !entry.isStanding)
      this.#deps.remind(domain, { from, to: fall.to, host: fall.host });
    entry.isStanding = fall?.isTold === true;
    if (isDue(entry, record, this.#deps.clock.now()) || told !== null) this.#supervise(this.#save(domain, entry));
  }

  async #save(domain: string, entry: Entry, lookAt?: number | null): Promise<void> {
    const { facts, clock, keepMs } = this.#deps;
    const { record, saved, savedAt } = entry;
    if (record === null) return;
    const now = clock.now();
    entry.saved = record;
    entry.savedAt = now;
    const fallEnds = record.fall === null ? null : record.fall.at + keepMs();
    const fact: DomainFact = {
      domain,
      value: recordValue(record),
      lookAt: lookAt === undefined ? fallEnds : lookAt,
      forgetAt: now + FORGET_MS,
    };
    try {
      await facts.put("proven", [fact], "ordered");
    } catch (error) {
      // It stays in force, and the next delivery tries again.
      Object.assign(entry, { saved, savedAt });
      this.#deps.log.error("proven_not_saved", { code: reasonOf(error), error: errorName(error) });
    }
  }

  #proven({ rung, fall }: DomainRecord): Proven {
    const isSure = !needsDnssec(rung) || this.#deps.wasValidating();
    const keptUntil = fall === null || !isSure ? null : fall.at + this.#deps.keepMs();
    return { kind: "known", rung, fall: fall && { to: fall.to, at: fall.at, host: fall.host }, keptUntil };
  }

  #entryInMemory(domain: string): Entry | null {
    const entry = this.#entries.get(domain);
    if (entry === undefined) return null;
    this.#entries.delete(domain);
    this.#entries.set(domain, entry);
    return entry;
  }

  #load(domain: string): Promise<Entry> {
    const known = this.#loading.get(domain);
    if (known !== undefined) return known;
    const loading = this.#read(domain).finally(() => this.#loading.delete(domain));
    this.#loading.set(domain, loading);
    return loading;
  }

  async #read(domain: string): Promise<Entry> {
    const fact = await this.#deps.facts.get("proven", domain);
    const record = fact === null ? null : readRecord(fact.value);
    const savedAt = fact === null ? 0 : fact.forgetAt - FORGET_MS;
    const entry: Entry = { record, saved: record, savedAt, isStanding: false };
    this.#entries.set(domain, entry);
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size > this.#domainsMax) this.#entries.delete(oldest);
    return entry;
  }

  #moment(): { readonly now: number; readonly keepMs: number } {
    return { now: this.#deps.clock.now(), keepMs: this.#deps.keepMs() };
  }

  #supervise(task: Promise<void>): void {
    const watched = task
      .catch((error: unknown) =>
        this.#deps.log.error("proven_not_read", { code: reasonOf(error), error: errorName(error) }),
      )
      .finally(() => this.#tasks.delete(watched));
    this.#tasks.add(watched);
  }
}

/** Whether the database should know of it by now. */
function isDue({ saved, savedAt }: Entry, record: DomainRecord, now: number): boolean {
  if (record.rung !== saved?.rung) return true;
  if (saved.fall !== null && record.fall === null) return true;
  const isFallChanged = record.fall?.to !== saved.fall?.to;
  return now - savedAt >= (isFallChanged ? HOUR_MS : DAY_MS);
}
