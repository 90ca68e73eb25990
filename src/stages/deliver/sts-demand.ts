/**
 * What the MTA-STS policy of the recipient's domain asks of the connection to a mail server (RFC 8461 sections 4 and 5).
 * Promises: under a policy in mode `enforce` a server that the policy does not name is not dialled, and one that it names must prove
 * itself by PKIX under TLS, whatever the floor; mode `testing` is judged and asks for nothing. Where DANE is in use, it alone decides
 * (RFC 8461 section 2).
 */
import type { StsFacts } from "../../core/outcome.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";
import type { PeerReply } from "../../core/status.ts";
import type { HostSts } from "../../core/sts.ts";
import type { AskedDane } from "./dane-demand.ts";
import type { HostVerdict } from "./verdicts.ts";

/** A host of which it is known what the policy asks; the others are not dialled. */
export type AskedSts = Exclude<HostSts, { kind: "unavailable" }>;

const NOT_NAMED: ReasonCode = "PST-DLV-045";
const MISMATCH: ReasonCode = "PST-DLV-046";
const NO_STARTTLS: ReasonCode = "PST-DLV-047";
const NO_HANDSHAKE: ReasonCode = "PST-DLV-048";

/** What a person should look at: an attack, or an error of the operators over there. */
export const STS_VIOLATIONS: readonly ReasonCode[] = [NOT_NAMED, MISMATCH, NO_STARTTLS, NO_HANDSHAKE];

type Asked = { readonly dane: AskedDane; readonly sts: AskedSts };

export function enforcesSts({ dane, sts }: Asked): boolean {
  return sts.kind === "enforce" && dane.kind !== "usable";
}

/** True when a connection of this rung lives up to the policy. */
export function meetsSts(rung: Rung, asked: Asked): boolean {
  return !enforcesSts(asked) || rung === "sts-enforce";
}

/** `verdict` null: what is known before anything of the connection is. */
export function stsFactsOf(sts: AskedSts, verdict: "met" | "broken" | null = null): StsFacts {
  return sts.kind === "none" ? { mode: "none" } : { mode: sts.kind, id: sts.id, matched: sts.matches, verdict };
}

/** Two policies of one text ask the same: for the key of a kept connection. */
export function stsText(sts: AskedSts): string {
  return sts.kind === "none" ? sts.kind : `${sts.kind} ${sts.id} ${sts.matches}`;
}

type Violation = Extract<HostVerdict, { kind: "violated" }>;

export function notNamed(): Violation {
  return { kind: "violated", code: NOT_NAMED, status: "4.7.5", reply: null, rung: "plain" };
}

export function stsMismatch(rung: Rung): Violation {
  return { kind: "violated", code: MISMATCH, status: "4.7.5", reply: null, rung };
}

/** Not offered, refused, or put off: to whoever is in between it is all the same. */
export function stsWithoutStarttls(reply: PeerReply | null): Violation {
  return { kind: "violated", code: NO_STARTTLS, status: "4.7.4", reply, rung: "plain" };
}

export function stsWithoutHandshake(): Violation {
  return { kind: "violated", code: NO_HANDSHAKE, status: "4.7.5", reply: null, rung: "plain" };
}
