/** What a host is worth, and the verdict over all hosts of a domain. */
import { describe, expect, test } from "vitest";
import type { Route } from "../../core/capabilities.ts";
import { namesOf } from "./certificate-text.ts";
import { leftOutLines, summaryLines, summaryOf } from "./probe-report.ts";
import { isAuthenticated, profilesOf, rungOf } from "./seen.ts";
import { notDialled, seenWith } from "./seen.samples.ts";
import type { Change } from "./seen.samples.ts";

const ROUTE: Route = { kind: "hosts", hosts: [], via: "mx", security: "insecure" };
const UNREACHED: Change = {
  tls: null,
  verdict: { kind: "trouble", code: "PST-DLV-001", status: "4.4.1", reply: null },
};

describe("what a host is worth", () => {
  test.each<[what: string, change: Change, rung: string | null, profiles: string]>([
    ["proven with a signed MX", { facts: { rung: "dane" } }, "dane", "opportunistic minimum standard strict"],
    ["proven", {}, "pkix", "opportunistic minimum standard"],
    ["not proven", { tls: { nameMatches: false } }, "tls-unauthenticated", "opportunistic minimum"],
    [
      "without STARTTLS",
      { tls: null, verdict: { kind: "below", code: "PST-DLV-007", rung: "plain", missing: [] } },
      "plain",
      "opportunistic",
    ],
    ["not reached", UNREACHED, null, ""],
    [
      "proven by PKIX and at odds with its TLSA records",
      {
        facts: { rung: "tls-unauthenticated" },
        verdict: { kind: "violated", code: "PST-DLV-039", status: "4.7.5", reply: null, rung: "tls-unauthenticated" },
      },
      null,
      "",
    ],
    [
      "lost after the handshake",
      { verdict: { kind: "trouble", code: "PST-DLV-002", status: "4.4.2", reply: null } },
      null,
      "",
    ],
  ])("%s", async (_what, change, rung, profiles) => {
    const seen = await seenWith(change);
    expect(rungOf(seen)).toBe(rung);
    expect(profilesOf(seen).join(" ")).toBe(profiles);
    expect(isAuthenticated(seen)).toBe(profiles.includes("standard"));
  });
});

describe("the verdict", () => {
  test("names the best and the worst host, and what all of them satisfy", async () => {
    const weak = await seenWith({ host: { name: "mx2.example.test" }, tls: { nameMatches: false } });
    const summary = summaryOf("example.test", ROUTE, [weak, await seenWith()]);
    expect(summary).toMatchObject({
      ok: false,
      judged: 2,
      authenticated: 1,
      profiles: ["opportunistic", "minimum"],
      best: { host: "mx1.example.test", rung: "pkix", codes: [] },
      worst: { host: "mx2.example.test", rung: "tls-unauthenticated", codes: ["PST-DLV-009"] },
    });
  });

  test("a host that is not dialled is the worst of all", async () => {
    const hosts = [await seenWith({ tls: { nameMatches: false } }), notDialled("PST-DSC-008")];
    expect(summaryOf("example.test", ROUTE, hosts)).toMatchObject({ ok: false, worst: { codes: ["PST-DSC-008"] } });
  });

  test("an address this machine has no way to does not count, unless the host was reached at no other", async () => {
    const away = await seenWith({ ...UNREACHED, address: "2001:db8::1", isUnroutable: true });
    expect(summaryOf("example.test", ROUTE, [away, await seenWith()])).toMatchObject({ ok: true, judged: 1 });
    expect(summaryOf("example.test", ROUTE, [away])).toMatchObject({ ok: false, judged: 1 });
  });

  test("no route at all is no success, and says what to do", () => {
    const summary = summaryOf("example.test", { kind: "unavailable", code: "PST-DSC-001" }, []);
    expect(summary).toMatchObject({ ok: false, best: null, code: "PST-DSC-001" });
    expect(summaryLines(summary).join("\n")).toContain("Next: It is tried again");
  });

  test.each([
    ["no-such-domain", "PST-DEC-004"],
    ["null-mx", "PST-DEC-006"],
    ["loop", "PST-DSC-006"],
  ] as const)("a clear answer without a mail server (%s) has the code with which mail ends or waits", (kind, code) => {
    const summary = summaryOf("example.test", { kind }, []);
    expect(summary).toMatchObject({ ok: false, route: kind, code });
    expect(summaryLines(summary).join("\n")).toMatch(new RegExp(`${code} .*\n {2}Next: `));
  });

  test("addresses beyond those that are looked at are counted", async () => {
    const value = [1, 2, 3, 4, 5, 6].map((last) => `192.0.2.${last}`);
    const seen = await seenWith({ host: { addresses: { kind: "found", value, security: "insecure" } } });
    expect(leftOutLines([seen, seen])).toEqual(["mx1.example.test has 2 more addresses, which were not looked at."]);
  });
});

test("names of a certificate are read apart, also where one holds a comma, and are bounded", () => {
  const subjectAltName = 'DNS:a.test, DNS:"b, DNS:c.test", IP Address:192.0.2.1';
  expect(namesOf({ subjectAltName })).toEqual(["a.test", '"b, DNS:c.test"', "IP Address:192.0.2.1"]);
  expect(namesOf({ subjectAltName: undefined })).toEqual([]);
  expect(namesOf({ subjectAltName: Array.from({ length: 999 }, (_, i) => `DNS:${i}.test`).join(", ") })).toHaveLength(
    50,
  );
});
