/** Floors and their names compared. Pure. */
import type { Floor } from "./plan.ts";
import { PROFILES } from "./policy.ts";
import type { ProfileName } from "./policy.ts";
import { strongerRung } from "./rung.ts";

export function strongerProfile(a: ProfileName, b: ProfileName): ProfileName {
  return PROFILES.indexOf(b) > PROFILES.indexOf(a) ? b : a;
}

/** Both demands together: the stronger name, and a rung that satisfies both. */
export function strongerFloor(a: Floor, b: Floor): Floor {
  const minRung = a.minRung === null || b.minRung === null ? null : strongerRung(a.minRung, b.minRung);
  return { profile: strongerProfile(a.profile, b.profile), minRung };
}
