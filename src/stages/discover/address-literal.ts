/** Address literals in the place of a domain (RFC 5321 section 4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8::1]`. */
import { SocketAddress, isIP } from "node:net";

/** The address in canonical text, or null where the literal is none. */
export function readAddressLiteral(domain: string): string | null {
  const text = /^\[(.*)\]$/s.exec(domain)?.[1] ?? "";
  const tagged = /^ipv6:(.*)$/is.exec(text)?.[1];
  if (tagged === undefined) return isIP(text) === 4 ? text : null;
  return isIP(tagged) === 6 && !tagged.includes("%") ? canonicalAddress(tagged) : null;
}

/** One spelling for each address, so that addresses can be compared as text. */
export function canonicalAddress(address: string): string {
  return isIP(address) === 6 ? new SocketAddress({ address, family: "ipv6" }).address : address;
}
