/**
 * Alerts for domains that fell below what they proved before. Promises: one for each domain while they are few, and one for all further
 * ones, so that a provider of thousands of domains who lets a certificate run out is no flood; each ends when its domains are back.
 */
import type { Alert } from "../../core/alert.ts";

/** `message`: one whose delivery showed it. */
export type FallFacts = { readonly from: string; readonly to: string; readonly message?: string };

const CODE = "PST-MON-027";
const TOPIC = "downgrade";
const OWN_MAX = 10;
/** Further ones are not counted. */
const DOMAINS_MAX = 50_000;

export class StandingFalls {
  readonly #observe: (topic: string, present: readonly Alert[]) => void;
  /** Domains with an alert of their own. */
  readonly #own = new Set<string>();
  readonly #others = new Set<string>();

  constructor(observe: (topic: string, present: readonly Alert[]) => void) {
    this.#observe = observe;
  }

  get size(): number {
    return this.#own.size + this.#others.size;
  }

  begin(domain: string, facts: FallFacts): void {
    if (this.#own.has(domain) || (this.#own.size < OWN_MAX && !this.#others.has(domain))) {
      this.#own.add(domain);
      this.#observe(`${TOPIC} ${domain}`, [{ code: CODE, facts }]);
      return;
    }
    if (this.#others.size < DOMAINS_MAX) this.#others.add(domain);
    this.#tellOthers();
  }

  end(domain: string): void {
    if (this.#own.delete(domain)) this.#observe(`${TOPIC} ${domain}`, []);
    else if (this.#others.delete(domain)) this.#tellOthers();
  }

  #tellOthers(): void {
    const domains = this.#others.size;
    this.#observe(TOPIC, domains === 0 ? [] : [{ code: CODE, facts: { further_domains: domains } }]);
  }
}
