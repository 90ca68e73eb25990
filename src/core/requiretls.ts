/** What a server must have proven before it is asked to promise REQUIRETLS (RFC 8689). */
import type { Route } from "./capabilities.ts";
import type { Rung } from "./rung.ts";

/**
 * Section 4.2.1: a certificate valid for the server's name, and a name that came by DNSSEC or by a policy of the domain; a smarthost's
 * name came from the operator.
 */
export function requireTlsRung(via: Extract<Route, { kind: "hosts" }>["via"] | null): Rung {
  return via === "smarthost" ? "pkix" : "pkix-dnssec-mx";
}
