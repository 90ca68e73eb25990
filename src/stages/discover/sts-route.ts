/**
 * What a domain's policy asks of the mail servers it was found to have (RFC 8461 section 4.1). A smarthost and an address literal are
 * not found through the domain, and no policy concerns them.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { Route } from "../../core/capabilities.ts";
import type { HostSts, StsState } from "../../core/sts.ts";
import { toHostName } from "../../parts/dns/host-name.ts";
import { matchesMx } from "../../parts/sts/mx-match.ts";
import type { DiscoverOptions } from "./options.ts";
import { findSmarthost } from "./smarthost.ts";

export const NO_POLICY: StsState = { kind: "none", failure: null };

/** The name to ask about, or null where no policy concerns the way. */
export function policyDomain(domain: string, { smarthosts }: Pick<DiscoverOptions, "smarthosts">): string | null {
  return findSmarthost(smarthosts, domain) === null ? toHostName(domain) : null;
}

export function underPolicy(route: Route, policy: StsState): Route {
  if (route.kind !== "hosts") return route;
  return { ...route, hosts: route.hosts.map((host) => ({ ...host, sts: askOf(policy, host.name) })) };
}

/** True where all mail would wait for a policy that names none of the hosts. */
export function isNoneNamed(route: Route, policy: StsState): boolean {
  if (route.kind !== "hosts" || policy.kind !== "enforce") return false;
  return route.hosts.every(({ name }) => !matchesMx(policy.mx, name));
}

function askOf(policy: StsState, host: string): HostSts {
  switch (policy.kind) {
    case "none":
    case "unknown":
      return { kind: "none" };
    case "testing":
    case "enforce":
      return { kind: policy.kind, id: policy.id, matches: matchesMx(policy.mx, host) };
    case "unavailable":
      return policy;
    default:
      return assertNever(policy);
  }
}
