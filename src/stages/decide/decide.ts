/**
 * The one place where it is decided how a copy may leave: facts in, a plan out (docs/security-levels.md).
 * Promises: pure, and so the same for the same input; every step meets the floor; the floor is the strongest of all demands and never
 * below the one demanded before; the plan says why. Enforcing the rung is left to deliver, moving along the steps to pipeline.ts.
 */
import { isStsIgnored } from "../../core/destination-rule.ts";
import type { Findings } from "../../core/findings.ts";
import type { DestinationEffect, Floor, Plan, PlanReason, Stop } from "../../core/plan.ts";
import type { DestinationRule } from "../../core/policy.ts";
import type { DecideInput } from "../../core/stages.ts";
import { besideOf } from "./beside.ts";
import { decideFloor } from "./floor.ts";
import type { DecidedFloor } from "./floor.ts";
import { provenDemand } from "./proven-demand.ts";
import { verifiedRung } from "./requiretls.ts";
import { capabilityReasons, planSteps } from "./steps.ts";
import type { StepsInput } from "./steps.ts";

export function decide(input: DecideInput): Plan {
  const { floor, reasons, hits, waiver, requireTls, rule } = decideFloor(input);
  const { capabilities, now } = input;
  const carrierRung = requireTls === "require" ? verifiedRung(capabilities.route) : "plain";
  const proven = provenDemand({ floor, capabilities, rule, now });
  const fallback = rule?.fallback ?? "portal";
  const steps: StepsInput = { floor, proven, capabilities, carrierRung, requireTls, fallback };
  return {
    floor,
    reasons: [
      ...reasons,
      ...ruleReasons(rule, floor, now),
      ...headerReasons(input.findings),
      ...proven.reasons,
      ...capabilityReasons(steps),
    ],
    steps: stopOfRules({ hits, waiver }, input) ?? planSteps(steps),
    ...besideOf(hits, input),
  };
}

/** Where rules leave no step to try: refused, or kept for a person. Of a copy for compliance they only set the floor. */
function stopOfRules(
  { hits, waiver }: Pick<DecidedFloor, "hits" | "waiver">,
  { origin, holdReleased }: DecideInput,
): readonly [Stop] | null {
  if (origin !== "relay") return null;
  const refusing = hits.find(({ action }) => action.kind === "refuse");
  if (refusing !== undefined) {
    return [{ kind: "refuse", code: "PST-DEC-030", rule: `${refusing.pack}/${refusing.rule}` }];
  }
  if (holdReleased) return null;
  if (hits.some(({ action }) => action.kind === "hold")) return [{ kind: "hold", code: "PST-DEC-002" }];
  return waiver === "awaits approval" ? [{ kind: "hold", code: "PST-DEC-031" }] : null;
}

/** The fallback only where it makes a difference: mail without a floor meets it anywhere. */
function ruleReasons(rule: DestinationRule | null, { minRung }: Floor, now: number): readonly PlanReason[] {
  if (rule === null) return [];
  const { match, fallback } = rule;
  const effects: readonly DestinationEffect[] = [
    ...(fallback === "portal" || minRung === "plain" ? [] : ([`fallback ${fallback}`] as const)),
    ...(isStsIgnored(rule, now) ? (["MTA-STS ignored"] as const) : []),
  ];
  return effects.map((effect) => ({ kind: "destination-rule", match, effect }));
}

/** RFC 8689 section 5 lets it lift DANE and MTA-STS; here what a domain asks for binds whoever writes to it. */
function headerReasons({ tlsRequiredNo }: Findings): readonly PlanReason[] {
  return tlsRequiredNo === true ? [{ kind: "tls-required-no-ignored" }] : [];
}
