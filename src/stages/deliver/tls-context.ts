/**
 * What is offered in a handshake: protocol, suites and the certificates to trust, put together once and not for each connection.
 * Holds no session: each handshake proves the peer anew.
 */
import { createSecureContext } from "node:tls";
import type { SecureContext } from "node:tls";
import type { Rung } from "../../core/rung.ts";
import type { TlsRule } from "../../core/tls-rule.ts";
import { offeredSuites } from "./cipher-suites.ts";
import type { DeliverOptions } from "./options.ts";

/** By what says whom to trust, and by the suites; a rule that is in force no longer takes its contexts with it. */
const CONTEXTS = new WeakMap<DeliverOptions | TlsRule, Map<string, SecureContext>>();

export function tlsContextFor(
  minRung: Rung,
  { options, rule }: { readonly options: DeliverOptions; readonly rule: TlsRule | undefined },
): SecureContext {
  const ciphers = offeredSuites(minRung, options.fipsOnly);
  const ownCa = rule?.ca ?? null;
  const owner = ownCa === null || rule === undefined ? options : rule;
  const contexts = CONTEXTS.get(owner) ?? new Map<string, SecureContext>();
  CONTEXTS.set(owner, contexts);
  const known = contexts.get(ciphers);
  if (known !== undefined) return known;
  const ca = ownCa === null ? options.ca : [ownCa];
  const context = createSecureContext({ ...(ca === null ? {} : { ca: [...ca] }), ciphers, minVersion: "TLSv1.2" });
  contexts.set(ciphers, context);
  return context;
}
