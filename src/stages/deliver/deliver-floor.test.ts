/** The floor: what is below it hears no MAIL, no address and no byte of the message, whatever goes wrong. */
import { describe, expect, test } from "vitest";
import type { MxBehaviour } from "../../cli/loopback/mx-behaviour.ts";
import type { MxTls } from "../../cli/loopback/mx-server.ts";
import type { MxHost } from "../../core/capabilities.ts";
import type { Rung } from "../../core/rung.ts";
import { makeRequest, MX, mxHost, outcomeOf, verdictOf } from "../../../test/support/deliver-rig.ts";
import { useDeliverSockets } from "../../../test/support/deliver-sockets.ts";

const sockets = useDeliverSockets();
const { startMx, deliveryTo } = sockets;

const CANARY = "canary-of-the-body";
const canaryRequest = (hosts: readonly MxHost[], minRung: Rung) =>
  makeRequest({ hosts, minRung, body: `Subject: x\r\n\r\n${CANARY}\r\n`, to: ["canary-address@hospital.test"] });

type TlsName = "good" | "wrongName" | "expired" | "selfSigned" | "tls11" | "cbc" | "none";
function tlsOf(name: TlsName): MxTls | undefined {
  if (name === "none") return undefined;
  if (name === "tls11") return { ...sockets.certificates.good, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" };
  if (name === "cbc") return { ...sockets.certificates.good, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" };
  return sockets.certificates[name];
}

type Row = readonly [
  what: string,
  tls: TlsName,
  behaviour: MxBehaviour,
  minRung: Rung,
  verdict: string,
  rung: Rung | null,
];
const BELOW: readonly Row[] = [
  ["no STARTTLS", "none", {}, "tls-unauthenticated", "unmet 007", "plain"],
  ["no STARTTLS", "none", {}, "pkix", "unmet 007", "plain"],
  ["STARTTLS stripped", "good", { starttls: "strip" }, "pkix", "unmet 007", "plain"],
  [
    "STARTTLS only in the banner",
    "good",
    { starttls: "strip", banner: "220 mx STARTTLS" },
    "pkix",
    "unmet 007",
    "plain",
  ],
  [
    "STARTTLS only as a parameter",
    "good",
    { starttls: "strip", extensions: ["X STARTTLS"] },
    "pkix",
    "unmet 007",
    "plain",
  ],
  ["a self-signed certificate", "selfSigned", {}, "pkix", "unmet 009", "tls-unauthenticated"],
  ["a certificate for another name", "wrongName", {}, "pkix", "unmet 009", "tls-unauthenticated"],
  ["an expired certificate", "expired", {}, "pkix", "unmet 009", "tls-unauthenticated"],
  ["TLS 1.1", "tls11", {}, "tls-unauthenticated", "unmet 008", null],
  ["TLS 1.1", "tls11", {}, "pkix", "unmet 008", null],
  ["a suite without authenticated encryption", "cbc", {}, "pkix", "unmet 008", null],
  ["a certificate for a name that forged DNS may have given", "good", {}, "dane", "unmet 038", "pkix"],
  ["plaintext after the 220", "good", { injectAfterStarttls: "250 injected" }, "pkix", "deferred/lane 010", null],
  ["plaintext after the 220", "good", { injectAfterStarttls: "250 injected" }, "plain", "deferred/lane 010", null],
];

describe("below the floor", () => {
  test.each(BELOW)("%s (%s, %j) for %s gives %s", async (_what, tls, behaviour, minRung, verdict, rung) => {
    const options = tlsOf(tls);
    const server = await startMx(behaviour, options === undefined ? {} : { tls: options });
    const { deliver } = deliveryTo(server);
    for (let retry = 0; retry < 2; retry++) {
      const report = await deliver(canaryRequest([mxHost("127.0.0.2")], minRung));
      expect(verdictOf(outcomeOf(report))).toBe(verdict);
      expect(report.attempts).toHaveLength(1);
      expect(report.attempts[0]?.rung).toBe(rung);
    }
    expect(server.allSeen.toString()).not.toMatch(/canary|MAIL|RCPT|DATA/);
  });

  test("tells what the best host could do", async () => {
    const server = await startMx({}, { tls: sockets.certificates.selfSigned });
    await startMx({}, { host: "127.0.0.3", port: server.port });
    const { deliver } = deliveryTo(server);
    const hosts = [mxHost("127.0.0.3", "mx2.test"), mxHost("127.0.0.2")];
    const report = await deliver(canaryRequest(hosts, "pkix"));
    expect(outcomeOf(report)).toEqual({
      kind: "unmet",
      code: "PST-DLV-007",
      observed: { bestRung: "tls-unauthenticated", missing: [] },
    });
    expect(report.attempts.map(({ host }) => host)).toEqual(["mx2.test", MX]);
  });
});

describe("the floor tls-unauthenticated", () => {
  test.each<TlsName>(["selfSigned", "wrongName", "expired"])("takes %s, under TLS only", async (tls) => {
    const server = await startMx({}, { tls: tlsOf(tls) ?? sockets.certificates.good });
    const { deliver } = deliveryTo(server);
    const report = await deliver(canaryRequest([mxHost("127.0.0.2")], "tls-unauthenticated"));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: "tls-unauthenticated" });
    expect(server.plaintextSeen.toString()).not.toContain("canary");
  });

  test("takes a certificate whose end is no date, and names none", async () => {
    const { key, cert } = sockets.certificates.good;
    const server = await startMx({}, { tls: { key, cert: withoutDates(cert) } });
    const { deliver } = deliveryTo(server);
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], minRung: "tls-unauthenticated" }));
    expect(verdictOf(outcomeOf(report))).toBe("delivered");
    expect(report.attempts).toMatchObject([{ rung: "tls-unauthenticated" }]);
  });

  test("has no trust in a certificate when the host is an address", async () => {
    const server = await startMx({}, { tls: sockets.certificates.good });
    const { deliver } = deliveryTo(server);
    const report = await deliver(canaryRequest([mxHost("127.0.0.2", "127.0.0.2")], "tls-unauthenticated"));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: "tls-unauthenticated" });
  });
});

describe("the floor plain", () => {
  test.each<[TlsName, MxBehaviour, Rung, readonly (string | null)[]]>([
    ["good", {}, "pkix", [null]],
    ["selfSigned", {}, "tls-unauthenticated", [null]],
    ["none", {}, "plain", [null]],
    ["cbc", {}, "plain", [null]],
    ["tls11", {}, "plain", ["PST-DLV-012", null]],
    ["good", { faults: { handshake: { kind: "drop-before" } } }, "plain", ["PST-DLV-012", null]],
    ["good", { faults: { starttls: { kind: "reply", text: "454 4.7.0 no" } } }, "plain", ["PST-DLV-012", null]],
  ])("uses the best there is with %s %j: %s", async (tls, behaviour, rung, codes) => {
    const options = tlsOf(tls);
    const server = await startMx(behaviour, options === undefined ? {} : { tls: options });
    const { deliver } = deliveryTo(server);
    const report = await deliver(canaryRequest([mxHost("127.0.0.2")], "plain"));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: rung });
    expect(report.attempts.map(({ code }) => code)).toEqual(codes);
  });

  test("still never goes to the clear for a sender who asked for REQUIRETLS", async () => {
    const server = await startMx(
      { faults: { handshake: { kind: "drop-before" } } },
      { tls: sockets.certificates.good },
    );
    const { deliver } = deliveryTo(server);
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], envelope: { requireTls: true } }));
    expect(outcomeOf(report).kind).toBe("deferred");
    expect(report.attempts).toHaveLength(1);
  });
});

describe("several hosts", () => {
  const PKIX = "pkix";
  const dead = mxHost("127.0.0.9", "dead.test");
  const unknown: MxHost = {
    name: "dns.test",
    preference: 1,
    addresses: { kind: "unavailable", detail: "timeout" },
    dane: { kind: "none" },
    sts: { kind: "none" },
  };
  const bogus: MxHost = {
    name: "bogus.test",
    preference: 1,
    addresses: { kind: "bogus", detail: "x" },
    dane: { kind: "none" },
    sts: { kind: "none" },
  };
  const absent: MxHost = {
    name: "absent.test",
    preference: 1,
    dane: { kind: "none" },
    sts: { kind: "none" },
    addresses: { kind: "absent", reason: "nodata", security: "insecure" },
  };
  const weak = mxHost("127.0.0.3", "mx2.test");
  const good = mxHost("127.0.0.2");

  test.each<[string, readonly MxHost[], string, boolean]>([
    ["the second is tried when the first is dead", [dead, good], "delivered", false],
    ["the second is tried when the first is below the floor", [weak, good], "delivered", false],
    ["the second is tried when the first has no address", [absent, good], "delivered", false],
    ["dead and below: wait, with the facts", [dead, weak], "deferred/lane 001", true],
    ["below and unknown to DNS: wait, with the facts", [weak, unknown], "deferred/lane 032", true],
    ["below and bogus: wait, with the facts", [bogus, weak], "deferred/lane 032", true],
    ["below and without address: unmet", [weak, absent], "unmet 007", false],
    ["no address at all: wait", [absent], "deferred/lane 031", false],
    ["no host at all: wait", [], "deferred/lane 031", false],
    ["DNS in trouble: wait", [unknown], "deferred/lane 032", false],
  ])("%s", async (_name, hosts, verdict, hasFacts) => {
    const server = await startMx({}, { tls: sockets.certificates.good });
    const weakServer = await startMx({}, { host: "127.0.0.3", port: server.port });
    const { deliver } = deliveryTo(server);
    const outcome = outcomeOf(await deliver(canaryRequest(hosts, PKIX)));
    expect(verdictOf(outcome)).toBe(verdict);
    const facts = outcome.kind === "deferred" ? outcome.unmet : null;
    expect(facts).toEqual(hasFacts ? { bestRung: "plain", missing: [] } : null);
    expect(weakServer.allSeen.toString()).not.toMatch(/canary|MAIL/);
  });

  test("a host counts as having answered when one of its addresses did", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server);
    const host: MxHost = {
      ...good,
      addresses: { kind: "found", value: ["127.0.0.9", "127.0.0.2"], security: "insecure" },
    };
    expect(verdictOf(outcomeOf(await deliver(canaryRequest([host], PKIX))))).toBe("unmet 007");
  });

  test("what a host refused for good stays refused, and only the rest goes to the next", async () => {
    const server = await startMx({ recipients: { gone: "550 5.1.1 no", ok: "421 4.3.2 leaving" } });
    const second = await startMx({}, { host: "127.0.0.3", port: server.port });
    const { deliver } = deliveryTo(server);
    const to = ["gone@hospital.test", "ok@hospital.test"];
    const report = await deliver(makeRequest({ hosts: [good, weak], to }));
    expect(verdictOf(outcomeOf(report, 1))).toBe("failed 017");
    expect(outcomeOf(report, 2)).toMatchObject({ kind: "delivered", host: "mx2.test" });
    expect(second.transactions[0]?.rcptTo).toEqual(["ok@hospital.test"]);
  });

  test("nothing is sent to a second host once the dot may have been taken", async () => {
    const server = await startMx({ faults: { dot: { kind: "drop-before" } } });
    const second = await startMx({}, { host: "127.0.0.3", port: server.port });
    const { deliver } = deliveryTo(server);
    expect(verdictOf(outcomeOf(await deliver(makeRequest({ hosts: [good, weak] }))))).toBe("ambiguous 025");
    expect(second.connections).toBe(0);
  });

  test("the limit of connections ends the walk", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server, { options: { connectionsPerDeliveryMax: 2 } });
    const report = await deliver(makeRequest({ hosts: [dead, dead, good] }));
    expect(verdictOf(outcomeOf(report))).toBe("deferred/lane 037");
    expect(report.attempts).toHaveLength(2);
  });

  test("private addresses are not dialled unless allowed", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server, { options: { allowPrivateDestinations: false } });
    const report = await deliver(makeRequest({ hosts: [good] }));
    expect(verdictOf(outcomeOf(report))).toBe("deferred/lane 030");
    expect([report.attempts.length, server.connections]).toEqual([0, 0]);
  });
});

/** The same certificate with both dates overwritten; nobody's signature holds for it. */
function withoutDates(pem: string): string {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  const utcTime = Buffer.from([0x17, 0x0d]);
  for (let at = der.indexOf(utcTime); at >= 0; at = der.indexOf(utcTime, at + 15)) der.write("abcdefghijklZ", at + 2);
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
