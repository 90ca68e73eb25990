import { expect, test } from "vitest";
import type { Capabilities, MxHost } from "../../core/capabilities.ts";
import { channelReasons } from "./channel-reasons.ts";

const HOST: MxHost = {
  name: "mx.d.test",
  preference: 10,
  addresses: { kind: "found", value: ["192.0.2.1"], security: "insecure" },
  dane: { kind: "none" },
  sts: { kind: "none" },
};
const RECORD = { usage: 3, selector: 1, matching: 1, data: new Uint8Array(32) };
const DANE: MxHost = {
  ...HOST,
  dane: { kind: "usable", records: [RECORD], baseName: "mx.d.test", names: ["mx.d.test"] },
};
const FAILED: MxHost = { ...HOST, dane: { kind: "unavailable", code: "PST-DSC-008" } };
const NAMED: MxHost = { ...HOST, sts: { kind: "enforce", id: "7", matches: true } };
const OTHER: MxHost = { ...HOST, sts: { kind: "enforce", id: "7", matches: false } };
const ENFORCED = {
  kind: "enforce",
  id: "7",
  mx: ["mx.d.test"],
  fetchedAt: 0,
  expiresAt: 9,
  failure: null,
} as const;

type Hosts = Extract<Capabilities["route"], { kind: "hosts" }>;
const ROUTE: Hosts = { kind: "hosts", hosts: [HOST], via: "mx", security: "insecure" };

test.each<[what: string, route: Capabilities["route"], sts: Capabilities["sts"], said: readonly string[]]>([
  ["plain MX", ROUTE, { kind: "none", failure: null }, ["route: hosts by mx, insecure"]],
  [
    "signed MX with DANE at one host, and a failed look-up at another",
    { ...ROUTE, security: "secure", hosts: [DANE, FAILED, HOST] },
    { kind: "none", failure: null },
    ["route: hosts by mx, secure", "dane: usable 1 of 3", "dane: unavailable 1 of 3"],
  ],
  [
    "a policy that names one of two",
    { ...ROUTE, hosts: [NAMED, OTHER] },
    ENFORCED,
    ["route: hosts by mx, insecure", "mta-sts: enforce 7, names 1 of 2"],
  ],
  ["a policy nobody could ask for", ROUTE, { kind: "unknown" }, ["route: hosts by mx, insecure", "mta-sts: unknown"]],
  [
    "a policy that cannot be read",
    ROUTE,
    { kind: "unavailable", code: "PST-DSC-015" },
    ["route: hosts by mx, insecure", "mta-sts: unavailable PST-DSC-015"],
  ],
  ["a smarthost", { ...ROUTE, via: "smarthost" }, { kind: "none", failure: null }, ["route: hosts by smarthost"]],
  ["no way", { kind: "null-mx" }, ENFORCED, ["route: null-mx"]],
])("what is known of the way is told in a few words: %s", (_what, route, sts, said) => {
  const absent = { kind: "absent" } as const;
  const keys = { smime: absent, openpgp: absent, proven: absent, portal: absent };
  const reasons = channelReasons({ domain: "d.test", route, sts, ...keys });
  const text = reasons.map((reason) => {
    if (reason.kind === "capability") return `${reason.capability}: ${reason.state}`;
    return reason.kind === "route" ? `route: ${reason.state}` : reason.kind;
  });
  expect(text).toEqual(said);
});
