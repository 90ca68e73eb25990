/**
 * Which TLSA records bind an SMTP client (RFC 7672 section 3.1, RFC 7671 section 4). Promises: pure, and never throws, whatever was
 * published. A record that is not usable is as if it were not there; that there are others which nobody can use still counts
 * (RFC 7672 section 2.2), and is for the caller to see.
 */
import { createPublicKey, X509Certificate } from "node:crypto";
import type { TlsaRecord } from "../../core/dane.ts";

/** DANE-TA and DANE-EE; the usages bound to public authorities, 0 and 1, mean nothing in SMTP (RFC 7672 section 3.1.3). */
const USAGES: ReadonlySet<number> = new Set([2, 3]);
const CERTIFICATE = 0;
const PUBLIC_KEY = 1;
const EXACT = 0;
/** Octets of a digest by matching type: SHA-256, SHA-512. */
const DIGEST_BYTES: Readonly<Record<number, number>> = { 1: 32, 2: 64 };

export function isUsable({ usage, selector, matching, data }: TlsaRecord): boolean {
  if (!USAGES.has(usage) || (selector !== CERTIFICATE && selector !== PUBLIC_KEY)) return false;
  if (matching !== EXACT) return data.length === DIGEST_BYTES[matching];
  if (!isOneDerElement(data)) return false;
  return selector === CERTIFICATE ? isCertificate(data) : isPublicKey(data);
}

/** The parsers of the runtime take the first element and say nothing of what follows. */
function isOneDerElement(data: Uint8Array): boolean {
  const [tag = 0, first = 0, ...more] = data.subarray(0, 6);
  const longBytes = first & 0x7f;
  if (tag !== 0x30) return false;
  if (first < 0x80) return data.length === 2 + first;
  if (longBytes === 0 || longBytes > more.length) return false;
  const length = more.slice(0, longBytes).reduce((sum, octet) => sum * 256 + octet, 0);
  return data.length === 2 + longBytes + length;
}

function isCertificate(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).publicKey.type === "public";
  } catch {
    // The border of a foreign parser: what it cannot read is no certificate.
    return false;
  }
}

function isPublicKey(der: Uint8Array): boolean {
  try {
    return createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" }).type === "public";
  } catch {
    // As above: no public key.
    return false;
  }
}
