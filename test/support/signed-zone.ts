/** A zone signed for tests by the Debian package ldnsutils, with a key of its own that is thrown away. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const VALIDITY = ["-i", "20200101000000", "-e", "20360101000000"];
const NSEC3 = "-n";

/** `records` as a zone file has them, without SOA and NS. Writes its files into `folder`. Returns the signed zone and its DS record. */
export function signZone(
  folder: string,
  name: string,
  records: readonly string[],
): { readonly zone: string; readonly anchor: string } {
  const soa = `${name}. 3600 IN SOA ns.invalid. hm.invalid. 1 7200 3600 1209600 60`;
  writeFileSync(join(folder, "zone"), `${[soa, `${name}. 3600 IN NS ns.invalid.`, ...records].join("\n")}\n`);
  const options = { cwd: folder, encoding: "utf8", stdio: "pipe" } as const;
  const keygen = ["-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom", name];
  const key = execFileSync("/usr/bin/ldns-keygen", keygen, options).trim();
  execFileSync("/usr/bin/ldns-signzone", [NSEC3, ...VALIDITY, "-f", "zone.signed", "zone", key], options);
  return {
    zone: readFileSync(join(folder, "zone.signed"), "utf8"),
    anchor: readFileSync(join(folder, `${key}.ds`), "utf8"),
  };
}
