/** A small internet of policies for tests: DNS and policy hosts on loopback, a memory that can be made to fail, a clock of our own. */
import { randomBytes } from "node:crypto";
import { startLoopbackDns } from "../../src/cli/loopback/dns-server.ts";
import type { LoopbackDns, Zone } from "../../src/cli/loopback/dns-server.ts";
import type { Alert } from "../../src/core/alert.ts";
import type { DomainFact, DomainFacts } from "../../src/core/domain-facts.ts";
import type { Resolver } from "../../src/core/dns-answer.ts";
import { createResolver } from "../../src/parts/dns/dns.ts";
import { createFetchPolicy, FETCH_DEFAULTS } from "../../src/parts/sts/fetch-policy.ts";
import { STS_DEFAULTS, StsPolicies } from "../../src/stages/discover/sts.ts";
import type { StsOptions } from "../../src/stages/discover/sts.ts";
import { ManualClock, SILENT_LOG } from "./deliver-rig.ts";
import { policyText, startPolicyHost } from "./policy-host.ts";
import type { PolicyHost } from "./policy-host.ts";

export const PATIENCE = { foregroundMs: 2_000, backgroundMs: 6_000 } as const;

/** Facts in memory, with a disk that fails when told to. */
export class TroubledFacts implements Pick<DomainFacts, "get" | "put" | "due"> {
  readonly stored = new Map<string, DomainFact>();
  failsToRead = false;
  failsToWrite = false;
  gets = 0;

  get(_kind: "sts", domain: string): Promise<DomainFact | null> {
    this.gets += 1;
    if (this.failsToRead) return Promise.reject(new Error("sick disk"));
    return Promise.resolve(this.stored.get(domain) ?? null);
  }

  put(_kind: "sts", facts: readonly DomainFact[]): Promise<void> {
    if (this.failsToWrite) return Promise.reject(new Error("sick disk"));
    // As a database does: what is read later is another value.
    for (const fact of facts) this.stored.set(fact.domain, structuredClone(fact));
    return Promise.resolve();
  }

  due(_kind: "sts", now: number, limit: number): Promise<readonly DomainFact[]> {
    const due = [...this.stored.values()].filter(({ lookAt }) => lookAt !== null && lookAt <= now);
    return Promise.resolve(due.slice(0, limit));
  }
}

export class StsRig {
  readonly dns: LoopbackDns;
  readonly host: PolicyHost;
  readonly resolver: Resolver;
  readonly facts = new TroubledFacts();
  readonly clock = new ManualClock();
  readonly alerts: Alert[] = [];
  policies: StsPolicies;
  readonly #options: Partial<StsOptions>;

  private constructor(dns: LoopbackDns, host: PolicyHost, options: Partial<StsOptions>) {
    this.dns = dns;
    this.host = host;
    this.#options = options;
    this.clock.timeMs = Date.now();
    const servers = { servers: [dns.address], timeoutMs: 150, retries: 0, inFlightMax: 64, trustAd: "never" } as const;
    this.resolver = createResolver(servers, { randomBytes, log: SILENT_LOG });
    this.policies = this.#begin();
  }

  static async start(zone: Zone, options: Partial<StsOptions> = {}): Promise<StsRig> {
    return new StsRig(await startLoopbackDns(zone), await startPolicyHost(), options);
  }

  /** A life of the service later: only what is stored is left. */
  async restart(): Promise<void> {
    await this.policies.close();
    this.policies = this.#begin();
  }

  /** TXT record and policy of a domain. */
  publish(
    domain: string,
    id: string,
    policy: { readonly mode?: string; readonly mx: readonly string[]; readonly maxAge?: number },
  ): void {
    this.dns.setRecord(`_mta-sts.${domain}`, { TXT: [`v=STSv1; id=${id};`] });
    this.dns.setRecord(`mta-sts.${domain}`, { A: ["127.0.0.1"] });
    this.host.serve(domain, { body: policyText(policy.mode ?? "enforce", policy.mx, policy.maxAge) });
  }

  /** Requests of this domain's policy. */
  fetches(domain: string): number {
    return this.host.asked.filter((name) => name === `mta-sts.${domain}`).length;
  }

  questions(name: string, type = "TXT"): number {
    return this.dns.queries.filter((query) => query.name === name && query.type === type).length;
  }

  async close(): Promise<void> {
    await this.policies.close();
    await Promise.all([this.dns.close(), this.host.close()]);
  }

  #begin(): StsPolicies {
    const fetch = { ...FETCH_DEFAULTS, port: this.host.port, ca: [this.host.ca], mayDial: () => true };
    return new StsPolicies(
      { ...STS_DEFAULTS, ...PATIENCE, ...this.#options },
      {
        resolver: this.resolver,
        fetchPolicy: createFetchPolicy(fetch, this.resolver),
        facts: this.facts,
        clock: this.clock,
        chance: () => 0.5,
        log: SILENT_LOG,
        raise: (alert) => this.alerts.push(alert),
      },
    );
  }
}
