/** The named floors as an order, weakest first, and the weakest rung each lets carry a message (docs/security-levels.md). */
import type { Floor } from "../../core/plan.ts";
import { PROFILES } from "../../core/policy.ts";
import type { ProfileName } from "../../core/policy.ts";
import type { Rung } from "../../core/rung.ts";

/** null: no rung is enough, the content itself must be protected. */
const MIN_RUNG: Readonly<Record<ProfileName, Rung | null>> = {
  opportunistic: "plain",
  minimum: "tls-unauthenticated",
  standard: "pkix",
  strict: "pkix-dnssec-mx",
  content: null,
  portal: null,
};

export function floorOf(profile: ProfileName): Floor {
  return { profile, minRung: MIN_RUNG[profile] };
}

export function weakerProfile(a: ProfileName, b: ProfileName): ProfileName {
  return PROFILES.indexOf(b) < PROFILES.indexOf(a) ? b : a;
}

export function sameFloor(a: Floor, b: Floor): boolean {
  return a.profile === b.profile && a.minRung === b.minRung;
}
