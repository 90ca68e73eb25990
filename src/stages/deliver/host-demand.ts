/**
 * All that a mail server is asked to prove, whoever asks it: its TLSA records, the operator's rule, the policy of the recipient's
 * domain. The files `*-demand.ts` hold what each of them asks. Promises: a host that falls short of any of them carries nothing, whatever the floor.
 */
import type { MxHost } from "../../core/capabilities.ts";
import type { DaneFacts, RuleFacts } from "../../core/outcome.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";
import type { EnhancedStatus, PeerReply } from "../../core/status.ts";
import type { TlsRule } from "../../core/tls-rule.ts";
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
  breaksRule,
  isNamedByRule,
  lacksDane,
  meetsRule,
  notNamedByRule,
  RULE_VIOLATIONS,
  ruleAsksForTls,
  ruleWithoutHandshake,
  ruleWithoutStarttls,
  withoutDane,
} from "./pin-demand.ts";
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

export type Asked = { readonly dane: AskedDane; readonly sts: AskedSts; readonly rule?: TlsRule };

/** What a connection showed, new or kept. */
export type Shown = { readonly rung: Rung; readonly dane: DaneFacts; readonly rule: RuleFacts | null };

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
  /** The operator's rule or the policy of the domain does not name it. */
  | { readonly kind: "not-named"; readonly verdict: Violation }
  /** It cannot live up to the operator's rule. */
  | { readonly kind: "refused"; readonly verdict: Violation };

/** Before a host is dialled. */
export function admit(host: MxHost): Admission {
  const { dane, sts, rule } = host;
  if (!isNamedByRule(rule, host.name)) return { kind: "not-named", verdict: notNamedByRule() };
  if (dane.kind === "unavailable") return { kind: "unknown", code: dane.code, status: "4.4.3", why: whyOf(dane) };
  if (lacksDane(rule, dane)) return { kind: "refused", verdict: withoutDane() };
  // Where DANE is in use, the policy has no say.
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
export const VIOLATIONS: readonly ReasonCode[] = [...DANE_VIOLATIONS, ...RULE_VIOLATIONS, ...STS_VIOLATIONS];

export function demandsTls(asked: Asked): boolean {
  return daneAsksForTls(asked.dane) || ruleAsksForTls(asked.rule) || enforcesSts(asked);
}

/** null where a connection lives up to all of it. */
export function violationOf(shown: Shown, asked: Asked): Violation | null {
  const { rung } = shown;
  const isPlain = rung === "plain";
  if (!meetsDane(shown, asked.dane.kind)) return isPlain ? daneWithoutHandshake() : daneMismatch(rung);
  if (!meetsRule(asked.rule, shown)) return isPlain ? ruleWithoutHandshake() : breaksRule(rung, shown.rule);
  if (!meetsSts(rung, asked)) return isPlain ? stsWithoutHandshake() : stsMismatch(rung);
  return null;
}

/** For a host that demands TLS. */
export function withoutStarttls({ dane, rule }: Asked, reply: PeerReply | null): Violation {
  if (daneAsksForTls(dane)) return daneWithoutStarttls(reply);
  return ruleAsksForTls(rule) ? ruleWithoutStarttls(reply) : stsWithoutStarttls(reply);
}

/** For a host that demands TLS. */
export function withoutHandshake({ dane, rule }: Asked): Violation {
  if (daneAsksForTls(dane)) return daneWithoutHandshake();
  return ruleAsksForTls(rule) ? ruleWithoutHandshake() : stsWithoutHandshake();
}
