/**
 * Which smarthost a domain is routed to. Promises: an exact name wins over a suffix, a longer suffix over a shorter one, and
 * the one for every destination comes last; on a tie the first listed.
 */
import type { Smarthost } from "./options.ts";

export function findSmarthost(smarthosts: readonly Smarthost[], domain: string): Smarthost | null {
  let best: { readonly smarthost: Smarthost; readonly score: number } | null = null;
  for (const smarthost of smarthosts) {
    const score = Math.max(...(smarthost.domains?.map((match) => scoreOf(match, domain)) ?? [0]));
    if (score >= 0 && score > (best?.score ?? -1)) best = { smarthost, score };
  }
  return best?.smarthost ?? null;
}

/** -1: no match; more is more specific. */
function scoreOf(match: string, domain: string): number {
  if (match === domain) return Number.MAX_SAFE_INTEGER;
  return match.startsWith(".") && domain.endsWith(match) ? match.length : -1;
}
