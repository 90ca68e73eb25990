/** Validity of certificates in PEM. */
import { X509Certificate } from "node:crypto";

export type Validity = { readonly notBefore: number; readonly notAfter: number };

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const BLOCKS_MAX = 1_000;

/** Of the whole text, chain or bundle: the time in which every certificate is valid; null where none can be read. */
export function validityOf(pem: string): Validity | null {
  const blocks = (pem.match(BLOCK) ?? []).slice(0, BLOCKS_MAX);
  try {
    const all = blocks.map((block) => new X509Certificate(block));
    if (all.length === 0) return null;
    return {
      notBefore: Math.max(...all.map(({ validFrom }) => Date.parse(validFrom))),
      notAfter: Math.min(...all.map(({ validTo }) => Date.parse(validTo))),
    };
  } catch {
    // What cannot be read is not valid: the caller says so.
    return null;
  }
}

export type ExpiryLevel = "soon" | "urgent" | "expired";

const DAY_MS = 86_400_000;
const URGENT_DAYS = 3;

/** How near the end of validity is, or null where it is far. */
export function expiryLevel({ notAfter }: Validity, now: number, warnDays: number): ExpiryLevel | null {
  if (now > notAfter) return "expired";
  const days = (notAfter - now) / DAY_MS;
  if (days < Math.min(URGENT_DAYS, warnDays)) return "urgent";
  return days < warnDays ? "soon" : null;
}

/** Whole days left; negative once it is over. */
export function daysLeft({ notAfter }: Validity, now: number): number {
  return Math.floor((notAfter - now) / DAY_MS);
}
