/**
 * IP networks in CIDR notation, for who may submit.
 * Promises: an IPv4 peer of a dual-stack socket (`::ffff:192.0.2.1`) is the IPv4 address it stands for.
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";

export type Network = { readonly address: string; readonly prefix: number; readonly family: "ipv4" | "ipv6" };

export interface NetworkSet {
  contains(address: string): boolean;
}

/** Reads `192.0.2.0/24`, `2001:db8::/32` or a lone address; null for anything else. Host bits are ignored. */
export function parseNetwork(text: string): Network | null {
  const match = /^([^/%]+)(?:\/([0-9]{1,3}))?$/.exec(text);
  if (match?.[1] === undefined) return null;
  const address = match[1];
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : null;
  if (family === null) return null;
  const width = family === "ipv4" ? 32 : 128;
  const prefix = match[2] === undefined ? width : Number(match[2]);
  if (prefix > width) return null;
  const mapped = toPeerAddress(address);
  if (family === "ipv6" && isIPv4(mapped) && prefix >= 96)
    return { address: mapped, prefix: prefix - 96, family: "ipv4" };
  return { address, prefix, family };
}

/** Throws RangeError naming the first text that is no network. */
export function networkSet(networks: readonly string[]): NetworkSet {
  const list = new BlockList();
  for (const text of networks) addTo(list, mustParse(text));
  return { contains: (address) => isIn(list, address) };
}

/** True when some address lies in both. */
export function overlaps(a: Network, b: Network): boolean {
  if (a.family !== b.family) return false;
  const [wide, narrow] = a.prefix <= b.prefix ? [a, b] : [b, a];
  const list = new BlockList();
  addTo(list, wide);
  return list.check(narrow.address, narrow.family);
}

/** The address as it is compared and logged: no zone, IPv4 in its own form. */
export function toPeerAddress(address: string): string {
  const bare = address.replace(/%.*$/, "").toLowerCase();
  if (!isIPv6(bare)) return bare;
  const groups = groupsOf(bare);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return isMapped
    ? groups
        .slice(6)
        .flatMap((group) => [group >> 8, group & 0xff])
        .join(".")
    : bare;
}

/** What counts as one peer for limits: an IPv4 address, or the /64 an IPv6 host usually owns. */
export function peerGroup(address: string): string {
  const bare = toPeerAddress(address);
  if (!isIPv6(bare)) return bare;
  const site = groupsOf(bare).slice(0, 4);
  return `${site.map((group) => group.toString(16)).join(":")}::/64`;
}

/** The eight groups of a valid IPv6 address (RFC 4291 section 2.2). */
function groupsOf(address: string): number[] {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [front = [], back = []] = hex.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => "0");
  return [...front, ...zeros, ...back].map((group) => parseInt(group, 16));
}

function isIn(list: BlockList, address: string): boolean {
  const bare = toPeerAddress(address);
  if (isIPv4(bare)) return list.check(bare, "ipv4");
  return isIPv6(bare) && list.check(bare, "ipv6");
}

function addTo(list: BlockList, network: Network): void {
  list.addSubnet(network.address, network.prefix, network.family);
}

function mustParse(text: string): Network {
  const network = parseNetwork(text);
  if (network === null) throw new RangeError(`not a network in CIDR notation: ${text}`);
  return network;
}
