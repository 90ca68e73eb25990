/** Whether DNSSEC validation can be counted on: what the resolver was last seen to do. */
export const VALIDATION_STATES = ["unknown", "validating", "not-validating", "unavailable"] as const;

/** `unknown`: not looked at yet. `not-validating`: it does not validate, or its word does not count (dns.trust_ad). */
export type ValidationState = (typeof VALIDATION_STATES)[number];
