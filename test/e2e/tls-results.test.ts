/** The counters of TLS sessions through the whole gateway: DANE kept and broken, no policy, no TLS; restarts and days; what operators see. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Zone, ZoneEntry } from "../../src/cli/loopback/dns-server.ts";
import type { ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { FailureRow } from "../../src/core/tls-results.ts";
import { runCli } from "../support/child-gateway.ts";
import { tlsaOf } from "../support/dane-rig.ts";
import { issueTestCertificates } from "../support/deliver-rig.ts";
import { policyText, startPolicyHost } from "../support/policy-host.ts";
import type { PolicyHost } from "../support/policy-host.ts";
import { quiet } from "../support/never-clear-run.ts";
import { mail, World } from "../support/world.ts";

const DAY_MS = 86_400_000;
const NAMES = [
  "match",
  "mismatch",
  "unusable",
  "silent",
  "policyless",
  "clear",
  "enforced",
  "tested",
  "lost",
  "dual",
] as const;
type Name = (typeof NAMES)[number];

let world: World;
let policies: PolicyHost;
let folder: string;

type Row = {
  readonly day: string;
  readonly domain: string;
  readonly policy: { readonly type: string; readonly text: readonly string[]; readonly mxHosts: readonly string[] };
  readonly succeeded: number;
  readonly failed: number;
  readonly failures: readonly FailureRow[];
};

beforeAll(async () => {
  const { good, selfSigned } = await issueTestCertificates();
  const addressOf = (name: Name): string => `127.23.0.${NAMES.indexOf(name) + 1}`;
  const servers = NAMES.map((name): ServerDescription => ({
    name: `mx.${name}.test`,
    address: addressOf(name),
    certificate: name === "clear" ? "none" : "valid",
    ...(name !== "clear" && name !== "enforced" && { shown: good }),
  }));
  const zone: Zone = Object.fromEntries(
    NAMES.flatMap((name): (readonly [string, ZoneEntry])[] => [
      [`${name}.test`, { MX: [[10, `mx.${name}.test`]], authenticated: true }],
      [`mx.${name}.test`, { A: [addressOf(name)], authenticated: true }],
    ]),
  );
  folder = mkdtempSync(join(tmpdir(), "postern-tls-results-"));
  policies = await startPolicyHost();
  writeFileSync(join(folder, "ca.pem"), policies.ca);
  const mtaSts = { port: policies.port, ca_file: join(folder, "ca.pem") };
  const config = { mta_sts: mtaSts, dns: { trust_ad: "loopback", timeout_ms: 2_000, retries: 1 } };
  world = await World.start({ zone, servers, config });
  const record = (pem: string): string => `3 1 1 ${Buffer.from(tlsaOf("3 1 1", pem).data).toString("hex")}`;
  const publish = (name: Name, entry: ZoneEntry): void =>
    world.internet.dns.setRecord(`_${world.internet.port}._tcp.mx.${name}.test`, { authenticated: true, ...entry });
  publish("match", { TLSA: [record(good.cert)] });
  publish("mismatch", { TLSA: [record(selfSigned.cert)] });
  publish("unusable", { TLSA: ["0 0 1 22"] });
  publish("dual", { TLSA: [record(good.cert)] });
  for (const [name, mode] of [
    ["enforced", "enforce"],
    ["tested", "testing"],
    ["lost", null],
    ["dual", "enforce"],
  ] as const) {
    world.internet.dns.setRecord(`_mta-sts.${name}.test`, { TXT: ["v=STSv1; id=1;"] });
    world.internet.dns.setRecord(`mta-sts.${name}.test`, { A: ["127.0.0.1"] });
    if (mode !== null) policies.serve(`${name}.test`, { body: policyText(mode, [`*.${name}.test`], 86_400) });
  }
  publish("silent", { TLSA: [record(good.cert)], behaviour: "servfail" });
}, 60_000);
afterAll(async () => {
  await world.close();
  await policies.close();
  rmSync(folder, { recursive: true, force: true });
});

async function send(name: Name): Promise<void> {
  const to = `someone@${name}.test`;
  const bytes = mail(["From: clerk@clinic.test", `To: ${to}`, "Subject: hello", "", "See you at noon."]);
  await world.accept({ mailFrom: "clerk@clinic.test", rcptTo: [to], bytes });
}

async function results(...args: readonly string[]): Promise<readonly Row[]> {
  const { code, output } = await runCli(["tls", "results", "--json", "--config", world.configPath, ...args]);
  expect(code).toBe(0);
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

/** A session goes on for the next mail only while it is kept, which a busy machine may make too short: the server counts what was new. */
const sessionsWith = (name: Name): number => world.internet.servers.get(`mx.${name}.test`)?.connections ?? 0;

describe("after one mail to each and a restart", () => {
  let rows: readonly Row[] = [];
  let matched = 0;
  beforeAll(async () => {
    for (const name of NAMES) await send(name);
    await quiet(world);
    await send("match");
    await quiet(world);
    await world.stopGateway();
    rows = await results();
    matched = sessionsWith("match");
  });
  const of = (name: Name): Row | undefined => rows.find(({ domain }) => domain === `${name}.test`);

  test.each<readonly [Name, string, number, number, readonly (readonly [string, string | null])[]]>([
    ["mismatch", "tlsa", 0, 1, [["certificate-not-trusted", "no record matches"]]],
    ["unusable", "tlsa", 0, 1, [["tlsa-invalid", "no usable record"]]],
    ["silent", "tlsa", 0, 1, [["dnssec-invalid", "PST-DSC-008"]]],
    ["policyless", "no-policy-found", 1, 0, []],
    ["clear", "no-policy-found", 0, 1, [["starttls-not-supported", null]]],
    ["enforced", "sts", 1, 0, []],
    ["tested", "sts", 0, 1, [["certificate-not-trusted", expect.stringMatching(/^[A-Z_]+$/)]]],
    ["lost", "sts", 0, 1, [["sts-policy-fetch-error", expect.stringContaining("404")]]],
  ])("%s: %s, %d good, %d failed", (name, type, succeeded, failed, why) => {
    const row = of(name);
    expect(row).toMatchObject({ policy: { type }, succeeded, failed });
    expect(row?.failures.map(({ failure, reason }) => [failure, reason])).toEqual(why);
  });

  test("a session is counted once, however many mails it carries", () => {
    expect(world.internet.servers.get("mx.match.test")?.transactions).toHaveLength(2);
    expect(matched).toBeGreaterThan(0);
    expect(of("match")).toMatchObject({ policy: { type: "tlsa" }, succeeded: matched, failed: 0 });
  });

  test("a server under DANE and MTA-STS is held against both, and the policy is told line by line", () => {
    const both = rows.filter(({ domain }) => domain === "dual.test");
    expect(both.map(({ policy, succeeded, failures }) => [policy.type, succeeded, failures[0]?.failure])).toEqual(
      expect.arrayContaining([
        ["tlsa", 1, undefined],
        ["sts", 0, "certificate-not-trusted"],
      ]),
    );
    expect(of("enforced")?.policy).toEqual({
      type: "sts",
      text: ["version: STSv1", "mode: enforce", "mx: *.enforced.test", "max_age: 86400"],
      mxHosts: ["*.enforced.test"],
    });
  });

  test("a failure names the server and both ends, and a policy its records", () => {
    expect(of("mismatch")?.failures).toMatchObject([
      { mxHost: "mx.mismatch.test", receivingIp: "127.23.0.2", sendingIp: expect.stringMatching(/^127\./), count: 1 },
    ]);
    expect(of("match")?.policy).toEqual({
      type: "tlsa",
      text: [expect.stringMatching(/^3 1 1 [0-9a-f]{64}$/)],
      mxHosts: ["mx.match.test"],
    });
  });

  test("people see a table, and can ask for failures, a day and a domain alone", async () => {
    const { output } = await runCli(["tls", "results", "--failed", "--config", world.configPath]);
    expect(output).toMatch(/^DAY +DOMAIN +POLICY +GOOD +FAILED +WHY +REPORT$/m);
    expect(output).toMatch(/mismatch\.test +tlsa +0 +1 +certificate-not-trusted 1/);
    expect(output).not.toMatch(/ match\.test|policyless/);
    expect((await results("clear.test")).map(({ domain }) => domain)).toEqual(["clear.test"]);
    expect(await results("--day", "2020-01-01")).toEqual([]);
    expect((await runCli(["tls", "results", "--day", "today", "--config", world.configPath])).code).toBe(2);
  });

  test("the next life goes on counting, and another day has its own counts", async () => {
    await world.startGateway();
    await send("match");
    await quiet(world);
    await world.stopGateway();
    expect((await results("match.test")).map(({ succeeded }) => succeeded)).toEqual([matched + 1]);
    await world.startGateway();
    world.advance(DAY_MS);
    await send("match");
    await quiet(world);
    await world.stopGateway();
    const both = await results("match.test");
    expect(both.map(({ succeeded }) => succeeded)).toEqual([1, matched + 1]);
    expect(new Set(both.map(({ day }) => day)).size).toBe(2);
  });

  test("the report of a day over can be read before anything is sent", async () => {
    const asked = ["tls", "results", "match.test", "--preview", "--config", world.configPath];
    const [, first] = await results("match.test");
    const { code, output } = await runCli([...asked, "--day", first?.day ?? ""]);
    expect(code).toBe(0);
    expect(JSON.parse(output.slice(output.indexOf("{")))).toMatchObject({
      "organization-name": "clinic.test",
      "contact-info": "postmaster@clinic.test",
      "date-range": { "start-datetime": `${first?.day}T00:00:00Z`, "end-datetime": `${first?.day}T23:59:59Z` },
      policies: [
        {
          policy: { "policy-type": "tlsa", "policy-domain": "match.test", "mx-host": ["mx.match.test"] },
          summary: { "total-successful-session-count": matched + 1, "total-failure-session-count": 0 },
        },
      ],
    });
    const none = await runCli(["tls", "results", "nobody.test", "--preview", "--config", world.configPath]);
    expect([none.code, none.output]).toEqual([1, expect.stringContaining("Next: ")]);
  });
});
