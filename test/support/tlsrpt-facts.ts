/** What is remembered for TLS reports, in memory, on a disk that fails when told to. */
import type { DomainFact, DomainFactPage, DomainFacts } from "../../src/core/domain-facts.ts";
import type { DomainDay } from "../../src/core/tls-results.ts";
import { readDomainDays } from "../../src/parts/tlsrpt/domain-days.ts";

export class TroubledTlsFacts implements DomainFacts {
  readonly stored = new Map<string, DomainFact>();
  failsToRead: Error | null = null;
  failsToWrite = false;
  puts = 0;

  daysOf(domain: string): readonly DomainDay[] {
    return readDomainDays(this.stored.get(domain)?.value).days;
  }

  get(_kind: string, domain: string): Promise<DomainFact | null> {
    if (this.failsToRead !== null) return Promise.reject(this.failsToRead);
    return Promise.resolve(this.stored.get(domain) ?? null);
  }

  put(_kind: string, facts: readonly DomainFact[]): Promise<void> {
    if (this.failsToWrite) return Promise.reject(new Error("sick disk"));
    this.puts += 1;
    // As a database does: what is read later is another value.
    for (const fact of facts) this.stored.set(fact.domain, structuredClone(fact));
    return Promise.resolve();
  }

  due(_kind: string, now: number, limit: number): Promise<readonly DomainFact[]> {
    const due = [...this.stored.values()].filter(({ lookAt }) => lookAt !== null && lookAt <= now);
    return Promise.resolve(due.slice(0, limit));
  }

  remove(): Promise<void> {
    return Promise.reject(new Error("nobody removes counts"));
  }

  list(): Promise<DomainFactPage> {
    return Promise.resolve({ facts: [...this.stored.values()], next: null });
  }

  forget(): Promise<number> {
    return Promise.resolve(0);
  }
}
