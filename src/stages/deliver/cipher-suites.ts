/**
 * Which TLS suites are offered, and which count (NIST SP 800-52 revision 2, RFC 9325 section 4.2).
 * Promises: what counts above the floor `plain` is authenticated encryption with forward secrecy; with `fipsOnly` ChaCha20 is neither
 * offered to anybody nor counted.
 */
import { DEFAULT_CIPHERS } from "node:tls";
import type { Rung } from "../../core/rung.ts";

const AES_GCM = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_AES_128_GCM_SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
] as const;
const CHACHA = [
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
] as const;

/** By OpenSSL's names. */
export function isApprovedSuite(name: string, fipsOnly: boolean): boolean {
  return approved(fipsOnly).includes(name);
}

/** Opportunistic TLS takes what there is; its rung still says whether the suite was good. */
export function offeredSuites(minRung: Rung, fipsOnly: boolean): string {
  if (minRung !== "plain") return approved(fipsOnly).join(":");
  if (!fipsOnly) return DEFAULT_CIPHERS;
  return [...DEFAULT_CIPHERS.split(":").filter((name) => !/chacha/i.test(name)), "!CHACHA20"].join(":");
}

function approved(fipsOnly: boolean): readonly string[] {
  return fipsOnly ? AES_GCM : [...AES_GCM, ...CHACHA];
}
