/**
 * All that a mail server is asked to prove, whoever asks it: its TLSA records, the policy of the recipient's domain. The files
 * `*-demand.ts` hold what each of them asks. Promises: a host that falls short of any of them carries nothing, whatever the floor.
 */
import type { MxHost } from "../../core/capabilities.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";
import type { EnhancedStatus, PeerReply } from "../../core/status.ts";
import {
  DANE_VIOLATIONS,
  daneAsksForTls,
  daneMismatch,
  daneWithoutHandshake,
  daneWithoutStarttls,
  meetsDane,
} from "./dane-demand.ts";
import type { AskedDane } from "./dane-demand.ts";
import {
  enforcesSts,
  meetsSts,
  notNamed,
  STS_VIOLATIONS,
  stsMismatch,
  stsWithoutHandshake,
  stsWithoutStarttls,
} from "./sts-demand.ts";
import type { AskedSts } from "./sts-demand.ts";
import type { HostVerdict } from "./verdicts.ts";

export type Asked = { readonly dane: AskedDane; readonly sts: AskedSts };

/** A host of which all of it is known; the others are not dialled. */
export type AskedHost = Omit<MxHost, "dane" | "sts"> & Asked;

export type Admission =
  | { readonly kind: "admitted"; readonly host: AskedHost }
  /** It is not known what the host is asked (RFC 7672 section 2.1.2): whoever can make a look-up fail must not get the mail by it. */
  | {
      readonly kind: "unknown";
      readonly code: ReasonCode;
      readonly status: EnhancedStatus<4>;
      readonly why: { readonly detail?: string };
    }
  /** The policy of the domain does not name it. */
  | { readonly kind: "not-named"; readonly verdict: Violation };

/** Before a host is dialled. */
export function admit(host: MxHost): Admission {
  const { dane, sts } = host;
  if (dane.kind === "unavailable") return { kind: "unknown", code: dane.code, status: "4.4.3", why: whyOf(dane) };
  // Where DANE is in use, it alone decides.
  const isDane = dane.kind === "usable";
  if (sts.kind === "unavailable") {
    if (!isDane) return { kind: "unknown", code: sts.code, status: "4.3.0", why: {} };
    return { kind: "admitted", host: { ...host, dane, sts: { kind: "none" } } };
  }
  if (sts.kind === "enforce" && !sts.matches && !isDane) return { kind: "not-named", verdict: notNamed() };
  return { kind: "admitted", host: { ...host, dane, sts } };
}

function whyOf({ detail }: Extract<MxHost["dane"], { kind: "unavailable" }>): { readonly detail?: string } {
  return detail === undefined ? {} : { detail };
}

type Violation = Extract<HostVerdict, { kind: "violated" }>;

/** Codes of which operators are told. */
export const VIOLATIONS: readonly ReasonCode[] = [...DANE_VIOLATIONS, ...STS_VIOLATIONS];

export function demandsTls(asked: Asked): boolean {
  return daneAsksForTls(asked.dane) || enforcesSts(asked);
}

/** null where a connection of this rung lives up to all of it. */
export function violationOf(rung: Rung, asked: Asked): Violation | null {
  if (!meetsDane(rung, asked.dane.kind)) return rung === "plain" ? daneWithoutHandshake() : daneMismatch(rung);
  if (!meetsSts(rung, asked)) return rung === "plain" ? stsWithoutHandshake() : stsMismatch(rung);
  return null;
}

/** For a host that demands TLS. */
export function withoutStarttls({ dane }: Asked, reply: PeerReply | null): Violation {
  return daneAsksForTls(dane) ? daneWithoutStarttls(reply) : stsWithoutStarttls(reply);
}

/** For a host that demands TLS. */
export function withoutHandshake({ dane }: Asked): Violation {
  return daneAsksForTls(dane) ? daneWithoutHandshake() : stsWithoutHandshake();
}
