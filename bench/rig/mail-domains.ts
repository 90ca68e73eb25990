/** Many domains with one mail server each that publishes a TLSA record: by number, and as a zone signed with ldns-signzone. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const ZONE = "bench.test";
const TLSA = `3 1 1 ${"ab".repeat(32)}`;
const VALIDITY = ["-i", "20200101000000", "-e", "20360101000000"];

export function domainOf(number: number): string {
  return `d${number}.${ZONE}`;
}

/** In private space, one each. */
export function addressOf(number: number): string {
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

/** Text of the signed zone with domains 0 to `count` - 1, and its DS record. Needs the Debian package ldnsutils. */
export function signedZone(folder: string, count: number): { readonly zone: string; readonly anchor: string } {
  const lines = [
    `${ZONE}. 3600 IN SOA ns.invalid. hm.invalid. 1 7200 3600 1209600 60`,
    `${ZONE}. 3600 IN NS ns.invalid.`,
  ];
  for (let number = 0; number < count; number += 1) {
    const domain = domainOf(number);
    lines.push(`${domain}. 3600 IN MX 10 mx.${domain}.`, `mx.${domain}. 3600 IN A ${addressOf(number)}`);
    lines.push(`_25._tcp.mx.${domain}. 3600 IN TLSA ${TLSA}`);
  }
  const unsigned = join(folder, "zone");
  writeFileSync(unsigned, `${lines.join("\n")}\n`);
  const options = { cwd: folder, encoding: "utf8", stdio: "pipe" } as const;
  const keygen = ["-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom", ZONE];
  const key = execFileSync("/usr/bin/ldns-keygen", keygen, options).trim();
  execFileSync("/usr/bin/ldns-signzone", ["-n", ...VALIDITY, "-f", "zone.signed", "zone", key], options);
  return {
    zone: readFileSync(join(folder, "zone.signed"), "utf8"),
    anchor: readFileSync(join(folder, `${key}.ds`), "utf8"),
  };
}
