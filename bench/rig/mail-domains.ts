/** Many domains with one mail server each that publishes a TLSA record: by number, and as a signed zone. */
import { signZone } from "../../test/support/signed-zone.ts";

export const ZONE = "bench.test";
const TLSA = `3 1 1 ${"ab".repeat(32)}`;

export function domainOf(number: number): string {
  return `d${number}.${ZONE}`;
}

/** In private space, one each. */
export function addressOf(number: number): string {
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

/** The signed zone with domains 0 to `count` - 1. */
export function signedZone(folder: string, count: number): ReturnType<typeof signZone> {
  const lines: string[] = [];
  for (let number = 0; number < count; number += 1) {
    const domain = domainOf(number);
    lines.push(`${domain}. 3600 IN MX 10 mx.${domain}.`, `mx.${domain}. 3600 IN A ${addressOf(number)}`);
    lines.push(`_25._tcp.mx.${domain}. 3600 IN TLSA ${TLSA}`);
  }
  return signZone(folder, ZONE, lines);
}
