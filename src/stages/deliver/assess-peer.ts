/**
 * Judges the peer on the live socket after the handshake (RFC 6125, RFC 7672 section 2.2, RFC 8461 section 4.2).
 * Promises: the chain verdict is OpenSSL's, the name verdict our own and taken from subjectAltName only; both are asked each
 * time, because the runtime calls its identity hook neither when the chain failed nor on a resumed session. Where DNS holds usable
 * TLSA records, or the operator wrote a rule, what falls short of it proves nothing else either. Names the rung that was proven, never one
 * that was hoped for. Leaves to others: comparing it with the floor.
 */
import type { TLSSocket } from "node:tls";
import { isIP } from "node:net";
import type { Route } from "../../core/capabilities.ts";
import type { DaneFacts, RuleFacts, StsFacts, TlsFacts } from "../../core/outcome.ts";
import type { Rung } from "../../core/rung.ts";
import { shortTlsa } from "../../parts/dane/tlsa-text.ts";
import { sentChain, verifyDane } from "../../parts/dane/verify.ts";
import { isApprovedSuite } from "./cipher-suites.ts";
import type { AskedDane } from "./dane-demand.ts";
import type { Asked, AskedHost } from "./host-demand.ts";
import { weakKeyOf } from "./key-strength.ts";
import { certificateNameOf, judgeByRule, provesPinned } from "./pin-demand.ts";
import { stsFactsOf } from "./sts-demand.ts";

export type PeerAssessment = {
  readonly tls: TlsFacts;
  readonly dane: DaneFacts;
  readonly sts: StsFacts;
  readonly rule: RuleFacts | null;
  readonly rung: Rung;
};

/** How the host became the one to speak with. */
export type Choice = Pick<Extract<Route, { kind: "hosts" }>, "via" | "security">;

/** subjectAltName only, and a wildcard stands for the whole first label (RFC 8461 section 4.2, RFC 9525 section 6.3). */
const NAME_RULES = { subject: "never", partialWildcards: false } as const;

/** `now` in milliseconds since the epoch. */
export function assessPeer(
  socket: TLSSocket,
  { host, choice, fipsOnly }: { readonly host: AskedHost; readonly choice: Choice; readonly fipsOnly: boolean },
  now: number,
): PeerAssessment {
  const leaf = socket.getPeerX509Certificate();
  const protocol = socket.getProtocol() ?? "none";
  const cipher = socket.getCipher().name;
  const name = certificateNameOf(host);
  const nameMatches = leaf !== undefined && isIP(name) === 0 && leaf.checkHost(name, NAME_RULES) !== undefined;
  const weakKey = leaf === undefined ? null : weakKeyOf(leaf);
  const tls: TlsFacts = {
    protocol,
    cipher,
    leafSha256: leaf?.fingerprint256.replaceAll(":", "").toLowerCase() ?? "",
    leafNotAfter: notAfterOf(leaf),
    chain: socket.authorized ? "ok" : chainError(socket),
    nameMatches,
    ...(weakKey === null ? {} : { weakKey }),
  };
  const dane = daneOf(socket, host.dane, now);
  const isModern = isModernTls(tls, fipsOnly);
  const isProven = isModern && weakKey === null && isProvenByPkix(tls, socket);
  const sts = stsFactsOf(host.sts, isProven && host.sts.kind !== "none" && host.sts.matches ? "met" : "broken");
  const rule = ruleOf(socket, host.rule, tls);
  return { tls, dane, sts, rule, rung: rungOf({ tls, dane, rule, isModern, isProven, asked: host }, choice) };
}

/** A resumed session shows no certificates, so that no key is pinned and no authority named. */
function ruleOf(socket: TLSSocket, rule: Asked["rule"], tls: TlsFacts): RuleFacts | null {
  const isFresh = !socket.isSessionReused();
  const leaf = isFresh ? socket.getPeerX509Certificate() : undefined;
  return judgeByRule(rule, { leaf, tls, isChainValid: isFresh && socket.authorized && tls.chain === "ok" });
}

/** A resumed session shows no certificates, so that nothing matches. */
function daneOf(socket: TLSSocket, state: AskedDane, now: number): DaneFacts {
  if (state.kind !== "usable") return { state: state.kind };
  const chain = socket.isSessionReused() ? [] : sentChain(socket.getPeerX509Certificate());
  const verdict = verifyDane(chain, state, now);
  return verdict.kind === "matched"
    ? { state: "usable", matched: shortTlsa(verdict.record), refused: null }
    : { state: "usable", matched: null, refused: verdict.why };
}

/** Empty where there is no certificate, or where its end is no date at all: no stranger's certificate may break the delivery. */
function notAfterOf(leaf: ReturnType<TLSSocket["getPeerX509Certificate"]>): string {
  const end = leaf?.validToDate;
  return end === undefined || Number.isNaN(end.getTime()) ? "" : end.toISOString();
}

type Proof = {
  readonly tls: TlsFacts;
  readonly dane: DaneFacts;
  readonly rule: RuleFacts | null;
  /** Protocol and suite count. */
  readonly isModern: boolean;
  /** By PKIX, with a strong key, under a protocol and a suite that count. */
  readonly isProven: boolean;
  readonly asked: Asked;
};

function isModernTls({ protocol, cipher }: TlsFacts, fipsOnly: boolean): boolean {
  return (protocol === "TLSv1.2" || protocol === "TLSv1.3") && isApprovedSuite(cipher, fipsOnly);
}

/** A resumed session proves nothing anew. */
function isProvenByPkix({ chain, nameMatches }: TlsFacts, socket: TLSSocket): boolean {
  return socket.authorized && chain === "ok" && nameMatches && !socket.isSessionReused();
}

/** Old protocols and suites below the list count as no protection at all, whatever the certificate says. */
function rungOf(proof: Proof, { via, security }: Choice): Rung {
  const { tls, dane, rule, asked } = proof;
  if (!proof.isModern) return "plain";
  const isRefused = (dane.state === "usable" && dane.matched === null) || rule?.met === false;
  // Whoever can compute the private key can be the server.
  if (isRefused || tls.weakKey !== undefined) return "tls-unauthenticated";
  const isPinned = provesPinned(asked.rule, rule);
  if (dane.state === "usable") {
    // A smarthost is the operator's own choice: no MX stands between.
    if (security === "secure" || via === "smarthost") return "dane";
    return isPinned ? "pinned" : "dane-insecure-mx";
  }
  if (proof.isProven && asked.sts.kind === "enforce" && asked.sts.matches) return "sts-enforce";
  if (isPinned) return "pinned";
  if (!proof.isProven) return "tls-unauthenticated";
  return security === "secure" ? "pkix-dnssec-mx" : "pkix";
}

/** OpenSSL's error name; the runtime leaves it as text although its types say Error. */
function chainError(socket: TLSSocket): string {
  const error: unknown = socket.authorizationError;
  if (typeof error === "string") return error;
  return error instanceof Error && "code" in error ? String(error.code) : "UNVERIFIED";
}
