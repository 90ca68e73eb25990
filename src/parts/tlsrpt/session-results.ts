/**
 * What the connections of a delivery were as TLS sessions, in the words of RFC 8460 section 4.3. Pure. Promises: each code with which an
 * attempt can end has its row; a session that carried mail, or could have, is a success under the policy it was held against, whatever
 * became of the mail; a kept connection used again, and one that never came to TLS, is no session.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { MxHost, Route } from "../../core/capabilities.ts";
import type { deliverCodes } from "../../core/codes/deliver.ts";
import type { AttemptFacts, DaneRefusal, Phase, StsFacts, TlsFacts } from "../../core/outcome.ts";
import { PHASES } from "../../core/outcome.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { DeliveryReport } from "../../core/stages.ts";
import type { StsState } from "../../core/sts.ts";
import type { TlsFailure, TlsPolicy, TlsPolicyType, TlsSession } from "../../core/tls-results.ts";
import { tlsaText } from "../dane/tlsa-text.ts";
import { cutPolicy } from "./session-book.ts";

export type DeliverCode = keyof typeof deliverCodes;

/**
 * What a code says of the TLS session of its attempt. `none`: nothing, there was no session or it did not end by it. `certificate`: ask
 * the facts. A failure counts where the code ended the attempt between STARTTLS and the gate behind the handshake.
 */
export type CodeResult = TlsFailure | "none" | "certificate";

export const RESULT_OF_CODE: Readonly<Record<DeliverCode, CodeResult>> = {
  "PST-DLV-001": "none",
  "PST-DLV-002": "validation-failure",
  "PST-DLV-003": "validation-failure",
  "PST-DLV-004": "validation-failure",
  "PST-DLV-005": "none",
  "PST-DLV-006": "none",
  "PST-DLV-007": "starttls-not-supported",
  "PST-DLV-008": "validation-failure",
  "PST-DLV-009": "certificate",
  "PST-DLV-010": "validation-failure",
  "PST-DLV-011": "starttls-not-supported",
  "PST-DLV-012": "validation-failure",
  "PST-DLV-013": "none",
  "PST-DLV-014": "none",
  "PST-DLV-015": "none",
  "PST-DLV-016": "none",
  "PST-DLV-017": "none",
  "PST-DLV-018": "none",
  "PST-DLV-019": "none",
  "PST-DLV-020": "none",
  "PST-DLV-021": "none",
  "PST-DLV-022": "none",
  "PST-DLV-023": "none",
  "PST-DLV-024": "none",
  "PST-DLV-025": "none",
  "PST-DLV-026": "none",
  "PST-DLV-027": "none",
  "PST-DLV-028": "none",
  "PST-DLV-029": "none",
  "PST-DLV-030": "none",
  "PST-DLV-031": "none",
  "PST-DLV-032": "none",
  "PST-DLV-033": "none",
  "PST-DLV-034": "none",
  "PST-DLV-035": "none",
  "PST-DLV-036": "none",
  "PST-DLV-037": "none",
  // The server proved who it is; that our own floor asks for more is no failure of its TLS.
  "PST-DLV-038": "none",
  "PST-DLV-039": "certificate",
  "PST-DLV-040": "starttls-not-supported",
  "PST-DLV-041": "validation-failure",
  "PST-DLV-045": "validation-failure",
  "PST-DLV-046": "certificate",
  "PST-DLV-047": "starttls-not-supported",
  "PST-DLV-048": "validation-failure",
  // What only our operator asks for is nothing the other side promised.
  "PST-DLV-050": "none",
  "PST-DLV-051": "starttls-not-supported",
  "PST-DLV-052": "validation-failure",
  "PST-DLV-053": "none",
  "PST-DLV-054": "none",
  "PST-DLV-055": "none",
  "PST-DLV-056": "certificate",
};

const RESULT_OF_REFUSAL: Readonly<Record<DaneRefusal, TlsFailure>> = {
  "no certificate": "validation-failure",
  "no record matches": "certificate-not-trusted",
  "chain too long": "certificate-not-trusted",
  "certificate not fit for a server": "certificate-not-trusted",
  "certificate not valid now": "certificate-expired",
  "certificate for another name": "certificate-host-mismatch",
};

/** What became of TLS on one connection. */
export type SessionEnd = { readonly failure: TlsFailure | null; readonly reason: string | null };

type Report = Pick<DeliveryReport, "attempts" | "outcomes">;
type Hosts = Extract<Route, { kind: "hosts" }>;

/** Of a policy; a report tells of no more. */
export const PATTERNS_MAX = 24;

const GOOD: SessionEnd = { failure: null, reason: null };
const NOT_NAMED: ReasonCode = "PST-DLV-045";
const NO_DANE: ReasonCode = "PST-DLV-055";
const CHAIN_ERROR = /^[A-Z][A-Z0-9_]{2,63}$/;

/**
 * Every session of a delivery, held against each policy its host has. Of servers the domain did not name, such as a smarthost, it has
 * nothing to hear. `sts`: what holds for the domain, where that is known.
 */
export function sessionsOf(report: Report, { hosts, via }: Hosts, sts: StsState | null): readonly TlsSession[] {
  if (via === "smarthost" || via === "address-literal") return [];
  // Most mail goes over kept connections.
  if (report.attempts.length > 0 && report.attempts.every(({ reused }) => reused)) return [];
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const held = report.attempts.flatMap((attempt) => {
    const host = byName.get(attempt.host);
    if (host === undefined) return [];
    return policiesOf(host, sts).flatMap((policy) => {
      const end = endOf(attempt, policy, sts);
      return end === null ? [] : [toSession(policy, end, attempt)];
    });
  });
  return [...held, ...notDialled(report, hosts, sts)];
}

function endOf(attempt: AttemptFacts, { type }: TlsPolicy, sts: StsState | null): SessionEnd | null {
  const end = sessionEnd(attempt, type);
  // A policy that could not be had is what failed, whatever the session was.
  const failed = type === "sts" && sts?.kind === "none" ? sts.failure : null;
  return end === null || failed === null ? end : { failure: failed.type, reason: failed.detail };
}

/** Held against a policy of this type; null: it was no session. */
export function sessionEnd(attempt: AttemptFacts, type: TlsPolicyType): SessionEnd | null {
  if (attempt.reused || !hasReached(attempt, "starttls")) return null;
  const { dane, sts, tls, phase } = attempt;
  if (tls === null) return endWithoutTls(attempt);
  if (type === "sts") return endUnderSts(attempt, tls, sts);
  if (type === "tlsa") {
    if (dane?.state === "unusable") return { failure: "tlsa-invalid", reason: "no usable record" };
    if (dane?.state === "usable" && dane.matched === null) return refusedByDane(dane.refused);
  }
  // Behind the gate nothing that happens says anything of TLS.
  if (phase !== "verify") return GOOD;
  const result = resultOf(attempt);
  if (result === "certificate") return certificateEnd(tls, attempt.code);
  return result === "none" ? GOOD : { failure: result, reason: attempt.code };
}

/** Also of mode testing, and also where DANE decided: then it binds nothing and is told all the same. */
function endUnderSts({ code }: AttemptFacts, tls: TlsFacts, sts: StsFacts | undefined): SessionEnd {
  if (sts === undefined || sts.mode === "none" || sts.verdict === "met") return GOOD;
  if (!sts.matched) return { failure: "validation-failure", reason: NOT_NAMED };
  return certificateEnd(tls, code);
}

function endWithoutTls(attempt: AttemptFacts): SessionEnd | null {
  const { phase, starttlsOffered, code } = attempt;
  if (hasReached(attempt, "verify")) {
    // Offered and not used: the one try in the clear, after the one that counts.
    return starttlsOffered ? null : { failure: "starttls-not-supported", reason: code };
  }
  const result = resultOf(attempt);
  if (result === "none" || result === "certificate") return null;
  const isRefused = phase === "starttls" && code === "PST-DLV-012";
  return { failure: isRefused ? "starttls-not-supported" : result, reason: code };
}

function resultOf({ code }: AttemptFacts): CodeResult {
  const results: Readonly<Partial<Record<ReasonCode, CodeResult>>> = RESULT_OF_CODE;
  return code === null ? "none" : (results[code] ?? "none");
}

function refusedByDane(refused: DaneRefusal | null): SessionEnd {
  const failure = refused === null ? "validation-failure" : RESULT_OF_REFUSAL[refused];
  return { failure, reason: refused };
}

/** What a certificate is worth without DANE; where nothing is wrong with it, the code says what else was. */
function certificateEnd({ chain, nameMatches }: TlsFacts, code: ReasonCode | null): SessionEnd {
  if (chain === "CERT_HAS_EXPIRED") return { failure: "certificate-expired", reason: chain };
  if (chain !== "ok") {
    return { failure: "certificate-not-trusted", reason: CHAIN_ERROR.test(chain) ? chain : "UNVERIFIED" };
  }
  if (!nameMatches) return { failure: "certificate-host-mismatch", reason: "certificate for another name" };
  return { failure: "validation-failure", reason: code ?? "TLS too weak" };
}

/**
 * Hosts that came to their turn and were left alone: nobody can look up what they have to prove, they lack the records our own rule for
 * the destination asks for, or the policy names none of them. One
 * that the policy does not name beside one that it does name has no turn.
 */
function notDialled({ attempts, outcomes }: Report, hosts: readonly MxHost[], sts: StsState | null): TlsSession[] {
  const named = [...outcomes.values()].map((outcome) => ("host" in outcome ? outcome.host : null));
  const seen = new Set([...attempts.map(({ host }) => host), ...named]);
  const last = hosts.findLastIndex(({ name }) => seen.has(name));
  const isNobodyNamed = hosts.every(isLeftOut);
  return hosts.slice(0, last + 1).flatMap((host) => {
    const { dane, addresses, name } = host;
    if (addresses.kind !== "found") return [];
    if (lacksDane(host)) {
      const policy: TlsPolicy = { type: "tlsa", text: [], mxHosts: [name] };
      return [toSession(policy, { failure: "dane-required", reason: NO_DANE }, host)];
    }
    return policiesOf(host, sts).flatMap((policy) => {
      const unknown = policy.type === "tlsa" && dane.kind === "unavailable";
      if (unknown) return [toSession(policy, { failure: "dnssec-invalid", reason: dane.code }, host)];
      const isRefused = policy.type === "sts" && isNobodyNamed;
      return isRefused ? [toSession(policy, { failure: "validation-failure", reason: NOT_NAMED }, host)] : [];
    });
  });
}

/** The operator's rule for the destination wants what is not published. */
function lacksDane({ dane, rule }: MxHost): boolean {
  return rule?.requireDane === true && (dane.kind === "none" || dane.kind === "unusable");
}

/** RFC 8461 section 5.1. */
function isLeftOut({ dane, sts }: MxHost): boolean {
  return sts.kind === "enforce" && !sts.matches && dane.kind !== "usable";
}

function toSession(policy: TlsPolicy, end: SessionEnd, at: AttemptFacts | MxHost): TlsSession {
  const isAttempt = "host" in at;
  return {
    policy,
    ...end,
    mxHost: isAttempt ? at.host : at.name,
    sendingIp: isAttempt ? (at.localAddress ?? null) : null,
    receivingIp: isAttempt ? at.address : null,
  };
}

/** At least one: receivers want to hear of both where there are both. */
function policiesOf(host: MxHost, sts: StsState | null): readonly TlsPolicy[] {
  const found = [daneOf(host), stsOf(host, sts)].filter((policy) => policy !== null);
  return found.length > 0 ? found.map(cutPolicy) : [{ type: "no-policy-found", text: [], mxHosts: [] }];
}

function daneOf({ name, dane }: MxHost): TlsPolicy | null {
  switch (dane.kind) {
    case "none":
      return null;
    case "usable":
      return { type: "tlsa", text: dane.records.map(tlsaText).toSorted(), mxHosts: [dane.baseName] };
    case "unusable":
    case "unavailable":
      return { type: "tlsa", text: [], mxHosts: [name] };
    default:
      return assertNever(dane);
  }
}

/** A policy that is published and could not be had has no text. */
function stsOf(host: MxHost, sts: StsState | null): TlsPolicy | null {
  if (sts?.kind === "none") return sts.failure === null ? null : { type: "sts", text: [], mxHosts: [] };
  if (host.sts.kind === "none" || host.sts.kind === "unavailable") return null;
  if (sts?.kind !== "testing" && sts?.kind !== "enforce")
    return { type: "sts", text: [`mode: ${host.sts.kind}`], mxHosts: [] };
  const maxAgeSeconds = Math.round((sts.expiresAt - sts.fetchedAt) / 1000);
  const patterns = sts.mx.slice(0, PATTERNS_MAX);
  const mx = patterns.map((pattern) => `mx: ${pattern}`);
  const text = ["version: STSv1", `mode: ${sts.kind}`, ...mx, `max_age: ${maxAgeSeconds}`];
  return { type: "sts", text, mxHosts: patterns };
}

function hasReached({ phase }: AttemptFacts, wanted: Phase): boolean {
  return PHASES.indexOf(phase) >= PHASES.indexOf(wanted);
}
