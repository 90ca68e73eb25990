/** Which destination rule concerns a domain: an exact one wins over a suffix, the longest suffix over shorter ones, alone. */
import type { DestinationRule } from "./policy.ts";

export function findDestinationRule<R extends Pick<DestinationRule, "match">>(
  rules: readonly R[],
  domain: string,
): R | null {
  let best: R | null = null;
  for (const rule of rules) {
    if (rule.match === domain) return rule;
    const isSuffix = rule.match.startsWith(".") && domain.endsWith(rule.match);
    if (isSuffix && rule.match.length > (best?.match.length ?? 0)) best = rule;
  }
  return best;
}

/** The operator took the domain's MTA-STS policy out of force, and the time for it is not over. */
export function isStsIgnored(rule: Pick<DestinationRule, "ignoreSts"> | null, now: number): boolean {
  const ignored = rule?.ignoreSts ?? null;
  return ignored !== null && ignored.expiresAt > now;
}
