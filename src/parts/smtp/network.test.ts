import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { networkSet, overlaps, parseNetwork, peerGroup, toPeerAddress } from "./network.ts";
import { overlapsSharedCloud, SHARED_CLOUD_NETWORKS } from "./shared-clouds.ts";

describe("networks", () => {
  test.each([
    ["192.0.2.0/24", "192.0.2.77", true],
    ["192.0.2.0/24", "192.0.3.1", false],
    ["192.0.2.0/24", "::ffff:192.0.2.77", true],
    ["::ffff:192.0.2.0/120", "192.0.2.77", true],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7", "192.0.2.8", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["2001:db8::/32", "2001:db8:1::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["fe80::/10", "fe80::1%eth0", true],
    ["2001:db8::/32", "192.0.2.1", false],
    ["192.0.2.0/24", "not an address", false],
  ])("%s and %s: %s", (network, address, expected) => {
    expect(networkSet([network]).contains(address)).toBe(expected);
  });

  test.each(["", "x", "192.0.2.0/33", "2001:db8::/129", "192.0.2/24", "192.0.2.0/", "192.0.2.0/-1", "fe80::1%eth0"])(
    "%j is none",
    (text) => {
      expect(parseNetwork(text)).toBeNull();
      expect(() => networkSet([text])).toThrow(RangeError);
    },
  );

  test("overlap is the same both ways, and holds for a network and any part of it", () => {
    const network = fc
      .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
      .map(([address, prefix]) => parseNetwork(`${address}/${prefix}`));
    fc.assert(
      fc.property(network, network, (a, b) => {
        if (a === null || b === null) throw new Error("the generator is wrong");
        expect(overlaps(a, b)).toBe(overlaps(b, a));
        expect(overlaps(a, { ...a, prefix: Math.min(32, a.prefix + b.prefix) })).toBe(true);
      }),
    );
  });

  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3::4", "2001:db8:1:2::/64"],
    ["2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
    ["2001:0DB8:0001:0002::1", "2001:db8:1:2::/64"],
    ["::1", "0:0:0:0::/64"],
    ["2001:db8::", "2001:db8:0:0::/64"],
  ])("the peer of %s is %s", (address, group) => {
    expect(peerGroup(address)).toBe(group);
  });

  test("an address keeps its own form but for zone and mapping", () => {
    expect(toPeerAddress("fe80::1%eth0")).toBe("fe80::1");
    expect(toPeerAddress("::FFFF:192.0.2.1")).toBe("192.0.2.1");
    expect(toPeerAddress("0:0:0:0:0:ffff:c000:0201")).toBe("192.0.2.1");
  });
});

describe("shared clouds", () => {
  test("every shipped range is a network", () => {
    expect(SHARED_CLOUD_NETWORKS.length).toBeGreaterThan(30);
    expect(SHARED_CLOUD_NETWORKS.filter((text) => parseNetwork(text) === null)).toEqual([]);
  });

  test.each([
    ["40.92.0.0/15", true],
    ["40.107.22.91", true],
    ["40.0.0.0/8", true],
    ["0.0.0.0/0", true],
    ["::/0", true],
    ["::ffff:0:0/96", true],
    ["::ffff:40.107.1.1", true],
    ["::ffff:286b:101", true],
    ["0:0:0:0:0:FFFF:286b:0/112", true],
    ["2a01:111:f403:c000::/64", true],
    ["2a00:1450:4864::/56", true],
    ["209.85.220.41/32", true],
    ["10.0.0.0/8", false],
    ["192.168.0.0/16", false],
    ["40.94.0.0/16", false],
    ["2001:db8::/32", false],
    ["fd00::/8", false],
    ["not a network", false],
  ])("%s overlaps one: %s", (network, expected) => {
    expect(overlapsSharedCloud(["127.0.0.1", network])).toEqual(expected ? [network] : []);
  });
});
