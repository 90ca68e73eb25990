/** Audit facts drawn from findings, plans and parcels: what may be told without telling content. */
import type { AuditedHit, EventBody, StepSummary } from "./event.ts";
import type { Findings, RuleHit } from "./findings.ts";
import type { Parcel } from "./parcel.ts";
import type { Plan, Step, Stop } from "./plan.ts";

export function inspectedEvent({ findings, hits, shadow, ...rest }: Findings): EventBody {
  const told = {
    hits: hits.map(withoutScope),
    ...(shadow !== undefined && { shadow: shadow.map(withoutScope) }),
  };
  return { kind: "inspected", findings: { ...rest, ...told, count: findings.length } };
}

function withoutScope({ scope: _scope, ...hit }: RuleHit): AuditedHit {
  return hit;
}

export function plannedEvent(plan: Plan): EventBody {
  const stop = plan.steps.at(-1) as Stop;
  const steps = plan.steps.slice(0, -1) as readonly Step[];
  return {
    kind: "planned",
    profile: plan.floor.profile,
    minRung: plan.floor.minRung,
    steps: steps.map(summaryOf),
    stop: { kind: stop.kind, code: stop.code },
    reasons: plan.reasons,
  };
}

export function protectedEvent(step: Step, { variant }: Parcel): EventBody {
  return {
    kind: "protected",
    step: summaryOf(step),
    variant: variant.id,
    form: variant.kind,
    sizeBytes: variant.sizeBytes,
  };
}

function summaryOf(step: Step): StepSummary {
  return { kind: step.kind, minRung: step.kind === "portal" ? step.noticeMinRung : step.minRung };
}
