/** DANE: what DNS asks of a host stands above the floor, and no other proof stands in for it. Real handshakes on loopback. */
import { describe, expect, test } from "vitest";
import type { MxBehaviour } from "../../cli/loopback/mx-behaviour.ts";
import type { MxTls } from "../../cli/loopback/mx-server.ts";
import type { Alert } from "../../core/alert.ts";
import type { MxHost } from "../../core/capabilities.ts";
import type { DaneState } from "../../core/dane.ts";
import type { DnsSecurity } from "../../core/dns-answer.ts";
import type { Rung } from "../../core/rung.ts";
import { tlsaOf, usableDane } from "../../../test/support/dane-rig.ts";
import {
  MESSAGE_ID,
  makeRequest,
  ManualClock,
  MX,
  mxHost,
  outcomeOf,
  verdictOf,
} from "../../../test/support/deliver-rig.ts";
import { useDeliverSockets } from "../../../test/support/deliver-sockets.ts";

const sockets = useDeliverSockets();
const { startMx } = sockets;
/** Certificates have dates, and here they count. */
const deliveryTo: typeof sockets.deliveryTo = (server, rig = {}) => {
  const clock = new ManualClock();
  clock.timeMs = Date.now();
  return sockets.deliveryTo(server, { clock, ...rig });
};

const CANARY = "canary-of-the-body";
type Asked = {
  readonly hosts: readonly MxHost[];
  readonly minRung?: Rung;
  readonly security?: DnsSecurity;
  readonly domain?: string;
};
const canaryRequest = ({ hosts, minRung = "plain", security = "secure", domain = "hospital.test" }: Asked) =>
  makeRequest({
    hosts,
    minRung,
    domain,
    route: { security },
    body: `Subject: x\r\n\r\n${CANARY}\r\n`,
    to: [`canary-address@${domain}`],
  });

/** What a server sends: a leaf, with `+ca` the authority behind it. */
type Shown = "good" | "good+ca" | "wrongName+ca" | "expired" | "expired+ca" | "selfSigned" | "selfSigned+ca";
type Server = Shown | "tls11" | "cbc" | "none";

function tlsOf(server: Server): MxTls | undefined {
  const { good, ca } = sockets.certificates;
  if (server === "none") return undefined;
  if (server === "tls11") return { ...good, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" };
  if (server === "cbc") return { ...good, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" };
  const [leaf, authority] = server.split("+") as ["good" | "wrongName" | "expired" | "selfSigned", "ca"?];
  const { key, cert } = sockets.certificates[leaf];
  return { key, cert: authority === undefined ? cert : `${cert}\n${ca}` };
}

type Leaf = "good" | "wrongName" | "expired" | "selfSigned" | "ca";

/** `3 1 1 good`, one or more, or the kind of a state without records. */
function stateOf(text: string, name = MX): DaneState {
  if (text === "unusable" || text === "none") return { kind: text };
  if (text === "unavailable") return { kind: "unavailable", code: "PST-DSC-001" };
  const [first, ...others] = text.split(", ").map((one) => {
    const pem = one.slice(6) as Leaf;
    return tlsaOf(one.slice(0, 5), pem === "ca" ? sockets.certificates.ca : sockets.certificates[pem].cert);
  });
  if (first === undefined) throw new Error("no record");
  return usableDane([first, ...others], [name]);
}

async function start(server: Server, behaviour: MxBehaviour = {}, at: { host?: string; port?: number } = {}) {
  const tls = tlsOf(server);
  return await startMx(behaviour, { ...at, ...(tls === undefined ? {} : { tls }) });
}

describe("a server whose certificate the records name", () => {
  test.each<[what: string, server: Server, records: string, rung: Rung, words: RegExp]>([
    ["the public key", "good", "3 1 1 good", "dane", /^3 1 1 [0-9a-f]{8}…$/],
    ["one record of two", "good", "3 1 1 selfSigned, 3 0 2 good", "dane", /^3 0 2 /],
    ["a certificate of nobody", "selfSigned", "3 1 1 selfSigned", "dane", /^3 1 1 /],
    ["an expired certificate under usage 3", "expired", "3 1 1 expired", "dane", /^3 1 1 /],
    ["a certificate for another name under usage 3", "wrongName+ca", "3 0 1 wrongName", "dane", /^3 0 1 /],
    ["the authority that was sent", "good+ca", "2 1 1 ca", "dane", /^2 1 1 /],
    ["the authority that only DNS knows", "good", "2 0 0 ca", "dane", /^2 0 0 /],
  ])("%s: %s with %s", async (_what, server, records, rung, words) => {
    const mx = await start(server);
    // The CA is not trusted: all there is comes from DNS.
    const { deliver } = deliveryTo(mx, { options: { ca: [sockets.certificates.selfSigned.cert] } });
    for (const minRung of ["plain", "tls-unauthenticated", "pkix", "pkix-dnssec-mx", "dane"] as const) {
      const report = await deliver(canaryRequest({ hosts: [mxHost("127.0.0.2", MX, stateOf(records))], minRung }));
      expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: rung });
      expect(report.attempts).toMatchObject([
        { rung, dane: { state: "usable", matched: expect.stringMatching(words), refused: null } },
      ]);
    }
    expect(mx.transactions.every(({ tls }) => tls !== null)).toBe(true);
  });

  test("is only the server of a name that forged DNS may have given, where the MX was not signed", async () => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    const hosts = [mxHost("127.0.0.2", MX, stateOf("3 1 1 good"))];
    const standard = await deliver(canaryRequest({ hosts, minRung: "pkix", security: "insecure" }));
    expect(outcomeOf(standard)).toMatchObject({ kind: "delivered", observed: "dane-insecure-mx" });
    const strict = await deliver(canaryRequest({ hosts, minRung: "pkix-dnssec-mx", security: "insecure" }));
    expect(outcomeOf(strict)).toEqual({
      kind: "unmet",
      code: "PST-DLV-038",
      observed: { bestRung: "dane-insecure-mx", missing: [] },
    });
  });

  test("is the operator's own choice as a smarthost", async () => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    const hosts = [mxHost("127.0.0.2", MX, stateOf("3 1 1 good"))];
    const route = { via: "smarthost", security: "insecure" } as const;
    const report = await deliver(makeRequest({ hosts, minRung: "dane", route }));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: "dane" });
  });

  test("is asked by the name under which the records were found", async () => {
    const mx = await start("good", { faults: { handshake: { kind: "drop-before" } } });
    const { deliver } = deliveryTo(mx);
    const dane = stateOf("3 1 1 good", "base.of-the-records.test");
    await deliver(canaryRequest({ hosts: [mxHost("127.0.0.2", MX, dane)] }));
    expect(mx.plaintextSeen.toString("latin1")).toContain("base.of-the-records.test");
    expect(mx.plaintextSeen.toString("latin1")).not.toContain(MX);
  });
});

type Refusal = readonly [
  what: string,
  server: Server,
  records: string,
  behaviour: MxBehaviour,
  verdict: string,
  refused: string | null,
];
const NO_MATCH = "no record matches";
const VIOLATED: readonly Refusal[] = [
  ["valid by PKIX and not by TLSA", "good", "3 1 1 selfSigned", {}, "039", NO_MATCH],
  ["the leaf as an anchor", "good+ca", "2 1 1 good", {}, "039", NO_MATCH],
  ["the authority as the leaf", "good+ca", "3 1 1 ca", {}, "039", NO_MATCH],
  ["the authority sent beside a leaf it did not issue", "selfSigned+ca", "2 0 1 ca", {}, "039", NO_MATCH],
  ["the same, in full in DNS", "selfSigned+ca", "2 0 0 ca", {}, "039", NO_MATCH],
  ["the authority of a digest not sent", "good", "2 0 1 ca", {}, "039", NO_MATCH],
  ["another name under usage 2", "wrongName+ca", "2 1 1 ca", {}, "039", "certificate for another name"],
  ["an expired certificate under usage 2", "expired+ca", "2 1 1 ca", {}, "039", "certificate not valid now"],
  ["no TLS at all", "none", "3 1 1 good", {}, "040", null],
  ["STARTTLS stripped", "good", "3 1 1 good", { starttls: "strip" }, "040", null],
  ["STARTTLS put off", "good", "3 1 1 good", starttls("454 4.7.0 not now"), "040", null],
  ["STARTTLS refused", "good", "3 1 1 good", starttls("502 5.5.1 what?"), "040", null],
  ["EHLO refused, and with it STARTTLS", "good", "3 1 1 good", ehlo("502 5.5.1 what?"), "040", null],
  ["a handshake broken off", "good", "3 1 1 good", { faults: { handshake: { kind: "drop-before" } } }, "041", null],
  ["TLS 1.1", "tls11", "3 1 1 good", {}, "041", null],
  ["a suite without authenticated encryption", "cbc", "3 1 1 good", {}, "041", null],
  ["plaintext after the 220", "good", "3 1 1 good", { injectAfterStarttls: "250 injected" }, "010", null],
  ["records of no use and no TLS", "none", "unusable", {}, "040", null],
  ["records of no use and STARTTLS stripped", "good", "unusable", { starttls: "strip" }, "040", null],
  ["records of no use and STARTTLS put off", "good", "unusable", starttls("454 4.7.0 not now"), "040", null],
  ["records of no use and TLS 1.1", "tls11", "unusable", {}, "041", null],
  ["records of no use and a weak suite", "cbc", "unusable", {}, "041", null],
  ["records of no use and a handshake broken off", "good", "unusable", dropped(), "041", null],
];

function starttls(text: string): MxBehaviour {
  return { faults: { starttls: { kind: "reply", text } } };
}
function ehlo(text: string): MxBehaviour {
  return { faults: { ehlo: { kind: "reply", text } } };
}
function dropped(): MxBehaviour {
  return { faults: { handshake: { kind: "drop-before" } } };
}

describe("a server that does not live up to the records hears no MAIL, in the clear or not", () => {
  const ALARMING = ["039", "040", "041"];
  test.each(VIOLATED)("%s: %s with %s %j", async (_what, server, records, behaviour, code, refused) => {
    const mx = await start(server, behaviour);
    const alerts: Alert[] = [];
    const { deliver } = deliveryTo(mx, { raise: (alert) => alerts.push(alert) });
    for (const minRung of ["plain", "pkix", "dane"] as const) {
      const report = await deliver(canaryRequest({ hosts: [mxHost("127.0.0.2", MX, stateOf(records))], minRung }));
      const outcome = outcomeOf(report);
      expect(verdictOf(outcome)).toBe(`deferred/lane ${code}`);
      expect(outcome).toMatchObject({ status: expect.stringMatching(/^4\.7\.[45]$/) });
      // Mail that demands a proof may take another way after a while; ordinary mail waits for this one.
      const mayGoOn = minRung !== "plain" && ALARMING.includes(code);
      expect(outcome.kind === "deferred" && outcome.unmet !== null).toBe(mayGoOn);
      expect(report.attempts).toHaveLength(1);
      const [facts] = report.attempts;
      expect(facts?.code).toBe(`PST-DLV-${code}`);
      expect(facts?.dane).toMatchObject(
        records === "unusable" ? { state: "unusable" } : { state: "usable", matched: null, refused },
      );
      expect([null, "plain", "tls-unauthenticated"]).toContain(facts?.rung);
    }
    expect(mx.allSeen.toString("latin1")).not.toMatch(/canary|MAIL|RCPT|DATA/);
    const expected = { code: `PST-DLV-${code}`, facts: { host: MX, message: MESSAGE_ID } };
    expect(alerts).toEqual(ALARMING.includes(code) ? [expected, expected, expected] : []);
  });
});

describe("records of which none is usable", () => {
  test.each<[Server, Rung, DnsSecurity, string, Rung]>([
    ["selfSigned", "plain", "secure", "delivered", "tls-unauthenticated"],
    ["selfSigned", "tls-unauthenticated", "secure", "delivered", "tls-unauthenticated"],
    ["selfSigned", "pkix", "secure", "unmet 009", "tls-unauthenticated"],
    ["good", "plain", "insecure", "delivered", "pkix"],
    ["good", "pkix", "insecure", "delivered", "pkix"],
    ["good", "pkix-dnssec-mx", "insecure", "unmet 038", "pkix"],
    ["good", "pkix-dnssec-mx", "secure", "delivered", "pkix-dnssec-mx"],
  ])(
    "ask for TLS, and prove nothing: %s for %s by %s MX gives %s",
    async (server, minRung, security, verdict, rung) => {
      const mx = await start(server);
      const { deliver } = deliveryTo(mx);
      const hosts = [mxHost("127.0.0.2", MX, stateOf("unusable"))];
      const report = await deliver(canaryRequest({ hosts, minRung, security }));
      expect(verdictOf(outcomeOf(report))).toBe(verdict);
      expect(report.attempts).toMatchObject([{ rung, dane: { state: "unusable" } }]);
      expect(mx.plaintextSeen.toString()).not.toMatch(/MAIL/);
    },
  );
});

describe("no records", () => {
  test.each<[DnsSecurity, Rung]>([
    ["secure", "pkix-dnssec-mx"],
    ["insecure", "pkix"],
  ])("leave the %s MX and the certificate: %s", async (security, rung) => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    const report = await deliver(canaryRequest({ hosts: [mxHost("127.0.0.2")], minRung: "pkix", security }));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: rung });
    expect(report.attempts).toMatchObject([{ dane: { state: "none" } }]);
  });

  test("leave ordinary mail the way in the clear", async () => {
    const mx = await start("tls11");
    const { deliver } = deliveryTo(mx);
    const report = await deliver(canaryRequest({ hosts: [mxHost("127.0.0.2")] }));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: "plain" });
  });
});

describe("several hosts", () => {
  const second = { host: "127.0.0.3" };
  const hostsOf = (first: string, other: string): readonly MxHost[] => [
    mxHost("127.0.0.2", MX, stateOf(first)),
    mxHost("127.0.0.3", "mx2.test", stateOf(other, "mx2.test")),
  ];

  test.each<[what: string, first: string, second: string, verdict: string, connections: readonly number[]]>([
    ["the second is used when the first does not match", "3 1 1 selfSigned", "3 1 1 good", "delivered", [1, 1]],
    ["the second is used when nothing is known of the first", "unavailable", "3 1 1 good", "delivered", [0, 1]],
    ["nothing is known of both", "unavailable", "unavailable", "deferred/lane 001", [0, 0]],
    ["one does not match, nothing is known of the other", "3 1 1 ca", "unavailable", "deferred/lane 001", [1, 0]],
    ["neither matches", "3 1 1 ca", "3 1 1 selfSigned", "deferred/lane 039", [1, 1]],
    ["a second one without records is a way like any other", "3 1 1 ca", "none", "delivered", [1, 1]],
  ])("%s", async (_what, first, other, verdict, connections) => {
    const mx = await start("good");
    const mx2 = await start("good", {}, { ...second, port: mx.port });
    const { deliver } = deliveryTo(mx);
    const outcome = outcomeOf(await deliver(canaryRequest({ hosts: hostsOf(first, other), minRung: "pkix" })));
    expect(verdictOf(outcome)).toBe(verdict);
    expect([mx.connections, mx2.connections]).toEqual(connections);
    expect(mx.allSeen.toString()).not.toMatch(/canary|MAIL/);
    expect(mx2.transactions).toHaveLength(outcome.kind === "delivered" ? 1 : 0);
  });

  test("a host that breaks its word and one below the floor: wait, with the facts", async () => {
    const mx = await start("good");
    await start("none", {}, { ...second, port: mx.port });
    const { deliver } = deliveryTo(mx);
    const outcome = outcomeOf(await deliver(canaryRequest({ hosts: hostsOf("3 1 1 ca", "none"), minRung: "pkix" })));
    expect(verdictOf(outcome)).toBe("deferred/lane 039");
    expect(outcome).toMatchObject({ unmet: { bestRung: "tls-unauthenticated", missing: [] } });
  });

  test("another address of the same host may match", async () => {
    const mx = await start("selfSigned");
    const mx2 = await start("good", {}, { ...second, port: mx.port });
    const { deliver } = deliveryTo(mx);
    const host: MxHost = {
      ...mxHost("", MX, stateOf("3 1 1 good")),
      addresses: { kind: "found", value: ["127.0.0.2", "127.0.0.3"], security: "secure" },
    };
    expect(outcomeOf(await deliver(canaryRequest({ hosts: [host] })))).toMatchObject({ kind: "delivered" });
    expect([mx.transactions.length, mx2.transactions.length]).toEqual([0, 1]);
  });

  test("an address that breaks its word weighs more than one below the floor", async () => {
    const mx = await start("good");
    await start("selfSigned", {}, { ...second, port: mx.port });
    const { deliver } = deliveryTo(mx);
    const host: MxHost = {
      ...mxHost("", MX, stateOf("3 1 1 good")),
      addresses: { kind: "found", value: ["127.0.0.2", "127.0.0.3"], security: "secure" },
    };
    const request = canaryRequest({ hosts: [host], minRung: "pkix-dnssec-mx", security: "insecure" });
    expect(verdictOf(outcomeOf(await deliver(request)))).toBe("deferred/lane 039");
  });
});

describe("the verdict belongs to domain, host and connection", () => {
  const right = (): DaneState => stateOf("3 1 1 good");
  const insecure = { security: "insecure" } as const;

  test.each<[what: string, next: () => Asked, verdict: string]>([
    ["other records, which do not match", () => of(stateOf("3 1 1 ca")), "deferred/lane 039 new"],
    ["other records, which match too", () => of(stateOf("3 0 1 good")), "delivered dane new"],
    ["records of no use", () => of(stateOf("unusable")), "delivered pkix-dnssec-mx new"],
    ["no records any more", () => of(stateOf("none")), "delivered pkix-dnssec-mx new"],
    ["an MX that is not signed any more", () => ({ ...of(right()), ...insecure }), "delivered dane-insecure-mx new"],
    ["another domain", () => ({ ...of(right()), domain: "clinic.test" }), "delivered dane new"],
    [
      "another domain, with other records for the same host",
      () => ({ ...of(stateOf("3 1 1 selfSigned")), domain: "clinic.test" }),
      "deferred/lane 039 new",
    ],
    [
      "another domain, whose MX is not signed",
      () => ({ ...of(right()), ...insecure, domain: "clinic.test" }),
      "delivered dane-insecure-mx new",
    ],
    ["the same", () => of(right()), "delivered dane kept"],
  ])("%s: a kept connection is for the same only", async (_what, next, verdict) => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    expect(verdictOf(outcomeOf(await deliver(canaryRequest(of(right())))))).toBe("delivered");
    const report = await deliver(canaryRequest(next()));
    const [facts] = report.attempts;
    const outcome = outcomeOf(report);
    const rung = outcome.kind === "delivered" ? ` ${outcome.observed}` : "";
    expect(`${verdictOf(outcome)}${rung} ${facts?.reused === true ? "kept" : "new"}`).toBe(verdict);
    expect(facts?.dane).toMatchObject({ state: next().hosts[0]?.dane.kind });
  });

  function of(dane: DaneState): Asked {
    return { hosts: [mxHost("127.0.0.2", MX, dane)] };
  }
});
