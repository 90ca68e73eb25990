/**
 * The last gate before MAIL FROM: does this very session, new or reused, meet what the step demands? (RFC 8689 section 4.2.1,
 * RFC 6152, RFC 6531). Promises: nothing is relaxed here; a session below the rung or without a needed extension is `below`, and one
 * that lacks what is asked of its host besides carries nothing.
 */
import type { MissingExtension, TlsFacts } from "../../core/outcome.ts";
import type { RequireTlsWish } from "../../core/policy.ts";
import { requireTlsRung } from "../../core/requiretls.ts";
import type { Rung } from "../../core/rung.ts";
import { meetsRung } from "../../core/rung.ts";
import type { DeliveryRecipient, DeliveryRequest } from "../../core/stages.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import { violationOf, withoutStarttls } from "./host-demand.ts";
import type { Asked } from "./host-demand.ts";
import type { Session } from "./session.ts";
import type { HostVerdict } from "./verdicts.ts";

export type Demand = {
  readonly minRung: Rung;
  /** What else is asked of the host, whatever the floor. */
  readonly asked: Asked;
  readonly requireTls: RequireTlsWish;
  /** What a session must have proven before REQUIRETLS is said on it. */
  readonly requireTlsRung: Rung;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
};

const CODE_OF_MISSING: Readonly<Record<MissingExtension, ReasonCode>> = {
  REQUIRETLS: "PST-DLV-015",
  SMTPUTF8: "PST-DLV-014",
  "8BITMIME": "PST-DLV-013",
  SIZE: "PST-DLV-016",
};

export function demandOf(
  request: DeliveryRequest,
  { dane, sts, rule }: Asked,
  recipients: readonly DeliveryRecipient[],
): Demand {
  const { needs } = request.parcel.variant;
  const isUtf8Address =
    request.envelope.sender?.isUtf8 === true || recipients.some(({ recipient }) => recipient.mailbox.isUtf8);
  return {
    minRung: request.parcel.minRung,
    asked: { dane, sts, ...(rule === undefined ? {} : { rule }) },
    requireTls: requireTlsOf(request),
    requireTlsRung: requireTlsRung(request.route.via),
    eightBitMime: needs.eightBitMime,
    smtpUtf8: needs.smtpUtf8 || isUtf8Address,
  };
}

/** The sender's word, or that of the operator, which is part of the step. */
export function requireTlsOf({ envelope, parcel: { step } }: DeliveryRequest): RequireTlsWish {
  if (envelope.requireTls) return "require";
  return step.kind === "portal" ? "off" : (step.requireTls ?? "off");
}

/** Whether MAIL on this session carries REQUIRETLS: where it is a must the gate has seen to it that it can. */
export function saysRequireTls(session: Pick<Session, "rung" | "extensions">, demand: Demand): boolean {
  return demand.requireTls !== "off" && canPromiseTls(session, demand);
}

function canPromiseTls({ rung, extensions }: Pick<Session, "rung" | "extensions">, demand: Demand): boolean {
  return extensions.requireTls && meetsRung(rung, demand.requireTlsRung);
}

/** The extensions MAIL makes use of on this session. */
export function usedBy(session: Pick<Session, "rung" | "extensions">, demand: Demand): readonly MissingExtension[] {
  return [...(saysRequireTls(session, demand) ? (["REQUIRETLS"] as const) : []), ...neededBy(demand)];
}

function neededBy(demand: Demand): readonly MissingExtension[] {
  const used: MissingExtension[] = [];
  if (demand.smtpUtf8) used.push("SMTPUTF8");
  if (demand.eightBitMime) used.push("8BITMIME");
  return used;
}

/** What to call a proof that is weaker than the floor. */
export function shortOfRung(tls: TlsFacts | null, rung: Rung): ReasonCode {
  if (tls === null) return "PST-DLV-007";
  if (rung === "plain") return "PST-DLV-008";
  if (tls.weakKey !== undefined && rung === "tls-unauthenticated") return "PST-DLV-056";
  return rung === "tls-unauthenticated" ? "PST-DLV-009" : "PST-DLV-038";
}

/** null when the session may carry the message. */
export function shortfall(
  session: Pick<Session, "rung" | "tls" | "dane" | "rule" | "extensions">,
  demand: Demand,
): HostVerdict | null {
  const { extensions, rung, tls } = session;
  const violation = violationOf(session, demand.asked);
  if (violation !== null) return rung === "plain" ? withoutStarttls(demand.asked, null) : violation;
  if (!meetsRung(rung, demand.minRung)) {
    return { kind: "below", code: shortOfRung(tls, rung), rung, missing: [] };
  }
  const lacksPromise = demand.requireTls === "require" && !canPromiseTls(session, demand);
  const missing = [
    ...(lacksPromise ? (["REQUIRETLS"] as const) : []),
    ...neededBy(demand).filter((name) => (name === "SMTPUTF8" ? !extensions.smtpUtf8 : !extensions.eightBitMime)),
  ];
  const [first] = missing;
  return first === undefined ? null : { kind: "below", code: CODE_OF_MISSING[first], rung, missing };
}
