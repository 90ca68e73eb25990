/**
 * What DNS asks of the connection to a mail server before anything is said on it (RFC 7672 section 2.2).
 * Promises: records in DNS that a validating resolver vouches for make TLS a must, whatever the floor; a server that does not live up
 * to them is left for a deferral, and no other proof stands in for theirs.
 */
import { createHash } from "node:crypto";
import { assertNever } from "../../core/assert-never.ts";
import type { DaneState } from "../../core/dane.ts";
import type { DaneFacts, Phase } from "../../core/outcome.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";
import type { PeerReply } from "../../core/status.ts";
import { tlsaText } from "../../parts/dane/tlsa-text.ts";
import type { LossReason } from "./connection.ts";
import type { HostVerdict } from "./verdicts.ts";

/** A host of which it is known what DNS asks; the others are not dialled. */
export type AskedDane = Exclude<DaneState, { kind: "unavailable" }>;

const MISMATCH: ReasonCode = "PST-DLV-039";
const NO_STARTTLS: ReasonCode = "PST-DLV-040";
const NO_HANDSHAKE: ReasonCode = "PST-DLV-041";

/** What a person should look at: an attack, or an error of the operators over there. */
export const DANE_VIOLATIONS: readonly ReasonCode[] = [MISMATCH, NO_STARTTLS, NO_HANDSHAKE];

export function daneAsksForTls({ kind }: AskedDane): boolean {
  return kind !== "none";
}

/** RFC 7672 section 8.1: the name under which the records were found. */
export function serverNameOf({ dane }: { readonly dane: AskedDane }, ownName: string): string {
  return dane.kind === "usable" ? dane.baseName : ownName;
}

/** True when a connection lives up to what DNS asks. */
export function meetsDane(
  { rung, dane }: { readonly rung: Rung; readonly dane: DaneFacts },
  kind: AskedDane["kind"],
): boolean {
  switch (kind) {
    case "none":
      return true;
    case "unusable":
      return rung !== "plain";
    case "usable":
      return rung !== "plain" && dane.state === "usable" && dane.matched !== null;
    default:
      return assertNever(kind);
  }
}

/** What is known before the certificate is. */
export function daneFactsOf({ kind }: AskedDane): DaneFacts {
  return kind === "usable" ? { state: kind, matched: null, refused: null } : { state: kind };
}

/** Two states of one text ask the same: for the key of a kept connection. */
export function daneText(dane: AskedDane): string {
  if (dane.kind !== "usable") return dane.kind;
  const records = dane.records.map(tlsaText).toSorted();
  return createHash("sha256")
    .update(JSON.stringify([records, dane.baseName, dane.names]))
    .digest("hex");
}

type Violation = Extract<HostVerdict, { kind: "violated" }>;

export function daneMismatch(rung: Rung): Violation {
  return { kind: "violated", code: MISMATCH, status: "4.7.5", reply: null, rung };
}

/** Not offered, refused, or put off: to whoever is in between it is all the same. */
export function daneWithoutStarttls(reply: PeerReply | null): Violation {
  return { kind: "violated", code: NO_STARTTLS, status: "4.7.4", reply, rung: "plain" };
}

export function daneWithoutHandshake(): Violation {
  return { kind: "violated", code: NO_HANDSHAKE, status: "4.7.5", reply: null, rung: "plain" };
}

/** A handshake that was broken off, by alert or by hanging up, is one that failed; silence is a trouble like any other. */
export function isHandshakeRefused(reason: LossReason, phase: Phase): boolean {
  return phase === "handshake" && (reason === "tls" || reason === "closed");
}
