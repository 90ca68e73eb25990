import { expect, test } from "vitest";
import type { DnsAnswer, DnsSecurity } from "../../core/dns-answer.ts";
import { joinFamilies } from "./families.ts";
import { chooseServers } from "./trust.ts";

type Addresses = DnsAnswer<readonly string[]>;

function found(address: string, security: DnsSecurity): Addresses {
  return { kind: "found", value: [address], security };
}
function alias(address: string, expandedName: string): Addresses {
  return { kind: "found", value: [address], security: "secure", expandedName };
}
function absent(reason: "nxdomain" | "nodata", security: DnsSecurity): Addresses {
  return { kind: "absent", reason, security };
}
const failed: Addresses = { kind: "unavailable", detail: "timeout" };
const forged: Addresses = { kind: "bogus", detail: "extended error 6" };

test.each<[string, Addresses, Addresses, Addresses]>([
  [
    "two secure ones",
    found("::1", "secure"),
    found("1", "secure"),
    { kind: "found", value: ["::1", "1"], security: "secure" },
  ],
  [
    "an insecure A",
    found("::1", "secure"),
    found("1", "insecure"),
    { kind: "found", value: ["::1", "1"], security: "insecure" },
  ],
  [
    "an insecure AAAA",
    found("::1", "insecure"),
    found("1", "secure"),
    { kind: "found", value: ["::1", "1"], security: "insecure" },
  ],
  [
    "two of one alias",
    alias("::1", "x.test"),
    alias("1", "x.test"),
    { kind: "found", value: ["::1", "1"], security: "secure", expandedName: "x.test" },
  ],
  ["a failed AAAA", failed, found("1", "secure"), found("1", "secure")],
  ["a forged A", found("::1", "secure"), forged, found("::1", "secure")],
  ["an absent AAAA and a failed A", absent("nodata", "secure"), failed, failed],
  ["a forged AAAA and an absent A", forged, absent("nodata", "secure"), forged],
  ["no such name twice", absent("nxdomain", "secure"), absent("nxdomain", "secure"), absent("nxdomain", "secure")],
  ["no such name once", absent("nxdomain", "secure"), absent("nodata", "insecure"), absent("nodata", "insecure")],
])("both families together: %s", (_name, six, four, expected) => {
  expect(joinFamilies(six, four)).toEqual(expected);
});

test.each([
  ["loopback", ["127.0.0.1:53", "192.0.2.53:53", "[::1]:5353"], ["127.0.0.1", "::1"], true, ["192.0.2.53:53"]],
  ["loopback", ["192.0.2.53:53"], ["192.0.2.53"], false, []],
  ["always", ["192.0.2.53:53", "127.0.0.1:53"], ["192.0.2.53", "127.0.0.1"], true, []],
  ["never", ["127.0.0.1:53", "[2001:db8::1]:53"], ["127.0.0.1", "2001:db8::1"], false, []],
] as const)("under the rule %s, of %j are asked %j", (rule, texts, hosts, isTrusted, notAsked) => {
  const choice = chooseServers(texts, rule);
  expect(choice.servers.map(({ host }) => host)).toEqual(hosts);
  expect([choice.isTrusted, choice.notAsked]).toEqual([isTrusted, notAsked]);
});
