/**
 * The one place where it is decided how a copy may leave: facts in, a plan out (docs/security-levels.md).
 * Promises: pure, and so the same for the same input; every step meets the floor; the floor is the strongest of all demands and never
 * below the one demanded before; the plan says why. Enforcing the rung is left to deliver, moving along the steps to pipeline.ts.
 */
import type { Plan } from "../../core/plan.ts";
import type { DecideInput } from "../../core/stages.ts";
import { findDestinationRule } from "./destination.ts";
import { decideFloor } from "./floor.ts";
import { provenDemand } from "./proven-demand.ts";
import { capabilityReasons, planSteps } from "./steps.ts";
import type { StepsInput } from "./steps.ts";

export function decide(input: DecideInput): Plan {
  const { floor, reasons, isHeldForReview } = decideFloor(input);
  const { requireTls } = input.envelope;
  const carrierRung = requireTls ? "pkix" : "plain";
  const { capabilities, policy, now } = input;
  const rule = findDestinationRule(policy.destinations, input.recipient.mailbox.domain);
  const proven = provenDemand({ floor, capabilities, rule, now });
  const steps: StepsInput = { floor, proven, capabilities, carrierRung, requireTls };
  return {
    floor,
    reasons: [...reasons, ...proven.reasons, ...capabilityReasons(steps)],
    steps: isHeldForReview ? [{ kind: "hold", code: "PST-DEC-002" }] : planSteps(steps),
  };
}
