import { describe, expect, test } from "vitest";
import type { MxHost, Route } from "../../core/capabilities.ts";
import { deliverCodes } from "../../core/codes/deliver.ts";
import type { DaneState } from "../../core/dane.ts";
import type { HostSts, StsState } from "../../core/sts.ts";
import type { AttemptFacts, Outcome, TlsFacts } from "../../core/outcome.ts";
import type { TlsRule } from "../../core/tls-rule.ts";
import { PHASES } from "../../core/outcome.ts";
import { TLS_FAILURES } from "../../core/tls-results.ts";
import type { TlsFailure } from "../../core/tls-results.ts";
import { RESULT_OF_CODE, sessionEnd, sessionsOf } from "./session-results.ts";
import type { DeliverCode } from "./session-results.ts";

const TLS: TlsFacts = {
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  leafSha256: "",
  leafNotAfter: "",
  chain: "ok",
  nameMatches: true,
};

function attempt(facts: Partial<AttemptFacts> = {}): AttemptFacts {
  return {
    host: "mx.d.test",
    address: "192.0.2.1",
    port: 25,
    localAddress: "198.51.100.7",
    phase: "done",
    starttlsOffered: true,
    tls: TLS,
    dane: { state: "none" },
    rung: "pkix",
    reused: false,
    code: null,
    replyCode: 250,
    enhanced: null,
    startedAt: 0,
    durationMs: 1,
    ...facts,
  };
}

const TESTED = { mode: "testing", id: "1", matched: true, verdict: "broken" } as const;
const clear = { tls: null, starttlsOffered: false, rung: "plain" } as const;
const matched = { state: "usable", matched: "3 1 1 0123abcd…", refused: null } as const;
const refused = (why: "no record matches" | "certificate not valid now" | "certificate for another name") =>
  ({ state: "usable", matched: null, refused: why }) as const;

describe("a connection counts as", () => {
  test.each<readonly [string, Partial<AttemptFacts>, TlsFailure | "success" | "no session"]>([
    ["TLS that carried mail", {}, "success"],
    ["TLS on which the mail was refused", { phase: "rcpt", code: "PST-DLV-017" }, "success"],
    ["TLS that was lost in the middle of a mail", { phase: "body", code: "PST-DLV-002" }, "success"],
    [
      "TLS without authentication, for mail that asks for none",
      { tls: { ...TLS, chain: "CERT_HAS_EXPIRED" } },
      "success",
    ],
    ["TLS below a floor that wants more than a proven name", { phase: "verify", code: "PST-DLV-038" }, "success"],
    ["a kept connection", { reused: true }, "no session"],
    ["a kept connection that had ended", { reused: true, phase: "mail", code: "PST-DLV-035" }, "no session"],
    ["nobody there", { phase: "dial", tls: null, rung: null, code: "PST-DLV-001" }, "no session"],
    ["turned away at the greeting", { phase: "greeting", tls: null, rung: null, code: "PST-DLV-006" }, "no session"],
    ["lost before STARTTLS", { phase: "ehlo", tls: null, rung: null, code: "PST-DLV-002" }, "no session"],
    ["turned away at STARTTLS", { phase: "starttls", tls: null, code: "PST-DLV-006" }, "no session"],
    ["broken off by us", { phase: "handshake", tls: null, code: "PST-DLV-033" }, "no session"],
    ["mail in the clear, nothing offered", { ...clear }, "starttls-not-supported"],
    ["nothing offered, and refused there", { ...clear, phase: "rcpt", code: "PST-DLV-017" }, "starttls-not-supported"],
    ["nothing offered below a floor", { ...clear, phase: "starttls", code: "PST-DLV-007" }, "starttls-not-supported"],
    ["STARTTLS put off", { phase: "starttls", tls: null, code: "PST-DLV-011" }, "starttls-not-supported"],
    [
      "STARTTLS refused, then the clear",
      { phase: "starttls", tls: null, code: "PST-DLV-012" },
      "starttls-not-supported",
    ],
    ["a handshake cut, then the clear", { phase: "handshake", tls: null, code: "PST-DLV-012" }, "validation-failure"],
    ["the one try in the clear behind it", { ...clear, starttlsOffered: true }, "no session"],
    ["a handshake that failed", { phase: "handshake", tls: null, code: "PST-DLV-008" }, "validation-failure"],
    ["a handshake without an end", { phase: "handshake", tls: null, code: "PST-DLV-003" }, "validation-failure"],
    ["bytes in the clear behind STARTTLS", { phase: "starttls", tls: null, code: "PST-DLV-010" }, "validation-failure"],
    ["a suite below the list", { phase: "verify", rung: "plain", code: "PST-DLV-008" }, "validation-failure"],
    [
      "an expired certificate, refused",
      { phase: "verify", code: "PST-DLV-009", tls: { ...TLS, chain: "CERT_HAS_EXPIRED" } },
      "certificate-expired",
    ],
    [
      "a certificate of a stranger, refused",
      { phase: "verify", code: "PST-DLV-009", tls: { ...TLS, chain: "SELF_SIGNED_CERT_IN_CHAIN", nameMatches: false } },
      "certificate-not-trusted",
    ],
    [
      "a certificate for another name, refused",
      { phase: "verify", code: "PST-DLV-009", tls: { ...TLS, nameMatches: false } },
      "certificate-host-mismatch",
    ],
    ["a DANE match", { dane: matched }, "success"],
    [
      "a DANE match on a suite below the list",
      { dane: matched, phase: "verify", code: "PST-DLV-041" },
      "validation-failure",
    ],
    [
      "TLSA of another key",
      { dane: refused("no record matches"), phase: "verify", code: "PST-DLV-039" },
      "certificate-not-trusted",
    ],
    [
      "TLSA, expired",
      { dane: refused("certificate not valid now"), phase: "verify", code: "PST-DLV-039" },
      "certificate-expired",
    ],
    [
      "TLSA, another name",
      { dane: refused("certificate for another name"), phase: "verify", code: "PST-DLV-039" },
      "certificate-host-mismatch",
    ],
    [
      "TLSA, STARTTLS stripped",
      { ...clear, dane: { state: "usable", matched: null, refused: null }, phase: "starttls", code: "PST-DLV-040" },
      "starttls-not-supported",
    ],
    [
      "TLSA, handshake cut",
      { tls: null, dane: { state: "usable", matched: null, refused: null }, phase: "handshake", code: "PST-DLV-041" },
      "validation-failure",
    ],
    ["TLSA of which none is usable", { dane: { state: "unusable" }, rung: "tls-unauthenticated" }, "tlsa-invalid"],
    [
      "an MTA-STS policy that is met",
      { sts: { mode: "enforce", id: "1", matched: true, verdict: "met" }, rung: "sts-enforce" },
      "success",
    ],
    [
      "a policy for testing, and a certificate for another name",
      { sts: TESTED, tls: { ...TLS, nameMatches: false } },
      "certificate-host-mismatch",
    ],
    [
      "a policy for testing, and a certificate of a stranger",
      { sts: TESTED, tls: { ...TLS, chain: "DEPTH_ZERO_SELF_SIGNED_CERT" } },
      "certificate-not-trusted",
    ],
    ["a policy for testing that does not name the host", { sts: { ...TESTED, matched: false } }, "validation-failure"],
    ["a policy, and a suite below the list", { sts: TESTED, rung: "plain" }, "validation-failure"],
    [
      "a policy, and an expired certificate",
      {
        sts: { ...TESTED, mode: "enforce" },
        phase: "verify",
        code: "PST-DLV-046",
        tls: { ...TLS, chain: "CERT_HAS_EXPIRED" },
      },
      "certificate-expired",
    ],
    [
      "a policy, STARTTLS stripped",
      { ...clear, sts: { ...TESTED, mode: "enforce", verdict: null }, phase: "starttls", code: "PST-DLV-047" },
      "starttls-not-supported",
    ],
    [
      "a policy, handshake cut",
      { tls: null, sts: { ...TESTED, mode: "enforce", verdict: null }, phase: "handshake", code: "PST-DLV-048" },
      "validation-failure",
    ],
  ])("%s", (_what, facts, expected) => {
    const daneOrNothing = facts.dane === undefined ? "no-policy-found" : "tlsa";
    const end = sessionEnd(attempt(facts), facts.sts === undefined ? daneOrNothing : "sts");
    expect(end === null ? "no session" : (end.failure ?? "success")).toBe(expected);
    expect(end?.failure === null || end === null || end.reason !== null || facts.code === undefined).toBe(true);
  });

  test("each code of deliver has its result, and in each phase an attempt that ended with it is one of the closed list", () => {
    expect(Object.keys(RESULT_OF_CODE).toSorted()).toEqual(Object.keys(deliverCodes).toSorted());
    for (const code of Object.keys(RESULT_OF_CODE) as DeliverCode[]) {
      const result = RESULT_OF_CODE[code];
      expect([...TLS_FAILURES, "none", "certificate"]).toContain(result);
      const ends = PHASES.flatMap((phase) =>
        [TLS, null].map((tls) => sessionEnd(attempt({ code, phase, tls }), "no-policy-found")),
      );
      for (const end of ends) expect([...TLS_FAILURES, null]).toContain(end?.failure ?? null);
      const proven = result === "certificate" ? "validation-failure" : result;
      const atGate = sessionEnd(attempt({ code, phase: "verify" }), "no-policy-found")?.failure ?? "none";
      expect([code, atGate]).toEqual([code, proven]);
    }
  });

  test("an error name that is none of OpenSSL's does not get into a report", () => {
    const tls = { ...TLS, chain: "jane.doe@clinic.test" };
    expect(sessionEnd(attempt({ phase: "verify", code: "PST-DLV-009", tls }), "no-policy-found")).toEqual({
      failure: "certificate-not-trusted",
      reason: "UNVERIFIED",
    });
  });
});

describe("the sessions of a delivery", () => {
  const usable: DaneState = {
    kind: "usable",
    records: [
      { usage: 3, selector: 1, matching: 1, data: new Uint8Array([2]) },
      { usage: 2, selector: 1, matching: 1, data: new Uint8Array([1]) },
    ],
    baseName: "mx.d.test",
    names: ["mx.d.test"],
  };
  const host = (name: string, dane: DaneState = { kind: "none" }, sts: HostSts = { kind: "none" }): MxHost => ({
    sts,
    name,
    preference: 10,
    addresses: { kind: "found", value: ["192.0.2.1"], security: "secure" },
    dane,
  });
  const route = (hosts: readonly MxHost[], via: "mx" | "smarthost" = "mx"): Extract<Route, { kind: "hosts" }> => ({
    kind: "hosts",
    hosts,
    via,
    security: "secure",
  });
  const deferred = (at: string | null): ReadonlyMap<never, Outcome> =>
    new Map([
      [
        "r" as never,
        {
          kind: "deferred",
          scope: "lane",
          status: "4.4.3",
          code: "PST-DSC-008",
          reply: null,
          host: at,
          unmet: null,
        } satisfies Outcome,
      ],
    ]);

  test("name the policy as it was published, the server and both addresses", () => {
    const report = { attempts: [attempt({ dane: matched })], outcomes: new Map() };
    expect(sessionsOf(report, route([host("mx.d.test", usable)]), null)).toEqual([
      {
        policy: { type: "tlsa", text: ["2 1 1 01", "3 1 1 02"], mxHosts: ["mx.d.test"] },
        failure: null,
        reason: null,
        mxHost: "mx.d.test",
        sendingIp: "198.51.100.7",
        receivingIp: "192.0.2.1",
      },
    ]);
  });

  test("where nothing is published are sessions without a policy", () => {
    const [session] = sessionsOf({ attempts: [attempt()], outcomes: new Map() }, route([host("mx.d.test")]), null);
    expect(session?.policy).toEqual({ type: "no-policy-found", text: [], mxHosts: [] });
  });

  test.each<readonly [string, readonly AttemptFacts[], string | null, readonly string[]]>([
    ["that was the last one", [], "a.test", ["a.test"]],
    ["before one that was dialled", [attempt({ host: "b.test" })], null, ["a.test"]],
    ["behind the one that took the mail", [], null, []],
  ])("count a host whose records nobody could look up: %s", (_what, attempts, at, names) => {
    const hosts = [host("a.test", { kind: "unavailable", code: "PST-DSC-008" }), host("b.test")];
    const sessions = sessionsOf({ attempts, outcomes: deferred(at) }, route(hosts), null);
    const failed = sessions.filter(({ failure }) => failure === "dnssec-invalid");
    expect(failed.map(({ mxHost }) => mxHost)).toEqual(names);
    for (const { policy, reason } of failed) expect([policy.type, reason]).toEqual(["tlsa", "PST-DSC-008"]);
  });

  test.each<readonly [string, DaneState, readonly string[]]>([
    ["no records", { kind: "none" }, ["dane-required"]],
    ["records of which none is usable", { kind: "unusable" }, ["dane-required"]],
    ["records nobody could look up", { kind: "unavailable", code: "PST-DSC-008" }, ["dnssec-invalid"]],
    ["records", usable, []],
  ])("count a host that was not dialled because our rule asks for DANE: %s", (_what, dane, failures) => {
    const rule: TlsRule = {
      of: "d.test",
      mxNames: null,
      isHostGiven: false,
      certificateName: null,
      ca: null,
      spkiPins: [],
      minVersion: null,
      requireDane: true,
    };
    const hosts = [{ ...host("a.test", dane), rule }];
    const sessions = sessionsOf({ attempts: [], outcomes: deferred("a.test") }, route(hosts), null);
    expect(sessions.map(({ failure }) => failure)).toEqual(failures);
    for (const { policy } of sessions) expect(policy).toEqual({ type: "tlsa", text: [], mxHosts: ["a.test"] });
  });

  test("with a smarthost are none of the recipient's domain", () => {
    expect(
      sessionsOf({ attempts: [attempt()], outcomes: new Map() }, route([host("mx.d.test")], "smarthost"), null),
    ).toEqual([]);
  });

  const policy: StsState = {
    kind: "enforce",
    id: "20261122",
    mx: ["*.d.test"],
    fetchedAt: 0,
    expiresAt: 86_400_000,
    failure: null,
  };
  const bound: HostSts = { kind: "enforce", id: "20261122", matches: true };
  const met = { mode: "enforce", id: "20261122", matched: true, verdict: "met" } as const;

  test("are held against DANE and MTA-STS both, each with its own result, where a host has both", () => {
    const facts = attempt({
      dane: matched,
      sts: { ...met, verdict: "broken" },
      tls: { ...TLS, chain: "CERT_HAS_EXPIRED" },
    });
    const sessions = sessionsOf(
      { attempts: [facts], outcomes: new Map() },
      route([host("mx.d.test", usable, bound)]),
      policy,
    );
    expect(sessions.map(({ policy: { type }, failure }) => [type, failure])).toEqual([
      ["tlsa", null],
      ["sts", "certificate-expired"],
    ]);
  });

  test("name the policy of MTA-STS line by line", () => {
    const facts = attempt({ sts: met });
    const hosts = [host("mx.d.test", { kind: "none" }, bound)];
    const [session] = sessionsOf({ attempts: [facts], outcomes: new Map() }, route(hosts), policy);
    expect(session).toMatchObject({
      policy: {
        type: "sts",
        text: ["version: STSv1", "mode: enforce", "mx: *.d.test", "max_age: 86400"],
        mxHosts: ["*.d.test"],
      },
      failure: null,
    });
  });

  test("with a domain whose policy could not be had are failures of just that", () => {
    const failure = { type: "sts-webpki-invalid", detail: "the certificate has expired" } as const;
    const none: StsState = { kind: "none", failure };
    const [session] = sessionsOf({ attempts: [attempt()], outcomes: new Map() }, route([host("mx.d.test")]), none);
    expect(session).toMatchObject({ policy: { type: "sts", text: [] }, failure: failure.type, reason: failure.detail });
  });

  test.each([
    ["names no host of DNS", false, ["a.test", "b.test"]],
    ["names another host of DNS", true, []],
  ])("count hosts that were not dialled where the policy %s", (_what, matches, names) => {
    const sts: HostSts = { ...bound, matches: false };
    const hosts = [host("a.test", { kind: "none" }, sts), host("b.test", { kind: "none" }, { ...sts, matches })];
    const sessions = sessionsOf({ attempts: [], outcomes: deferred("b.test") }, route(hosts), policy);
    expect(sessions.map(({ mxHost, failure, reason }) => [mxHost, failure, reason])).toEqual(
      names.map((name) => [name, "validation-failure", "PST-DLV-045"]),
    );
  });
});
