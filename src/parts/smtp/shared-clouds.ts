/**
 * Address ranges that many tenants share. A connection from one of them says which provider sends, never whose mail it is.
 * Sources: Microsoft's published Exchange Online endpoints, Google's `_spf.google.com` and "unverified forwarding" blocks.
 * The list only ever makes Postern stricter: a range missing here still needs to be listed as a submitter to relay.
 */
import type { Network } from "./network.ts";
import { overlaps, parseNetwork } from "./network.ts";

export const SHARED_CLOUD_NETWORKS: readonly string[] = [
  // Microsoft 365
  "40.92.0.0/15",
  "40.107.0.0/16",
  "52.100.0.0/14",
  "104.47.0.0/17",
  "2a01:111:f400::/48",
  "2a01:111:f403::/48",
  // Google
  "35.190.247.0/24",
  "35.191.0.0/16",
  "64.233.160.0/19",
  "66.102.0.0/20",
  "66.249.80.0/20",
  "72.14.192.0/18",
  "74.125.0.0/16",
  "108.177.8.0/21",
  "108.177.16.0/23",
  "108.177.96.0/19",
  "130.211.0.0/22",
  "142.250.220.0/23",
  "172.217.0.0/19",
  "172.217.32.0/20",
  "172.217.128.0/19",
  "172.217.160.0/20",
  "172.217.192.0/19",
  "172.253.56.0/21",
  "172.253.112.0/20",
  "173.194.0.0/16",
  "209.85.128.0/17",
  "216.58.192.0/19",
  "216.239.32.0/19",
  "2001:4860:4000::/36",
  "2404:6800:4000::/36",
  "2607:f8b0:4000::/36",
  "2800:3f0:4000::/36",
  "2a00:1450:4000::/36",
  "2c0f:fb50:4000::/36",
  "2600:1901:101::/48",
];

const shared: readonly Network[] = SHARED_CLOUD_NETWORKS.map(parseNetwork).filter((network) => network !== null);

/** Those of `networks` that share an address with a cloud range, as given. What is no network is not reported here. */
export function overlapsSharedCloud(networks: readonly string[]): string[] {
  return networks.filter((text) => {
    const network = parseNetwork(text);
    if (network === null) return false;
    return shared.some((range) => overlaps(range, network)) || spansMappedIpv4(network);
  });
}

/** A wide IPv6 network such as `::/0` also holds every IPv4 address in its mapped form. */
function spansMappedIpv4(network: Network): boolean {
  const mapped: Network = { address: "::ffff:40.92.0.0", prefix: 111, family: "ipv6" };
  return network.family === "ipv6" && network.prefix < 96 && overlaps(network, mapped);
}
