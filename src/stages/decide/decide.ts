/**
 * The one place where it is decided how a copy may leave: facts in, a plan out (docs/security-levels.md).
 * Promises: pure, and so the same for the same input; every step meets the floor; the floor is the strongest of all demands and never
 * below the one demanded before; the plan says why. Enforcing the rung is left to deliver, moving along the steps to pipeline.ts.
 */
import type { Floor, Plan, PlanReason } from "../../core/plan.ts";
import type { DestinationRule } from "../../core/policy.ts";
import type { DecideInput } from "../../core/stages.ts";
import { decideFloor } from "./floor.ts";
import { provenDemand } from "./proven-demand.ts";
import { verifiedRung } from "./requiretls.ts";
import { capabilityReasons, planSteps } from "./steps.ts";
import type { StepsInput } from "./steps.ts";

export function decide(input: DecideInput): Plan {
  const { floor, reasons, isHeldForReview, requireTls, rule } = decideFloor(input);
  const { capabilities, now } = input;
  const carrierRung = requireTls === "require" ? verifiedRung(capabilities.route) : "plain";
  const proven = provenDemand({ floor, capabilities, rule, now });
  const fallback = rule?.fallback ?? "portal";
  const steps: StepsInput = { floor, proven, capabilities, carrierRung, requireTls, fallback };
  return {
    floor,
    reasons: [...reasons, ...fallbackReasons(rule, floor), ...proven.reasons, ...capabilityReasons(steps)],
    steps: isHeldForReview ? [{ kind: "hold", code: "PST-DEC-002" }] : planSteps(steps),
  };
}

/** Only where it makes a difference: mail without a floor meets it anywhere. */
function fallbackReasons(rule: DestinationRule | null, { minRung }: Floor): readonly PlanReason[] {
  if (rule === null || rule.fallback === "portal" || minRung === "plain") return [];
  return [{ kind: "destination-rule", match: rule.match, effect: `fallback ${rule.fallback}` }];
}
