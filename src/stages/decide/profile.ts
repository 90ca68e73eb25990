/** The named floors as an order, weakest first, and the weakest rung each lets carry a message (docs/security-levels.md). */
import type { Floor } from "../../core/plan.ts";
import { PROFILES } from "../../core/policy.ts";
import type { ProfileName } from "../../core/policy.ts";
import { strongerRung } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";

/** null: no rung is enough, the content itself must be protected. */
const MIN_RUNG: Readonly<Record<ProfileName, Rung | null>> = {
  opportunistic: "plain",
  minimum: "tls-unauthenticated",
  standard: "pkix",
  strict: "pkix-dnssec-mx",
  content: null,
};

export function floorOf(profile: ProfileName): Floor {
  return { profile, minRung: MIN_RUNG[profile] };
}

export function strongerProfile(a: ProfileName, b: ProfileName): ProfileName {
  return PROFILES.indexOf(b) > PROFILES.indexOf(a) ? b : a;
}

export function weakerProfile(a: ProfileName, b: ProfileName): ProfileName {
  return PROFILES.indexOf(b) < PROFILES.indexOf(a) ? b : a;
}

/** Both demands together: the stronger name, and a rung that satisfies both. */
export function strongerFloor(a: Floor, b: Floor): Floor {
  const minRung = a.minRung === null || b.minRung === null ? null : strongerRung(a.minRung, b.minRung);
  return { profile: strongerProfile(a.profile, b.profile), minRung };
}

export function sameFloor(a: Floor, b: Floor): boolean {
  return a.profile === b.profile && a.minRung === b.minRung;
}
