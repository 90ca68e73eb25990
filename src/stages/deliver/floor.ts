/**
 * The last gate before MAIL FROM: does this very session, new or reused, meet what the step demands? (RFC 8689 section 4.2.1,
 * RFC 6152, RFC 6531). Promises: nothing is relaxed here; a session below the rung or without a needed extension is `below`, and one
 * that lacks what is asked of its host besides carries nothing.
 */
import type { MissingExtension, TlsFacts } from "../../core/outcome.ts";
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
  readonly requireTls: boolean;
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
  { dane, sts }: Asked,
  recipients: readonly DeliveryRecipient[],
): Demand {
  const { needs } = request.parcel.variant;
  const isUtf8Address =
    request.envelope.sender?.isUtf8 === true || recipients.some(({ recipient }) => recipient.mailbox.isUtf8);
  return {
    minRung: request.parcel.minRung,
    asked: { dane, sts },
    requireTls: request.envelope.requireTls,
    eightBitMime: needs.eightBitMime,
    smtpUtf8: needs.smtpUtf8 || isUtf8Address,
  };
}

/** The extensions MAIL will make use of. */
export function usedBy(demand: Demand): readonly MissingExtension[] {
  const used: MissingExtension[] = [];
  if (demand.requireTls) used.push("REQUIRETLS");
  if (demand.smtpUtf8) used.push("SMTPUTF8");
  if (demand.eightBitMime) used.push("8BITMIME");
  return used;
}

/** What to call a proof that is weaker than the floor. */
export function shortOfRung(tls: TlsFacts | null, rung: Rung): ReasonCode {
  if (tls === null) return "PST-DLV-007";
  if (rung === "plain") return "PST-DLV-008";
  return rung === "tls-unauthenticated" ? "PST-DLV-009" : "PST-DLV-038";
}

/** null when the session may carry the message. */
export function shortfall(session: Pick<Session, "rung" | "tls" | "extensions">, demand: Demand): HostVerdict | null {
  const { extensions, rung, tls } = session;
  const violation = violationOf(rung, demand.asked);
  if (violation !== null) return rung === "plain" ? withoutStarttls(demand.asked, null) : violation;
  if (!meetsRung(rung, demand.minRung)) {
    return { kind: "below", code: shortOfRung(tls, rung), rung, missing: [] };
  }
  const isTlsPromised = extensions.requireTls && meetsRung(rung, "pkix");
  const missing = usedBy(demand).filter((extension) => {
    if (extension === "REQUIRETLS") return !isTlsPromised;
    return extension === "SMTPUTF8" ? !extensions.smtpUtf8 : !extensions.eightBitMime;
  });
  const [first] = missing;
  return first === undefined ? null : { kind: "below", code: CODE_OF_MISSING[first], rung, missing };
}
