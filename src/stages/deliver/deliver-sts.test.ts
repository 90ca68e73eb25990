/** MTA-STS: a policy in mode enforce stands above the floor, one in mode testing is only judged. Real handshakes on loopback. */
import { describe, expect, test } from "vitest";
import type { MxBehaviour } from "../../cli/loopback/mx-behaviour.ts";
import type { MxTls } from "../../cli/loopback/mx-server.ts";
import type { Alert } from "../../core/alert.ts";
import type { MxHost } from "../../core/capabilities.ts";
import type { DaneState } from "../../core/dane.ts";
import type { Rung } from "../../core/rung.ts";
import type { HostSts } from "../../core/sts.ts";
import { tlsaOf, usableDane } from "../../../test/support/dane-rig.ts";
import { MESSAGE_ID, makeRequest, MX, mxHost, outcomeOf, verdictOf } from "../../../test/support/deliver-rig.ts";
import { useDeliverSockets } from "../../../test/support/deliver-sockets.ts";

const sockets = useDeliverSockets();
const { startMx, deliveryTo } = sockets;

type Asked = {
  readonly hosts: readonly MxHost[];
  readonly minRung?: Rung;
  readonly domain?: string;
  readonly security?: "secure" | "insecure";
};
const canaryRequest = ({ hosts, minRung = "plain", domain = "hospital.test", security = "insecure" }: Asked) =>
  makeRequest({ hosts, minRung, domain, route: { security }, body: "Subject: x\r\n\r\ncanary\r\n" });

const ENFORCE: HostSts = { kind: "enforce", id: "a1", matches: true };
const NOT_NAMED: HostSts = { kind: "enforce", id: "a1", matches: false };
const TESTING: HostSts = { kind: "testing", id: "a1", matches: true };
const UNAVAILABLE: HostSts = { kind: "unavailable", code: "PST-DSC-001" };

function host(sts: HostSts, at: { readonly address?: string; readonly name?: string; readonly dane?: DaneState } = {}) {
  const { address = "127.0.0.2", name = MX, dane } = at;
  return { ...mxHost(address, name, dane), sts };
}

type Server = "good" | "wrongName" | "expired" | "selfSigned" | "tls11" | "none";

function tlsOf(server: Server): MxTls | undefined {
  if (server === "none") return undefined;
  if (server === "tls11") return { ...sockets.certificates.good, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" };
  return sockets.certificates[server];
}

async function start(server: Server, behaviour: MxBehaviour = {}, at: { host?: string; port?: number } = {}) {
  const tls = tlsOf(server);
  return await startMx(behaviour, { ...at, ...(tls === undefined ? {} : { tls }) });
}

describe("a server that lives up to a policy in mode enforce", () => {
  test.each<[security: "secure" | "insecure", minRung: Rung]>([
    ["insecure", "plain"],
    ["insecure", "pkix"],
    ["insecure", "pkix-dnssec-mx"],
    ["secure", "dane"],
  ])("with an MX that is %s, it carries what asks for %s", async (security, minRung) => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    const report = await deliver(canaryRequest({ hosts: [host(ENFORCE)], minRung, security }));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: "sts-enforce" });
    expect(report.attempts).toMatchObject([
      { rung: "sts-enforce", sts: { mode: "enforce", id: "a1", matched: true, verdict: "met" } },
    ]);
  });
});

const ATTACKS: readonly [what: string, server: Server, behaviour: MxBehaviour, code: string][] = [
  ["a certificate for another name", "wrongName", {}, "PST-DLV-046"],
  ["an expired certificate", "expired", {}, "PST-DLV-046"],
  ["a certificate of nobody", "selfSigned", {}, "PST-DLV-046"],
  ["no STARTTLS", "none", {}, "PST-DLV-047"],
  ["STARTTLS stripped", "good", { starttls: "strip" }, "PST-DLV-047"],
  ["454 to STARTTLS", "good", { faults: { starttls: { kind: "reply", text: "454 4.7.0 later" } } }, "PST-DLV-047"],
  ["TLS 1.1 only", "tls11", {}, "PST-DLV-048"],
  ["a handshake that is cut", "good", { faults: { handshake: { kind: "drop-before" } } }, "PST-DLV-048"],
];

describe.each(ATTACKS)("%s", (_what, server, behaviour, code) => {
  test.each<Rung>(["plain", "tls-unauthenticated", "pkix", "sts-enforce"])(
    "under a policy in mode enforce nothing is sent to it, whatever the floor (%s), and an alert names it once",
    async (minRung) => {
      const mx = await start(server, behaviour);
      const alerts: Alert[] = [];
      const { deliver } = deliveryTo(mx, { raise: (alert) => alerts.push(alert) });
      const report = await deliver(canaryRequest({ hosts: [host(ENFORCE)], minRung }));
      expect(outcomeOf(report)).toMatchObject({ kind: "deferred", code });
      expect(report.attempts).toMatchObject([{ code, sts: { mode: "enforce", matched: true } }]);
      expect(alerts).toEqual([{ code, facts: { host: MX, message: MESSAGE_ID } }]);
      expect(mx.allSeen.toString()).not.toMatch(/canary|MAIL/);
    },
  );

  test("under a policy in mode testing ordinary mail goes as without one, and the audit row says what was broken", async () => {
    const mx = await start(server, behaviour);
    const alerts: Alert[] = [];
    const { deliver } = deliveryTo(mx, { raise: (alert) => alerts.push(alert) });
    const report = await deliver(canaryRequest({ hosts: [host(TESTING)] }));
    const bare = await deliver(canaryRequest({ hosts: [mxHost("127.0.0.2")], domain: "clinic.test" }));
    expect(outcomeOf(report).kind).toBe("delivered");
    expect(report.attempts.map(({ rung }) => rung)).toEqual(bare.attempts.map(({ rung }) => rung));
    expect(report.attempts.at(-1)?.sts).toEqual({ mode: "testing", id: "a1", matched: true, verdict: "broken" });
    expect(alerts).toEqual([]);
  });
});

test("a policy in mode testing lifts no rung", async () => {
  const mx = await start("good");
  const { deliver } = deliveryTo(mx);
  const report = await deliver(canaryRequest({ hosts: [host(TESTING)], minRung: "pkix-dnssec-mx" }));
  expect(outcomeOf(report)).toMatchObject({ kind: "unmet", code: "PST-DLV-038" });
  expect(report.attempts).toMatchObject([{ rung: "pkix", sts: { mode: "testing", verdict: "met" } }]);
});

describe("hosts the policy does not name", () => {
  test("are not dialled, and fail nothing while another is named", async () => {
    const mx = await start("good");
    const named = await start("good", {}, { host: "127.0.0.3", port: mx.port });
    const alerts: Alert[] = [];
    const { deliver } = deliveryTo(mx, { raise: (alert) => alerts.push(alert) });
    const hosts = [host(NOT_NAMED), host(ENFORCE, { address: "127.0.0.3", name: "mx2.test" })];
    expect(outcomeOf(await deliver(canaryRequest({ hosts })))).toMatchObject({ kind: "delivered", host: "mx2.test" });
    expect([mx.connections, named.connections, alerts.length]).toEqual([0, 1, 0]);
  });

  test.each<Rung>(["plain", "pkix"])(
    "all of them: nobody is dialled, the mail waits (%s), an alert says so",
    async (minRung) => {
      const mx = await start("good");
      const alerts: Alert[] = [];
      const { deliver } = deliveryTo(mx, { raise: (alert) => alerts.push(alert) });
      const report = await deliver(canaryRequest({ hosts: [host(NOT_NAMED)], minRung }));
      expect(outcomeOf(report)).toMatchObject({ kind: "deferred", scope: "lane", code: "PST-DLV-045" });
      // Only mail that asks for more than the clear may take another step of its plan, once that has lasted.
      const below = { bestRung: "plain", missing: [] };
      expect(outcomeOf(report)).toMatchObject({ unmet: minRung === "plain" ? null : below });
      expect(alerts).toEqual([{ code: "PST-DLV-045", facts: { host: MX, message: MESSAGE_ID } }]);
      expect(mx.connections).toBe(0);
    },
  );

  test("the named one is in trouble: the mail waits and the other is not used", async () => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    const hosts = [host(ENFORCE, { address: "127.0.0.9", name: "dead.test" }), host(NOT_NAMED)];
    expect(verdictOf(outcomeOf(await deliver(canaryRequest({ hosts }))))).toBe("deferred/lane 001");
    expect(mx.connections).toBe(0);
  });

  test("under a policy in mode testing they are used, and the audit row says that they are not named", async () => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    const report = await deliver(canaryRequest({ hosts: [host({ ...TESTING, matches: false })], minRung: "pkix" }));
    expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: "pkix" });
    expect(report.attempts[0]?.sts).toEqual({ mode: "testing", id: "a1", matched: false, verdict: "broken" });
  });
});

test("while it cannot be read what binds the domain, its hosts are not dialled", async () => {
  const mx = await start("good");
  const { deliver } = deliveryTo(mx);
  expect(verdictOf(outcomeOf(await deliver(canaryRequest({ hosts: [host(UNAVAILABLE)] }))))).toBe("deferred/lane 001");
  expect(mx.connections).toBe(0);
});

describe("a host with TLSA records in use is judged by them alone", () => {
  const dane = (cert: "good" | "selfSigned"): DaneState => {
    return usableDane([tlsaOf("3 1 1", sockets.certificates[cert].cert)], [MX]);
  };
  const met = { mode: "enforce", id: "a1", matched: true, verdict: "met" } as const;

  test.each<
    [what: string, sts: HostSts, server: Server, records: "good" | "selfSigned", verdict: string, facts: object]
  >([
    [
      "the records match, the policy does not name it",
      NOT_NAMED,
      "good",
      "good",
      "delivered",
      { ...met, matched: false, verdict: "broken" },
    ],
    [
      "the records match, its certificate is of nobody",
      ENFORCE,
      "selfSigned",
      "selfSigned",
      "delivered",
      { ...met, verdict: "broken" },
    ],
    [
      "the records match, what is remembered cannot be read",
      UNAVAILABLE,
      "good",
      "good",
      "delivered",
      { mode: "none" },
    ],
    ["it lives up to the policy, and no record matches", ENFORCE, "good", "selfSigned", "deferred/lane 039", met],
  ])("%s", async (_what, sts, server, records, verdict, facts) => {
    const mx = await start(server);
    const { deliver } = deliveryTo(mx);
    const report = await deliver(canaryRequest({ hosts: [host(sts, { dane: dane(records) })], security: "secure" }));
    expect(verdictOf(outcomeOf(report))).toBe(verdict);
    expect(report.attempts[0]?.sts).toEqual(facts);
  });

  test("records of no use leave the word to the policy", async () => {
    const mx = await start("wrongName");
    const { deliver } = deliveryTo(mx);
    const hosts = [host(ENFORCE, { dane: { kind: "unusable" } })];
    expect(verdictOf(outcomeOf(await deliver(canaryRequest({ hosts }))))).toBe("deferred/lane 046");
  });
});

describe("a kept connection is for the same policy and domain only", () => {
  test.each<[what: string, next: Asked, verdict: string]>([
    ["another id", { hosts: [host({ ...ENFORCE, id: "a2" })] }, "delivered sts-enforce new"],
    ["mode testing", { hosts: [host(TESTING)] }, "delivered pkix new"],
    ["no policy", { hosts: [host({ kind: "none" })] }, "delivered pkix new"],
    ["another domain with no policy", { hosts: [host({ kind: "none" })], domain: "b.test" }, "delivered pkix new"],
    ["another domain with the same policy", { hosts: [host(ENFORCE)], domain: "b.test" }, "delivered sts-enforce new"],
    [
      "another domain whose policy does not name it",
      { hosts: [host(NOT_NAMED)], domain: "b.test" },
      "deferred/lane 045",
    ],
    ["the same", { hosts: [host(ENFORCE)] }, "delivered sts-enforce kept"],
  ])("%s", async (_what, next, verdict) => {
    const mx = await start("good");
    const { deliver } = deliveryTo(mx);
    await deliver(canaryRequest({ hosts: [host(ENFORCE)] }));
    const report = await deliver(canaryRequest(next));
    const [facts] = report.attempts;
    const outcome = outcomeOf(report);
    const seen = [verdictOf(outcome), outcome.kind === "delivered" ? outcome.observed : null];
    const kept = facts === undefined ? null : facts.reused ? "kept" : "new";
    expect([...seen, kept].filter((word) => word !== null).join(" ")).toBe(verdict);
  });
});
