/** Rules of an operator for tests: what is not given asks for nothing. */
import type { DestinationRule } from "../../src/core/policy.ts";
import type { TlsRule } from "../../src/core/tls-rule.ts";

export function destinationRule(match: string, parts: Partial<DestinationRule> = {}): DestinationRule {
  return {
    match,
    raiseTo: null,
    lowerTo: null,
    requireContentProtection: false,
    fallback: "portal",
    requireTls: null,
    tls: null,
    ignoreSts: null,
    ...parts,
  };
}

export function tlsRule(parts: Partial<TlsRule> = {}): TlsRule {
  return {
    of: "hospital.test",
    mxNames: null,
    isHostGiven: false,
    certificateName: null,
    ca: null,
    spkiPins: [],
    minVersion: null,
    requireDane: false,
    ...parts,
  };
}

/** For a discovery that knows no rules. */
export const NO_RULES = {
  policy: (): { readonly destinations: readonly DestinationRule[] } => ({ destinations: [] }),
  clock: { now: (): number => 0 },
};
