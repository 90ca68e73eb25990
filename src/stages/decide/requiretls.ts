/**
 * REQUIRETLS (RFC 8689): who asks for it.
 * Promises: the sender's own demand always stands; the operator's wish concerns mail that needs protection alone, because a server
 * that cannot keep it returns the mail.
 */
import type { Route } from "../../core/capabilities.ts";
import type { DestinationRule, Policy, RequireTlsWish } from "../../core/policy.ts";
import type { Floor } from "../../core/plan.ts";
import { requireTlsRung } from "../../core/requiretls.ts";
import type { Rung } from "../../core/rung.ts";

export function requireTlsWish(asked: {
  /** By the sender, in the envelope. */
  readonly bySender: boolean;
  readonly isOwnReport: boolean;
  readonly floor: Floor;
  readonly policy: Policy;
  readonly rule: DestinationRule | null;
}): RequireTlsWish {
  if (asked.bySender) return "require";
  if (asked.isOwnReport || asked.floor.profile === "opportunistic") return "off";
  return asked.rule?.requireTls ?? asked.policy.requireTls;
}

/** See core/requiretls.ts. */
export function verifiedRung(route: Route): Rung {
  return requireTlsRung(route.kind === "hosts" ? route.via : null);
}
