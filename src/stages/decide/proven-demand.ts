/**
 * What a domain proved before binds mail that needs protection (docs/security-levels.md): whoever can take its DNSSEC, its policy or its
 * STARTTLS away must not get such mail by it. Promises: only raises the transport's rung, never the floor itself, so that it ends with
 * its time; ordinary mail is not touched; the operator's rule that lowers a destination, or ignores its policy, wins.
 */
import type { Capabilities } from "../../core/capabilities.ts";
import { isStsIgnored } from "../../core/destination-rule.ts";
import type { Floor, PlanReason } from "../../core/plan.ts";
import type { DestinationRule } from "../../core/policy.ts";
import { meetsRung } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";

export type ProvenDemand = {
  /** `raised`: transport must reach `rung`. `unknown`: what it must reach cannot be read, so there is no transport. */
  readonly kind: "none" | "raised" | "unknown";
  /** What transport needs at least; null: none is enough. */
  readonly rung: Rung | null;
  readonly reasons: readonly PlanReason[];
};

type Input = {
  readonly floor: Floor;
  readonly capabilities: Pick<Capabilities, "proven">;
  /** The one that concerns the recipient's domain. */
  readonly rule: DestinationRule | null;
  readonly now: number;
};

type Effect = Extract<PlanReason, { kind: "proven-before" }>["effect"];

export function provenDemand({ floor, capabilities: { proven }, rule, now }: Input): ProvenDemand {
  const none: ProvenDemand = { kind: "none", rung: floor.minRung, reasons: [] };
  if (floor.profile === "opportunistic" || floor.minRung === null || proven.kind === "absent") return none;
  const rung = proven.kind === "known" ? proven.rung : null;
  if (rung !== null && meetsRung(floor.minRung, rung)) return none;
  const because = (effect: Effect): readonly PlanReason[] => [{ kind: "proven-before", rung, effect }];
  const isPolicyIgnored = rung === "sts-enforce" && isStsIgnored(rule, now);
  if (isPolicyIgnored || (rule !== null && rule.lowerTo !== null && rule.lowerTo.expiresAt > now)) {
    return { ...none, reasons: because("waived") };
  }
  if (proven.kind === "unavailable") return { kind: "unknown", rung: null, reasons: because("unknown") };
  if (proven.keptUntil !== null && proven.keptUntil <= now) return { ...none, reasons: because("lapsed") };
  return { kind: "raised", rung: proven.rung, reasons: because("kept") };
}
