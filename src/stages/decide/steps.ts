/**
 * From a floor to steps. Promises: every step meets the floor by itself, strongest first; the list ends in a stop that has a
 * code. Steps of the same plan are tried in order by pipeline.ts; none of them is ever dropped or relaxed for what TLS looked
 * like before, because only the live socket proves it.
 *
 * What a route means: `null-mx`, `no-such-domain` and `unusable` are answers, so the copy is refused and the sender told.
 * `unavailable` and `bogus` are no answers: pipeline.ts defers on them before it asks here. Asked all the same (`postern route
 * explain` does), what needs protection may go to the portal, whose notice is a message of its own and finds its own route;
 * otherwise it is held.
 * Content protection still travels by mail, so without hosts it is no step. `loop` is a fault on our side: held, for a person.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { Capabilities, KeyLookup } from "../../core/capabilities.ts";
import type { Floor, Plan, PlanReason, Step, Stop } from "../../core/plan.ts";
import type { Fallback, RequireTlsWish } from "../../core/policy.ts";
import { channelReasons } from "./channel-reasons.ts";
import type { ProvenDemand } from "./proven-demand.ts";
import { strongerRung } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";

export type StepsInput = {
  readonly floor: Floor;
  readonly proven: Pick<ProvenDemand, "kind" | "rung">;
  readonly capabilities: Capabilities;
  /** The weakest rung that may carry content that is protected in itself. */
  readonly carrierRung: Rung;
  /** `require`: what cannot be met goes back to the sender, it does not wait (RFC 8689 section 4.2.1). */
  readonly requireTls: RequireTlsWish;
  /** What follows where no mail server meets the floor. */
  readonly fallback: Fallback;
};

export function planSteps(input: StepsInput): Plan["steps"] {
  const { route } = input.capabilities;
  switch (route.kind) {
    case "hosts":
      return [...contentSteps(input), ...transportStep(input), ...portalStep(input), lastStop(input)];
    case "null-mx":
      return [{ kind: "refuse", code: "PST-DEC-006" }];
    case "no-such-domain":
      return [{ kind: "refuse", code: "PST-DEC-004" }];
    case "unusable":
      return [{ kind: "refuse", code: route.code }];
    case "bogus":
    case "unavailable":
      return [...portalStep(input), { kind: "hold", code: route.code }];
    case "loop":
      return [{ kind: "hold", code: "PST-DSC-006" }];
    default:
      return assertNever(route);
  }
}

/** What was known of the other side, as far as it mattered. */
export function capabilityReasons({ floor, capabilities }: StepsInput): readonly PlanReason[] {
  const { smime, openpgp, portal } = capabilities;
  if (!needsProtection(floor)) return channelReasons(capabilities);
  return [
    { kind: "capability", capability: "smime", state: stateOf(smime) },
    { kind: "capability", capability: "openpgp", state: stateOf(openpgp) },
    { kind: "capability", capability: "portal", state: portal.kind },
    ...channelReasons(capabilities),
  ];
}

/** Content protection is for mail that needs it; other mail goes as its sender wrote it. */
function needsProtection(floor: Floor): boolean {
  return floor.profile !== "opportunistic";
}

/** A look-up that failed is no key: the copy falls to the next step of the same floor, and the reasons say why. */
function contentSteps({ floor, capabilities, carrierRung, requireTls }: StepsInput): readonly Step[] {
  // For the portal alone no key of the recipient is enough.
  if (!needsProtection(floor) || floor.profile === "portal") return [];
  const { smime, openpgp } = capabilities;
  const carrier = { minRung: carrierRung, ...keyword(requireTls) };
  return [
    ...(smime.kind === "found" ? [{ kind: "smime", certificates: smime.keys, ...carrier } as const] : []),
    ...(openpgp.kind === "found" ? [{ kind: "openpgp", keys: openpgp.keys, ...carrier } as const] : []),
  ];
}

function transportStep({ proven: { rung }, requireTls }: StepsInput): readonly Step[] {
  return rung === null ? [] : [{ kind: "transport", minRung: rung, ...keyword(requireTls) }];
}

function keyword(wish: RequireTlsWish): Pick<Extract<Step, { kind: "transport" }>, "requireTls"> {
  return wish === "off" ? {} : { requireTls: wish };
}

function portalStep({ floor, capabilities, carrierRung, fallback }: StepsInput): readonly Step[] {
  if (fallback !== "portal" && floor.profile !== "portal") return [];
  if (!needsProtection(floor) || capabilities.portal.kind !== "available") return [];
  const isStrict = floor.profile === "strict" || floor.minRung === null;
  const noticeMinRung = strongerRung(isStrict ? "pkix" : "tls-unauthenticated", carrierRung);
  return [{ kind: "portal", noticeMinRung }];
}

function lastStop(input: StepsInput): Stop {
  // No fault of the destination, and perhaps over with the next try.
  if (input.proven.kind === "unknown") return { kind: "wait", code: "PST-DEC-021" };
  if (input.requireTls === "require") return { kind: "refuse", code: "PST-DEC-005" };
  if (input.fallback === "fail") return { kind: "refuse", code: "PST-DEC-010" };
  if (input.fallback === "defer") return { kind: "wait", code: "PST-DEC-011" };
  if (input.proven.kind === "raised") return { kind: "wait", code: "PST-DEC-020" };
  if (input.floor.profile === "portal") return { kind: "hold", code: "PST-DEC-032" };
  const hasNothing = input.floor.minRung === null && [...contentSteps(input), ...portalStep(input)].length === 0;
  return { kind: "hold", code: hasNothing ? "PST-DEC-003" : "PST-DEC-001" };
}

function stateOf(lookup: KeyLookup<unknown>): string {
  return lookup.kind === "unavailable" ? `unavailable ${lookup.code}` : lookup.kind;
}
