/**
 * The floor of one recipient's copy, with every reason for it (docs/security-levels.md). Promises: the strongest demand wins;
 * a destination rule lowers only what may be lowered and only until it expires; the floor demanded before is never undercut.
 */
import { assertNever } from "../../core/assert-never.ts";
import { findDestinationRule } from "../../core/destination-rule.ts";
import type { Route } from "../../core/capabilities.ts";
import type { RuleHit } from "../../core/findings.ts";
import type { Origin } from "../../core/origin.ts";
import type { DestinationEffect, Floor, PlanReason, WaiverEffect } from "../../core/plan.ts";
import { strongerFloor, strongerProfile } from "../../core/floor-order.ts";
import type { DestinationRule, RequireTlsWish } from "../../core/policy.ts";
import type { DecideInput } from "../../core/stages.ts";
import { actionText } from "../../core/rule-action.ts";
import { demandsOf, hitsFor } from "./demands.ts";
import type { Demand, Parties } from "./demands.ts";
import { requireTlsWish, verifiedRung } from "./requiretls.ts";
import { waive } from "./waiver.ts";
import { floorOf, sameFloor, weakerProfile } from "./profile.ts";

export type DecidedFloor = {
  readonly floor: Floor;
  readonly reasons: readonly [PlanReason, ...PlanReason[]];
  /** Rules that concern this copy. */
  readonly hits: readonly RuleHit[];
  readonly waiver: WaiverEffect | null;
  readonly requireTls: RequireTlsWish;
  /** Of the destination. */
  readonly rule: DestinationRule | null;
};

type Reasons = readonly PlanReason[];

export function decideFloor(input: DecideInput): DecidedFloor {
  const domain = input.recipient.mailbox.domain;
  const isOwn = isOwnReport(input.origin);
  const hits = isOwn ? [] : hitsFor(input.findings, partiesOf(input));
  const { demands: found, effect: waiver } = waive(isOwn ? [] : demandsOf(input.findings, hits, input.policy), input);
  const rule = findDestinationRule(input.policy.destinations, domain);
  const lowered = lower(found, rule, input.now);
  const demands = [...lowered, ...raise(rule), ...protectContent(lowered, rule)];
  const base = baseDemand(input, isOwn, waiver);
  const named = floorOf(demands.map(({ profile }) => profile).reduce(strongerProfile, base.profile));
  const kept = input.previousFloor === null ? named : strongerFloor(named, input.previousFloor);
  const { policy, envelope } = input;
  const requireTls = requireTlsWish({ bySender: envelope.requireTls, isOwnReport: isOwn, floor: kept, policy, rule });
  const wanted = requireTls === "require" ? requireVerifiedTls(named, input.capabilities.route) : named;
  const floor = input.previousFloor === null ? wanted : strongerFloor(wanted, input.previousFloor);
  const [first, ...others] = demands;
  return {
    floor,
    reasons: [
      toReason(first ?? base),
      ...others.map(toReason),
      ...hits.map(ruleReason),
      ...(waiver === null ? [] : [{ kind: "sender-waiver", effect: waiver } as const]),
      ...destinationReasons({ found, lowered, rule }),
      ...(sameFloor(wanted, named) ? [] : [toReason({ profile: wanted.profile, because: "REQUIRETLS" })]),
      ...neverBelow(floor, wanted, input.previousFloor),
    ],
    requireTls,
    rule,
    hits,
    waiver,
  };
}

/** A copy for compliance holds what the message holds, whoever that was for: every rule binds it. */
function partiesOf({ origin, envelope, recipient }: DecideInput): Parties | null {
  return origin === "copy" ? null : { sender: envelope.sender, recipient: recipient.mailbox };
}

function ruleReason({ pack, rule, action, also }: RuleHit): PlanReason {
  const asks = actionText(action, also);
  return { kind: "rule", pack, rule, ...(asks !== "protect" && { asks }) };
}

/** Postern's own reports hold no text of the message: nothing found in it binds them, what a destination demands does. */
function isOwnReport(origin: Origin): boolean {
  switch (origin) {
    case "relay":
    case "copy":
      return false;
    case "dsn":
    case "notice":
    case "alert":
    case "report":
      return true;
    default:
      return assertNever(origin);
  }
}

/** The only cause there is where nothing demands more. */
function baseDemand({ findings }: DecideInput, isOwn: boolean, waiver: WaiverEffect | null): Demand {
  const demand = (because: string): Demand => ({ profile: "opportunistic", because, mayBeLowered: false });
  if (isOwn) return demand("own report");
  if (waiver === "granted" || waiver === "awaits approval") return demand("its sender asked to do without protection");
  return demand(findings.hits.length > 0 ? "no rule that hit concerns this recipient" : "nothing found");
}

function lower(demands: readonly Demand[], rule: DestinationRule | null, now: number): readonly Demand[] {
  const lowerTo = rule?.lowerTo;
  if (lowerTo === null || lowerTo === undefined || lowerTo.expiresAt <= now) return demands;
  return demands.map((demand) =>
    demand.mayBeLowered ? { ...demand, profile: weakerProfile(demand.profile, lowerTo.profile) } : demand,
  );
}

function raise(rule: DestinationRule | null): readonly Demand[] {
  if (rule === null || rule.raiseTo === null) return [];
  return [{ profile: rule.raiseTo, because: `destination ${rule.match}`, mayBeLowered: false }];
}

/** For mail that needs protection only: a provider that reads its users' mail may have the rest of it. */
function protectContent(demands: readonly Demand[], rule: DestinationRule | null): readonly Demand[] {
  const isNeeded = demands.some(({ profile }) => profile !== "opportunistic");
  if (rule === null || !rule.requireContentProtection || !isNeeded) return [];
  return [{ profile: "content", because: `destination ${rule.match}: transport is not enough`, mayBeLowered: false }];
}

/** RFC 8689 section 4.2.1: a verified server, whatever the message holds. */
function requireVerifiedTls(floor: Floor, route: Route): Floor {
  return strongerFloor(floor, { profile: floor.profile, minRung: verifiedRung(route) });
}

function destinationReasons(seen: {
  readonly found: readonly Demand[];
  readonly lowered: readonly Demand[];
  readonly rule: DestinationRule | null;
}): Reasons {
  const { found, lowered, rule } = seen;
  if (rule === null) return [];
  const isLowered = lowered.some(({ profile }, index) => profile !== found[index]?.profile);
  const effects: readonly (DestinationEffect | null)[] = [
    isLowered ? "lowered" : null,
    rule.raiseTo === null ? null : "raised",
    protectContent(lowered, rule).length === 0 ? null : "content protection",
  ];
  return effects.flatMap((effect) =>
    effect === null ? [] : [{ kind: "destination-rule", match: rule.match, effect }],
  );
}

function neverBelow(floor: Floor, wanted: Floor, previous: Floor | null): Reasons {
  return previous === null || sameFloor(floor, wanted) ? [] : [{ kind: "never-below", profile: previous.profile }];
}

function toReason({ profile, because }: Pick<Demand, "profile" | "because">): PlanReason {
  return { kind: "profile", profile, because };
}
