/** MTA-STS in the running service: policies by the service's resolver and memory, and their renewal beside the mail. */
import type { Duty } from "./core/duty.ts";
import { stsFetchOptions } from "./options.ts";
import type { DnsResolver } from "./parts/dns/dns.ts";
import { createFetchPolicy } from "./parts/sts/fetch-policy.ts";
import { STS_DEFAULTS, StsPolicies } from "./stages/discover/sts.ts";
import type { Parts } from "./surroundings.ts";

const FIRST_AFTER_MS = 30_000;
const EVERY_MS = 60_000;

export function keepPolicies(
  { config, env, store, raise }: Pick<Parts, "config" | "env" | "store" | "raise">,
  resolver: DnsResolver,
): StsPolicies {
  const fetchPolicy = createFetchPolicy(stsFetchOptions(config), resolver);
  const { clock, chance, log } = env;
  const facts = store.domainFacts;
  return new StsPolicies(STS_DEFAULTS, { resolver, fetchPolicy, facts, clock, chance, log, raise });
}

export function renewalDuty(policies: StsPolicies): Duty {
  return {
    name: "sts_renewal",
    firstAfterMs: FIRST_AFTER_MS,
    everyMs: EVERY_MS,
    run: (signal) => policies.renewDue(signal),
  };
}
