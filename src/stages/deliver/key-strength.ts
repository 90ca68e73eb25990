/**
 * Whether the public key of a server is long enough to prove who it is (NIST SP 800-57 part 1: 112 bits of strength and more).
 * Enforced for every rung above `tls-unauthenticated`, also where a TLSA record or a pin names the key.
 */
import type { KeyObject, X509Certificate } from "node:crypto";

const RSA_BITS_MIN = 2048;
/** The curves of 256 bits and more that TLS knows. */
const CURVES: readonly string[] = [
  "prime256v1",
  "secp384r1",
  "secp521r1",
  "brainpoolP256r1",
  "brainpoolP384r1",
  "brainpoolP512r1",
];
const EDWARDS: readonly string[] = ["ed25519", "ed448"];

/** What the key is, where it is too weak; null where it is strong. */
export function weakKeyOf(certificate: X509Certificate): string | null {
  const key = keyOf(certificate);
  if (key === null) return "of unknown kind";
  const { asymmetricKeyType: type = "unknown", asymmetricKeyDetails: details = {} } = key;
  const { modulusLength, namedCurve } = details;
  if (type === "rsa" || type === "rsa-pss") {
    return modulusLength !== undefined && modulusLength >= RSA_BITS_MIN ? null : `${type} ${modulusLength ?? "?"}`;
  }
  if (type === "ec") return namedCurve !== undefined && CURVES.includes(namedCurve) ? null : `ec ${namedCurve ?? "?"}`;
  return EDWARDS.includes(type) ? null : type;
}

/** null for a key of a kind the runtime does not know: no stranger's certificate may break the delivery. */
function keyOf(certificate: X509Certificate): KeyObject | null {
  try {
    return certificate.publicKey;
  } catch {
    return null;
  }
}
