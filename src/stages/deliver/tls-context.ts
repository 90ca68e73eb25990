/**
 * What is offered in a handshake: protocol, suites and the certificates to trust, put together once and not for each connection.
 * Holds no session: each handshake proves the peer anew.
 */
import { createSecureContext, DEFAULT_CIPHERS } from "node:tls";
import type { SecureContext } from "node:tls";
import type { Rung } from "../../core/rung.ts";
import { FLOOR_CIPHERS } from "./assess-peer.ts";
import type { DeliverOptions } from "./options.ts";

const CONTEXTS = new WeakMap<DeliverOptions, Map<string, SecureContext>>();

export function tlsContextFor(minRung: Rung, options: DeliverOptions): SecureContext {
  // Opportunistic TLS takes what there is; its rung still says whether the suite was good.
  const ciphers = minRung === "plain" ? DEFAULT_CIPHERS : FLOOR_CIPHERS;
  const contexts = CONTEXTS.get(options) ?? new Map<string, SecureContext>();
  CONTEXTS.set(options, contexts);
  const known = contexts.get(ciphers);
  if (known !== undefined) return known;
  const { ca } = options;
  const context = createSecureContext({ ...(ca === null ? {} : { ca: [...ca] }), ciphers, minVersion: "TLSv1.2" });
  contexts.set(ciphers, context);
  return context;
}
