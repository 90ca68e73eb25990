/**
 * Judges the peer on the live socket after the handshake (RFC 6125, RFC 7672 section 2.2, RFC 8461 section 4.2).
 * Promises: the chain verdict is OpenSSL's, the name verdict our own and taken from subjectAltName only; both are asked each
 * time, because the runtime calls its identity hook neither when the chain failed nor on a resumed session. Where DNS holds usable
 * TLSA records, they alone decide: what else the certificate proves counts for nothing. Names the rung that was proven, never one
 * that was hoped for. Leaves to others: comparing it with the floor.
 */
import type { TLSSocket } from "node:tls";
import { isIP } from "node:net";
import type { Route } from "../../core/capabilities.ts";
import type { DaneFacts, StsFacts, TlsFacts } from "../../core/outcome.ts";
import type { Rung } from "../../core/rung.ts";
import { shortTlsa } from "../../parts/dane/tlsa-text.ts";
import { sentChain, verifyDane } from "../../parts/dane/verify.ts";
import type { AskedDane } from "./dane-demand.ts";
import type { Asked, AskedHost } from "./host-demand.ts";
import { stsFactsOf } from "./sts-demand.ts";

export type PeerAssessment = {
  readonly tls: TlsFacts;
  readonly dane: DaneFacts;
  readonly sts: StsFacts;
  readonly rung: Rung;
};

/** How the host became the one to speak with. */
export type Choice = Pick<Extract<Route, { kind: "hosts" }>, "via" | "security">;

/** Authenticated encryption with forward secrecy; what a floor above `plain` offers to the peer. */
export const FLOOR_CIPHERS = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_AES_128_GCM_SHA256",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** subjectAltName only, and a wildcard stands for the whole first label (RFC 8461 section 4.2, RFC 9525 section 6.3). */
const NAME_RULES = { subject: "never", partialWildcards: false } as const;

/** `now` in milliseconds since the epoch. */
export function assessPeer(
  socket: TLSSocket,
  { host, choice }: { readonly host: AskedHost; readonly choice: Choice },
  now: number,
): PeerAssessment {
  const leaf = socket.getPeerX509Certificate();
  const protocol = socket.getProtocol() ?? "none";
  const cipher = socket.getCipher().name;
  const nameMatches =
    leaf !== undefined && isIP(host.name) === 0 && leaf.checkHost(host.name, NAME_RULES) !== undefined;
  const tls: TlsFacts = {
    protocol,
    cipher,
    leafSha256: leaf?.fingerprint256.replaceAll(":", "").toLowerCase() ?? "",
    leafNotAfter: notAfterOf(leaf),
    chain: socket.authorized ? "ok" : chainError(socket),
    nameMatches,
  };
  const dane = daneOf(socket, host.dane, now);
  const isProven = isModern(tls) && isProvenByPkix(tls, socket);
  const sts = stsFactsOf(host.sts, isProven && host.sts.kind !== "none" && host.sts.matches ? "met" : "broken");
  return { tls, dane, sts, rung: rungOf({ tls, dane, isProven, asked: host }, choice) };
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
  /** By PKIX, under a protocol and a suite that count. */
  readonly isProven: boolean;
  readonly asked: Asked;
};

function isModern({ protocol, cipher }: TlsFacts): boolean {
  return (protocol === "TLSv1.2" || protocol === "TLSv1.3") && FLOOR_CIPHERS.split(":").includes(cipher);
}

/** A resumed session proves nothing anew. */
function isProvenByPkix({ chain, nameMatches }: TlsFacts, socket: TLSSocket): boolean {
  return socket.authorized && chain === "ok" && nameMatches && !socket.isSessionReused();
}

/** Old protocols and suites below the list count as no protection at all, whatever the certificate says. */
function rungOf({ tls, dane, isProven, asked: { sts } }: Proof, { via, security }: Choice): Rung {
  if (!isModern(tls)) return "plain";
  if (dane.state === "usable") {
    if (dane.matched === null) return "tls-unauthenticated";
    // A smarthost is the operator's own choice: no MX stands between.
    return security === "secure" || via === "smarthost" ? "dane" : "dane-insecure-mx";
  }
  if (!isProven) return "tls-unauthenticated";
  if (sts.kind === "enforce" && sts.matches) return "sts-enforce";
  return security === "secure" ? "pkix-dnssec-mx" : "pkix";
}

/** OpenSSL's error name; the runtime leaves it as text although its types say Error. */
function chainError(socket: TLSSocket): string {
  const error: unknown = socket.authorizationError;
  if (typeof error === "string") return error;
  return error instanceof Error && "code" in error ? String(error.code) : "UNVERIFIED";
}
