/**
 * Which servers are asked, and whether their AD bit counts as validation. Promises: where any server is trusted to validate, only
 * such servers are asked (see exchange.ts for why).
 */
import { assertNever } from "../../core/assert-never.ts";
import { formatServerAddress, isLoopback, parseServerAddress } from "./server-address.ts";
import type { ServerAddress } from "./server-address.ts";

/** `loopback` is the safe default: RFC 6840 section 5.7 needs a secure channel to the validator. */
export type TrustAd = "loopback" | "never" | "always";

export type ServerChoice = {
  readonly servers: readonly ServerAddress[];
  readonly isTrusted: boolean;
  /** Configured, but left out beside a validating one. */
  readonly notAsked: readonly string[];
};

/** Throws where a text is no address or none is given. */
export function chooseServers(texts: readonly string[], rule: TrustAd): ServerChoice {
  const servers = texts.map(parseServerAddress);
  if (servers.length === 0) throw new Error("no DNS server is configured");
  const trusted = servers.filter((server) => trusts(rule, server));
  if (trusted.length === 0) return { servers, isTrusted: false, notAsked: [] };
  const notAsked = servers.filter((server) => !trusted.includes(server)).map(formatServerAddress);
  return { servers: trusted, isTrusted: true, notAsked };
}

function trusts(rule: TrustAd, server: ServerAddress): boolean {
  switch (rule) {
    case "never":
      return false;
    case "loopback":
      return isLoopback(server);
    case "always":
      return true;
    default:
      return assertNever(rule);
  }
}
