/**
 * Counts the TLS sessions of all deliveries for TLS reports (RFC 8460), always, whether reports are sent or not. Stands around the
 * verbs discover and deliver, which know nothing of it. Promises: costs a delivery one look-up in a map; whatever goes wrong here, the delivery
 * ends as it ended; counts are written every WRITE_EVERY_MS and at a stop, and what a failing disk does not take is kept and comes again.
 */
import type { MxHost } from "./core/capabilities.ts";
import type { Clock } from "./core/clock.ts";
import type { DomainFact, DomainFacts } from "./core/domain-facts.ts";
import type { Duty } from "./core/duty.ts";
import { errorName, reasonOf } from "./core/error-facts.ts";
import type { Log } from "./core/log.ts";
import { Turns } from "./core/patience.ts";
import type { Deliver, DeliveryReport, DeliveryRequest, Discover } from "./core/stages.ts";
import type { StsState } from "./core/sts.ts";
import { addCounts, forgetDaysAt, NO_DAYS, readDomainDays } from "./parts/tlsrpt/domain-days.ts";
import type { DomainDays } from "./parts/tlsrpt/domain-days.ts";
import { SessionBook } from "./parts/tlsrpt/session-book.ts";
import type { DomainCounts } from "./parts/tlsrpt/session-book.ts";
import { PATTERNS_MAX, sessionsOf } from "./parts/tlsrpt/session-results.ts";

const WRITE_EVERY_MS = 60_000;
/** Domains written in one transaction. */
const PORTION_MAX = 100;
/** Domains whose policy is at hand; of the others a report names its mode alone. */
const POLICIES_MAX = 20_000;

export type TlsSessionDeps = {
  readonly facts: DomainFacts;
  readonly clock: Clock;
  readonly log: Log;
  /** When somebody is to look at the days of a domain; null: never. */
  readonly lookAt: (domain: string, days: DomainDays) => number | null;
};

export class TlsSessions {
  readonly #deps: TlsSessionDeps;
  readonly #book = new SessionBook();
  readonly #turns = new Turns();
  readonly #totals = new Map<string, number>();
  /** What held for a domain when it was last looked up; the one looked up longest ago leaves first. */
  readonly #policies = new Map<string, StsState>();

  constructor(deps: TlsSessionDeps) {
    this.#deps = deps;
  }

  /** Sessions by result since the start: `success`, or as RFC 8460 names it. */
  get totals(): ReadonlyMap<string, number> {
    return this.#totals;
  }

  /** Learns on the way which policy holds for a domain: deliver is told only what it asks of a host. */
  discover(discover: Discover): Discover {
    return async (recipient) => {
      const capabilities = await discover(recipient);
      const { domain } = recipient;
      this.#policies.delete(domain);
      this.#policies.set(domain, inShort(capabilities.sts));
      if (this.#policies.size > POLICIES_MAX) this.#policies.delete(this.#policies.keys().next().value ?? "");
      return capabilities;
    };
  }

  deliver(deliver: Deliver): Deliver {
    return async (request) => {
      if (request.origin === "report") return deliver(withoutDemands(request));
      const report = await deliver(request);
      try {
        this.#count(request, report);
      } catch (error) {
        // What became of the mail is known and must be written down, whatever counting thinks of it.
        this.#deps.log.error("tls_sessions_uncounted", { code: "PST-RPT-002", error: errorName(error) });
      }
      return report;
    };
  }

  duty(): Duty {
    return { name: "tls_sessions", everyMs: WRITE_EVERY_MS, run: () => this.write() };
  }

  /** Resolves when all that was counted so far is durable; rejects where it is not, and keeps it. */
  async write(): Promise<void> {
    const { counts, leftOut } = this.#book.take();
    if (leftOut > 0) this.#deps.log.warn("tls_sessions_left_out", { code: "PST-RPT-001", count: leftOut });
    for (let first = 0; first < counts.length; first += PORTION_MAX) {
      try {
        await this.#writePortion(counts.slice(first, first + PORTION_MAX));
      } catch (error) {
        for (const unwritten of counts.slice(first)) this.#book.giveBack(unwritten);
        throw error;
      }
    }
  }

  /** Changes what is kept of one domain, and nobody else does meanwhile. */
  change(domain: string, changed: (days: DomainDays) => DomainDays): Promise<void> {
    return this.#turns.take(async () => {
      const days = changed(await this.#daysOf(domain));
      await this.#deps.facts.put("tlsrpt", [this.#factOf(domain, days)], "durable");
    });
  }

  #count({ domain, route }: DeliveryRequest, report: DeliveryReport): void {
    const now = this.#deps.clock.now();
    for (const session of sessionsOf(report, route, this.#policies.get(domain) ?? null)) {
      this.#book.add(domain, now, session);
      const result = session.failure ?? "success";
      this.#totals.set(result, (this.#totals.get(result) ?? 0) + 1);
    }
  }

  #writePortion(counts: readonly DomainCounts[]): Promise<void> {
    return this.#turns.take(async () => {
      const domains = [...new Set(counts.map(({ domain }) => domain))];
      const known = new Map(await Promise.all(domains.map(async (name) => [name, await this.#daysOf(name)] as const)));
      for (const { domain, day, rows } of counts) {
        known.set(domain, addCounts(known.get(domain) ?? NO_DAYS, day, rows));
      }
      const facts = [...known].map(([domain, days]) => this.#factOf(domain, days));
      await this.#deps.facts.put("tlsrpt", facts, "durable");
    });
  }

  async #daysOf(domain: string): Promise<DomainDays> {
    try {
      const fact = await this.#deps.facts.get("tlsrpt", domain);
      return fact === null ? NO_DAYS : readDomainDays(fact.value);
    } catch (error) {
      // Sealed under a key that is gone: these counts are lost, the next ones need not be.
      if (reasonOf(error) === "PST-SPL-061") return NO_DAYS;
      throw error;
    }
  }

  #factOf(domain: string, days: DomainDays): DomainFact {
    return { domain, value: days, lookAt: this.#deps.lookAt(domain, days), forgetAt: forgetDaysAt(days) };
  }
}

/** As much as a report tells of: a policy may name thousands of servers, and outlives its place in discovery's memory here. */
function inShort(sts: StsState): StsState {
  const isLong = (sts.kind === "testing" || sts.kind === "enforce") && sts.mx.length > PATTERNS_MAX;
  return isLong ? { ...sts, mx: sts.mx.slice(0, PATTERNS_MAX) } : sts;
}

/**
 * A TLS report is not held to the policies of the domain it goes to, which may be what it tells of (RFC 8460 section 3, RFC 8689 section
 * 5), and is not counted: two sites would report each other's reports for ever. It holds nothing but counts.
 */
function withoutDemands(request: DeliveryRequest): DeliveryRequest {
  const hosts = request.route.hosts.map((host): MxHost => {
    // What the operator asks of the destination, its mail is held to.
    const dane = host.rule?.requireDane === true ? host.dane : ({ kind: "none" } as const);
    return { ...host, dane, sts: { kind: "none" } };
  });
  return { ...request, route: { ...request.route, hosts } };
}
