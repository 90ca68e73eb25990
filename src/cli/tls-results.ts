/** The counts of TLS sessions by domain, page by page, as command and service hand them out. */
import type { DomainFact, DomainFacts } from "../core/domain-facts.ts";
import type { TlsResults, TlsResultsRequest } from "../parts/control/control-protocol.ts";
import { readDomainDays } from "../parts/tlsrpt/domain-days.ts";

/** Read at once; the largest together with PAGE_BYTES fit into one answer of the control API. */
const FACTS_AT_ONCE = 4;
const PAGE_BYTES = 500_000;

export async function tlsResults(
  { domain, after }: TlsResultsRequest,
  facts: Pick<DomainFacts, "get" | "list">,
): Promise<TlsResults> {
  if (domain !== null) {
    const fact = await facts.get("tlsrpt", domain);
    return { domains: fact === null ? [] : [daysOf(fact)], next: null };
  }
  const domains: TlsResults["domains"][number][] = [];
  let next = after;
  let bytes = 0;
  do {
    const page = await facts.list("tlsrpt", { after: next, limit: FACTS_AT_ONCE });
    for (const found of page.facts.map(daysOf)) {
      domains.push(found);
      bytes += Buffer.byteLength(JSON.stringify(found));
    }
    next = page.next;
  } while (next !== null && bytes < PAGE_BYTES);
  return { domains, next };
}

function daysOf({ domain, value }: DomainFact): TlsResults["domains"][number] {
  return { domain, days: readDomainDays(value).days };
}
