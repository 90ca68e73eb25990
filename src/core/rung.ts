/**
 * The ladder of transport protection (docs/security-levels.md). Rungs of one group are equal as floors; within a group
 * the earlier one is preferred and reported.
 */
export const RUNGS = [
  "dane",
  "sts-enforce",
  "pinned",
  "pkix-dnssec-mx",
  "dane-insecure-mx",
  "pkix",
  "tls-unauthenticated",
  "plain",
] as const;

export type Rung = (typeof RUNGS)[number];

const GROUP: Readonly<Record<Rung, number>> = {
  dane: 3,
  "sts-enforce": 3,
  pinned: 3,
  "pkix-dnssec-mx": 3,
  "dane-insecure-mx": 2,
  pkix: 2,
  "tls-unauthenticated": 1,
  plain: 0,
};

/** True when a connection that reached `rung` may carry what asks for at least `minRung`. */
export function meetsRung(rung: Rung, minRung: Rung): boolean {
  return GROUP[rung] >= GROUP[minRung];
}

/** The stronger demand of two, by group; the first on a tie. */
export function strongerRung(a: Rung, b: Rung): Rung {
  return GROUP[b] > GROUP[a] ? b : a;
}
