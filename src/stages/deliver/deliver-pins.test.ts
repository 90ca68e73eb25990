/** What the operator fixed about a destination stands above the floor, and no other proof stands in for it. Real handshakes on loopback. */
import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { MxBehaviour } from "../../cli/loopback/mx-behaviour.ts";
import type { MxTls } from "../../cli/loopback/mx-server.ts";
import type { Alert } from "../../core/alert.ts";
import type { MxHost, Route } from "../../core/capabilities.ts";
import type { DaneState } from "../../core/dane.ts";
import type { RuleRefusal } from "../../core/outcome.ts";
import type { Rung } from "../../core/rung.ts";
import type { TlsRule } from "../../core/tls-rule.ts";
import { tlsaOf, usableDane } from "../../../test/support/dane-rig.ts";
import {
  makeRequest,
  ManualClock,
  MESSAGE_ID,
  MX,
  mxHost,
  outcomeOf,
  verdictOf,
} from "../../../test/support/deliver-rig.ts";
import { useDeliverSockets } from "../../../test/support/deliver-sockets.ts";
import { peers } from "../../../test/support/peers.ts";
import { issueChain } from "../../../test/support/peers-issuer.ts";
import { tlsRule } from "../../../test/support/rules.ts";
import { isNamedByRule, spkiPinOf } from "./pin-demand.ts";

const sockets = useDeliverSockets();
const { startMx } = sockets;
/** Certificates have dates, and here they count. */
const deliveryTo: typeof sockets.deliveryTo = (server, rig = {}) => {
  const clock = new ManualClock();
  clock.timeMs = Date.now();
  return sockets.deliveryTo(server, { clock, ...rig });
};

type Leaf = "good" | "wrongName" | "expired" | "selfSigned";
type Server = Leaf | "tls12" | "tls11" | "none";

function tlsOf(server: Server): MxTls | undefined {
  const { certificates } = sockets;
  switch (server) {
    case "none":
      return undefined;
    case "tls12":
      return { ...certificates.good, maxVersion: "TLSv1.2" };
    case "tls11":
      return { ...certificates.good, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" };
    default:
      return certificates[server];
  }
}

const start = async (server: Server, behaviour: MxBehaviour = {}, at: { host?: string; port?: number } = {}) => {
  const tls = tlsOf(server);
  return await startMx(behaviour, { ...at, ...(tls === undefined ? {} : { tls }) });
};
const pinOf = (leaf: Leaf): string => spkiPinOf(new X509Certificate(sockets.certificates[leaf].cert)) ?? "";

/** `pin:good ca names 1.3 dane`, in any number. */
function ruleOf(text: string): TlsRule {
  const { ca, selfSigned } = sockets.certificates;
  const words: Readonly<Record<string, () => Partial<TlsRule>>> = {
    "pin:good": () => ({ spkiPins: [pinOf("selfSigned"), pinOf("good")] }),
    "pin:selfSigned": () => ({ spkiPins: [pinOf("selfSigned")] }),
    "pin:expired": () => ({ spkiPins: [pinOf("expired")] }),
    "pin:wrongName": () => ({ spkiPins: [pinOf("wrongName")] }),
    ca: () => ({ ca }),
    "ca:other": () => ({ ca: selfSigned.cert }),
    names: () => ({ mxNames: [MX] }),
    "names:other": () => ({ mxNames: ["mx.other.test", "*.mx.test"] }),
    "1.2": () => ({ minVersion: "TLSv1.2" }),
    "1.3": () => ({ minVersion: "TLSv1.3" }),
    dane: () => ({ requireDane: true }),
    given: () => ({ isHostGiven: true }),
    "as:other": () => ({ certificateName: "other.test" }),
  };
  return tlsRule(
    Object.assign({}, ...text.split(" ").map((word) => words[word]?.() ?? fail(word))) as Partial<TlsRule>,
  );
}
function fail(word: string): never {
  throw new Error(`no such word: ${word}`);
}

function daneOf(text: string): DaneState {
  if (text === "none" || text === "unusable") return { kind: text };
  if (text === "unavailable") return { kind: text, code: "PST-DSC-008" };
  return usableDane([tlsaOf("3 1 1", sockets.certificates[text as Leaf].cert)], [MX]);
}

type Asked = {
  readonly hosts: readonly MxHost[];
  readonly minRung?: Rung;
  readonly route?: Partial<Pick<Extract<Route, { kind: "hosts" }>, "via" | "security">>;
};
const canaryRequest = ({ hosts, minRung = "plain", route = {} }: Asked) =>
  makeRequest({
    hosts,
    minRung,
    route,
    body: "Subject: x\r\n\r\ncanary-of-the-body\r\n",
    to: ["canary-address@hospital.test"],
  });
const hostOf = (rule: string, dane = "none"): MxHost => ({
  ...mxHost("127.0.0.2", MX, daneOf(dane)),
  rule: ruleOf(rule),
});

describe("a server that shows what the rule asks for", () => {
  test.each<[what: string, server: Server, rule: string, dane: string, rung: Rung]>([
    ["one of two pinned keys", "good", "pin:good", "none", "pinned"],
    ["a pinned key in a certificate of nobody", "selfSigned", "pin:selfSigned", "none", "pinned"],
    ["a pinned key in an expired certificate", "expired", "pin:expired", "none", "pinned"],
    ["a pinned key in a certificate for another name", "wrongName", "pin:wrongName", "none", "pinned"],
    ["an authority named, for a host named", "good", "ca names", "none", "pinned"],
    ["an authority named, for a host given", "good", "ca given", "none", "pinned"],
    ["an authority named, by another name of its own", "wrongName", "ca given as:other", "none", "pinned"],
    ["an authority named, for a host that DNS names", "good", "ca", "none", "pkix"],
    ["a name alone, which says nothing of the certificate", "good", "names", "none", "pkix"],
    ["a name alone, and TLS of nobody", "selfSigned", "names", "none", "tls-unauthenticated"],
    ["a name alone, and no TLS", "none", "names", "none", "plain"],
    ["all of it", "good", "pin:good ca names 1.3", "none", "pinned"],
    ["TLS 1.2 where no less is asked", "tls12", "1.2", "none", "pkix"],
    ["TLS 1.3 where it is asked, of nobody", "selfSigned", "1.3", "none", "tls-unauthenticated"],
    ["records that match, where they are asked for", "selfSigned", "dane", "selfSigned", "dane-insecure-mx"],
    ["records that match, and a pinned key: forged DNS does not help", "good", "pin:good", "good", "pinned"],
    ["records of no use, and a pinned key", "good", "pin:good", "unusable", "pinned"],
  ])("%s: %s under %s with %s records", async (_what, server, rule, dane, rung) => {
    const mx = await start(server);
    const { deliver } = deliveryTo(mx);
    const report = await deliver(canaryRequest({ hosts: [hostOf(rule, dane)], minRung: rung }));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: rung });
    const met = server === "none" ? null : true;
    expect(report.attempts).toMatchObject([{ rung, rule: { of: "hospital.test", met, refused: null } }]);
  });

  test("and usable records of a signed MX is called by the stronger name", async () => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    const hosts = [hostOf("pin:good", "good")];
    const report = await deliver(canaryRequest({ hosts, minRung: "dane", route: { security: "secure" } }));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: "dane" });
  });
});

type Refusal = readonly [
  what: string,
  server: Server,
  rule: string,
  behaviour: MxBehaviour,
  code: string,
  refused: RuleRefusal | null,
];
const STRIPPED: MxBehaviour = { starttls: "strip" };
const REFUSED_STARTTLS: MxBehaviour = { faults: { starttls: { kind: "reply", text: "454 4.7.0 not now" } } };
const CUT: MxBehaviour = { faults: { handshake: { kind: "drop-before" } } };
const VIOLATED: readonly Refusal[] = [
  ["a certificate of a public authority with another key", "good", "pin:selfSigned", {}, "050", "key not pinned"],
  ["the same, for a host named", "good", "pin:selfSigned names", {}, "050", "key not pinned"],
  ["a certificate of another authority", "good", "ca:other names", {}, "050", "not valid by the authorities named"],
  ["a certificate of nobody", "selfSigned", "ca names", {}, "050", "not valid by the authorities named"],
  ["an expired one", "expired", "ca names", {}, "050", "not valid by the authorities named"],
  ["one for another name", "wrongName", "ca names", {}, "050", "certificate for another name"],
  [
    "the host's own name where another is asked for",
    "good",
    "ca given as:other",
    {},
    "050",
    "certificate for another name",
  ],
  [
    "the right key, and another authority",
    "good",
    "pin:good ca:other",
    {},
    "050",
    "not valid by the authorities named",
  ],
  ["the right authority, and another key", "good", "pin:selfSigned ca", {}, "050", "key not pinned"],
  ["no STARTTLS", "none", "pin:good", {}, "051", null],
  ["no STARTTLS, where a version is asked for", "none", "1.2", {}, "051", null],
  ["STARTTLS stripped", "good", "ca names", STRIPPED, "051", null],
  ["STARTTLS put off", "good", "ca names", REFUSED_STARTTLS, "051", null],
  ["a handshake cut", "good", "pin:good", CUT, "052", null],
  ["TLS 1.1", "tls11", "pin:good", {}, "052", null],
  ["TLS 1.2 where 1.3 is asked for", "tls12", "1.3", {}, "053", "older TLS"],
  ["TLS 1.2 with the right key", "tls12", "pin:good 1.3", {}, "053", "older TLS"],
];

describe("a server that does not", () => {
  test.each(VIOLATED)("%s: %s under %s", async (_what, server, rule, behaviour, code, refused) => {
    const mx = await start(server, behaviour);
    const alerts: Alert[] = [];
    const { deliver } = deliveryTo(mx, { raise: (alert) => alerts.push(alert) });
    for (const minRung of ["plain", "pkix", "pinned"] as const) {
      const report = await deliver(canaryRequest({ hosts: [hostOf(rule)], minRung, route: { security: "secure" } }));
      const outcome = outcomeOf(report);
      expect(verdictOf(outcome)).toBe(`deferred/lane ${code}`);
      // Mail that demands a proof may take another way after a while; ordinary mail waits for this one.
      expect(outcome.kind === "deferred" && outcome.unmet !== null).toBe(minRung !== "plain");
      expect(report.attempts).toMatchObject([{ code: `PST-DLV-${code}`, rule: { refused } }]);
      expect([null, "plain", "tls-unauthenticated"]).toContain(report.attempts[0]?.rung);
    }
    expect(mx.allSeen.toString("latin1")).not.toMatch(/canary|MAIL|RCPT|DATA/);
    const expected = { code: `PST-DLV-${code}`, facts: { host: MX, message: MESSAGE_ID } };
    expect(alerts).toEqual([expected, expected, expected]);
  });

  test("breaks DNS first where it breaks both", async () => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    const both = await deliver(canaryRequest({ hosts: [hostOf("pin:selfSigned", "selfSigned")] }));
    expect(verdictOf(outcomeOf(both))).toBe("deferred/lane 039");
    const one = await deliver(canaryRequest({ hosts: [hostOf("pin:selfSigned", "good")] }));
    expect(verdictOf(outcomeOf(one))).toBe("deferred/lane 050");
    const other = await deliver(canaryRequest({ hosts: [hostOf("pin:good", "selfSigned")] }));
    expect(verdictOf(outcomeOf(other))).toBe("deferred/lane 039");
    expect(mx.transactions).toEqual([]);
  });
});

describe("a server that is not dialled", () => {
  test.each<[what: string, rule: string, dane: string, verdict: string, alert: string | null]>([
    ["is one the rule does not name", "names:other", "none", "054", "054"],
    ["has no records where they are asked for", "dane", "none", "055", "055"],
    ["has none that are of use", "dane", "unusable", "055", "055"],
    ["is one of which DNS does not say what it asks", "dane", "unavailable", "008", null],
  ])("%s: under %s with %s records", async (_what, rule, dane, verdict, alert) => {
    const mx = await start("good");
    const alerts: Alert[] = [];
    const { deliver } = deliveryTo(mx, { raise: (raised) => alerts.push(raised) });
    for (const minRung of ["plain", "pkix"] as const) {
      const report = await deliver(canaryRequest({ hosts: [hostOf(rule, dane)], minRung }));
      expect(verdictOf(outcomeOf(report))).toBe(`deferred/lane ${verdict}`);
      expect(report.attempts).toEqual([]);
    }
    expect(mx.connections).toBe(0);
    const expected = { code: `PST-DLV-${alert ?? ""}`, facts: { host: MX, message: MESSAGE_ID } };
    expect(alerts).toEqual(alert === null ? [] : [expected, expected]);
  });

  test("does not keep a named one from taking the mail, and no alert is raised for it", async () => {
    const mx = await start("good");
    const second = await start("good", {}, { host: "127.0.0.3", port: mx.port });
    const alerts: Alert[] = [];
    const { deliver } = deliveryTo(mx, { raise: (alert) => alerts.push(alert) });
    const rule = tlsRule({ mxNames: ["mx2.test"] });
    const hosts = [
      { ...mxHost("127.0.0.2"), rule },
      { ...mxHost("127.0.0.3", "mx2.test"), rule },
    ];
    expect(outcomeOf(await deliver(canaryRequest({ hosts })))).toMatchObject({ kind: "delivered", host: "mx2.test" });
    expect([mx.connections, second.connections, alerts]).toEqual([0, 1, []]);
  });

  test.each<[name: string, host: string, isNamed: boolean]>([
    ["mx.example.org", "mx.example.org", true],
    ["mx.example.org", "mx2.example.org", false],
    ["mx.example.org", "a.mx.example.org", false],
    ["*.example.org", "mx.example.org", true],
    ["*.example.org", "a.mx.example.org", false],
    ["*.example.org", "example.org", false],
    ["*.example.org", "mxexample.org", false],
    ["*.org", "example", false],
  ])("%s names %s: %j", (name, host, isNamed) => {
    expect(isNamedByRule(tlsRule({ mxNames: [name] }), host)).toBe(isNamed);
  });
});

describe("a second server", () => {
  test("is used where the first does not show what is asked for", async () => {
    const mx = await start("good");
    const second = await start("selfSigned", {}, { host: "127.0.0.3", port: mx.port });
    const alerts: Alert[] = [];
    const { deliver } = deliveryTo(mx, { raise: (alert) => alerts.push(alert) });
    const rule = ruleOf("pin:selfSigned");
    const hosts = [
      { ...mxHost("127.0.0.2"), rule },
      { ...mxHost("127.0.0.3", "mx2.test"), rule },
    ];
    const report = await deliver(canaryRequest({ hosts, minRung: "pinned" }));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", host: "mx2.test", observed: "pinned" });
    expect([mx.transactions.length, second.transactions.length]).toEqual([0, 1]);
    expect(alerts).toMatchObject([{ code: "PST-DLV-050", facts: { host: MX } }]);
  });
});

describe("a kept connection", () => {
  test.each<[what: string, next: string | null, verdict: string]>([
    ["serves the same rule", "pin:good", "delivered pinned kept"],
    ["serves no rule that was changed", "pin:good 1.3", "delivered pinned new"],
    ["serves none where the key is another now", "pin:selfSigned", "deferred/lane 050 new"],
    ["serves no mail without a rule", null, "delivered pkix new"],
  ])("%s", async (_what, next, verdict) => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    await deliver(canaryRequest({ hosts: [hostOf("pin:good")] }));
    const hosts = [next === null ? mxHost("127.0.0.2") : hostOf(next)];
    const report = await deliver(canaryRequest({ hosts }));
    const outcome = outcomeOf(report);
    const rung = outcome.kind === "delivered" ? ` ${outcome.observed}` : "";
    const [facts] = report.attempts;
    expect(`${verdictOf(outcome)}${rung} ${facts?.reused === true ? "kept" : "new"}`).toBe(verdict);
  });
});

describe("suites and keys", () => {
  const CHACHA = { ciphers: "TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-CHACHA20-POLY1305" } as const;
  test.each<[fipsOnly: boolean, tls: Partial<MxTls>, minRung: Rung, verdict: string]>([
    [false, CHACHA, "pkix", "delivered pkix"],
    [true, CHACHA, "pkix", "unmet 008"],
    [true, CHACHA, "plain", "delivered plain"],
    [true, { ...CHACHA, maxVersion: "TLSv1.2" }, "pkix", "unmet 008"],
    [true, {}, "pkix", "delivered pkix"],
    [true, { maxVersion: "TLSv1.2" }, "pkix", "delivered pkix"],
    [false, { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" }, "pkix", "unmet 008"],
  ])("fips_only %s, server %j, at least %s: %s", async (fipsOnly, tls, minRung, verdict) => {
    const mx = await startMx({}, { tls: { ...sockets.certificates.good, ...tls } });
    const { deliver } = deliveryTo(mx, { options: { fipsOnly } });
    const report = await deliver(canaryRequest({ hosts: [mxHost("127.0.0.2")], minRung }));
    const outcome = outcomeOf(report);
    expect(`${verdictOf(outcome)}${outcome.kind === "delivered" ? ` ${outcome.observed}` : ""}`).toBe(verdict);
    const suites = report.attempts.map((attempt) => attempt.tls?.cipher ?? "");
    expect(suites.some((name) => /CHACHA/.test(name))).toBe(
      !fipsOnly && "ciphers" in tls && tls.ciphers === CHACHA.ciphers,
    );
  });

  const openssl = peers("openssl");
  test.skipIf(openssl.areMissing)(`a key under 2048 bits proves nothing, pinned or not${openssl.note}`, async () => {
    const issued = await issueChain([
      { name: "weak", subject: MX, key: "rsa:1024", extensions: [`subjectAltName=DNS:${MX}`] },
    ]);
    const weak = issued.get("weak");
    if (weak === undefined) throw new Error("no certificate");
    const mx = await startMx({}, { tls: { ...weak, ciphers: "DEFAULT:@SECLEVEL=0" } });
    const { deliver } = deliveryTo(mx, { ca: weak.cert });
    const rule = tlsRule({ spkiPins: [spkiPinOf(new X509Certificate(weak.cert)) ?? ""] });
    const dane = usableDane([tlsaOf("3 1 1", weak.cert)], [MX]);
    for (const host of [mxHost("127.0.0.2"), { ...mxHost("127.0.0.2"), rule }, mxHost("127.0.0.2", MX, dane)]) {
      const report = await deliver(canaryRequest({ hosts: [host], minRung: "pkix", route: { security: "secure" } }));
      expect(verdictOf(outcomeOf(report))).toBe("unmet 056");
      expect(report.attempts).toMatchObject([{ rung: "tls-unauthenticated", tls: { weakKey: "rsa 1024" } }]);
    }
    expect(mx.transactions).toEqual([]);
  });
});
