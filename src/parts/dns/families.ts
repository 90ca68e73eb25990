/**
 * A and AAAA as one answer about a host. Promises: a family that fails does not fail the host while the other one has an address,
 * and a family that is absent does not hide a failure of the other; secure only where all that was used is.
 */
import type { DnsAnswer, DnsSecurity } from "../../core/dns-answer.ts";

type Addresses = DnsAnswer<readonly string[]>;

export function joinFamilies(six: Addresses, four: Addresses): Addresses {
  if (six.kind === "found" && four.kind === "found") {
    const value = [...six.value, ...four.value];
    return { ...six, value, security: weaker(six.security, four.security) };
  }
  if (six.kind === "found") return six;
  if (four.kind === "found") return four;
  if (six.kind === "bogus" || six.kind === "unavailable") return six;
  if (four.kind === "bogus" || four.kind === "unavailable") return four;
  const reason = six.reason === "nxdomain" && four.reason === "nxdomain" ? "nxdomain" : "nodata";
  return { kind: "absent", reason, security: weaker(six.security, four.security) };
}

function weaker(a: DnsSecurity, b: DnsSecurity): DnsSecurity {
  return a === "secure" && b === "secure" ? "secure" : "insecure";
}
