/**
 * One TLSA record from its octets (RFC 6698 section 2.1). Promises: never throws; what is too short to hold its three numbers is
 * null. Whether the numbers and the data mean anything is left to parts/dane.
 */
import type { TlsaRecord } from "../../core/dane.ts";

const NUMBERS = 3;

export function readTlsa(rdata: Uint8Array): TlsaRecord | null {
  const [usage, selector, matching] = rdata;
  if (usage === undefined || selector === undefined || matching === undefined) return null;
  return { usage, selector, matching, data: Uint8Array.from(rdata.subarray(NUMBERS)) };
}
