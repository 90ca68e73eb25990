/**
 * Refuses destinations no public server can have, so that a stranger's DNS cannot point this gateway at the inside
 * of its own network. Promises: loopback, private, link-local, shared (CGNAT), documentation, benchmark, multicast and reserved
 * addresses are refused, and every IPv6 form that carries an IPv4 address (mapped, NAT64, 6to4, Teredo).
 */
import { BlockList, isIP } from "node:net";

const IPV4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];
const IPV6: readonly (readonly [string, number])[] = [
  ["::", 96],
  ["::ffff:0:0", 96],
  ["::ffff:0:0:0", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
  ["5f00::", 16],
  ["fc00::", 7],
  ["fe80::", 9],
  ["ff00::", 8],
];

// Two lists: one BlockList would match an IPv4 address against the IPv6 mapped range and refuse them all.
const refusedIpv4 = new BlockList();
for (const [address, prefix] of IPV4) refusedIpv4.addSubnet(address, prefix, "ipv4");
const refusedIpv6 = new BlockList();
for (const [address, prefix] of IPV6) refusedIpv6.addSubnet(address, prefix, "ipv6");

/** False for everything that is not a plain public address, scoped addresses (`fe80::1%eth0`) included. */
export function isPublicAddress(address: string): boolean {
  if (address.includes("%")) return false;
  switch (isIP(address)) {
    case 4:
      return !refusedIpv4.check(address, "ipv4");
    case 6:
      return !refusedIpv6.check(address, "ipv6");
    default:
      return false;
  }
}

export type DialOptions = {
  /** True lets every address through; for tests, demos and inside relays. */
  readonly allowPrivateDestinations: boolean;
  /** Replaces the built-in guard against private and reserved addresses. */
  readonly isAllowedAddress?: (address: string) => boolean;
};

export function mayDial(address: string, { allowPrivateDestinations, isAllowedAddress }: DialOptions): boolean {
  return allowPrivateDestinations || (isAllowedAddress ?? isPublicAddress)(address);
}
