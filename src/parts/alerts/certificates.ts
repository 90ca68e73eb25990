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
