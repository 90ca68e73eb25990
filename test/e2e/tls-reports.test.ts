/**
 * TLS reports through the whole gateway: counted today, sent tomorrow to whom DNS names, by mail and by HTTPS, signed, once; also where
 * what they tell of stands in their own way; and never about themselves.
 */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { simpleParser } from "mailparser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Zone, ZoneEntry } from "../../src/cli/loopback/dns-server.ts";
import type { ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { ReportState } from "../../src/core/tls-results.ts";
import { readDomainDays } from "../../src/parts/tlsrpt/domain-days.ts";
import type { TlsReportJson } from "../../src/parts/tlsrpt/report.ts";
import { tlsaOf } from "../support/dane-rig.ts";
import { issueTestCertificates } from "../support/deliver-rig.ts";
import { quiet } from "../support/never-clear-run.ts";
import { mail, World } from "../support/world.ts";

const HOUR_MS = 3_600_000;
const NAMES = ["good", "broken", "web", "both", "silent", "malformed", "late", "clinic", "collector"] as const;
type Name = (typeof NAMES)[number];

let world: World;
let collector: Server;
let keys: string;
let publicKey = "";
const posted: { readonly path: string; readonly json: TlsReportJson }[] = [];
let isCollecting = true;
/** Reports that came before their day was over. */
let early = 0;
const never = new AbortController().signal;

beforeAll(async () => {
  keys = mkdtempSync(join(tmpdir(), "postern-tlsrpt-"));
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(join(keys, "dkim.pem"), pair.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  publicKey = pair.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  const { good, selfSigned } = await issueTestCertificates();
  const addressOf = (name: Name): string => `127.24.0.${NAMES.indexOf(name) + 1}`;
  const servers = NAMES.map((name): ServerDescription => ({
    name: `mx.${name}.test`,
    address: addressOf(name),
    certificate: "valid",
    shown: good,
  }));
  const zone: Zone = Object.fromEntries(
    NAMES.flatMap((name): (readonly [string, ZoneEntry])[] => [
      [`${name}.test`, { MX: [[10, `mx.${name}.test`]], authenticated: true }],
      [`mx.${name}.test`, { A: [addressOf(name)], authenticated: true }],
    ]),
  );
  world = await World.start({
    zone: { ...zone, "signed.test": { A: ["127.0.0.1"], authenticated: true } },
    servers,
    config: {
      dns: { trust_ad: "loopback", timeout_ms: 2_000, retries: 1, signed_name: "signed.test" },
      dkim: [{ domain: "clinic.test", selector: "gate", key: `file:${join(keys, "dkim.pem")}` }],
      tls_reports: { send: true, contact: "tls@clinic.test", organization: "Example Clinic" },
    },
  });
  const publish = (name: Name, pem: string): void => {
    const digest = Buffer.from(tlsaOf("3 1 1", pem).data).toString("hex");
    const at = `_${world.internet.port}._tcp.mx.${name}.test`;
    world.internet.dns.setRecord(at, { TLSA: [`3 1 1 ${digest}`], authenticated: true });
  };
  publish("broken", selfSigned.cert);
  publish("collector", good.cert);
  await startCollector();
  const web = `https://web.collector.test:${(collector.address() as AddressInfo).port}`;
  world.internet.dns.setRecord("web.collector.test", { A: ["127.0.0.1"] });
  ask("good", "mailto:reports@collector.test");
  ask("broken", "mailto:tls@broken.test");
  ask("web", `${web}/web`);
  ask("both", `mailto:two%2Bb@collector.test?subject=x,${web}/both,ftp://collector.test/no`);
  ask("malformed", "nobody");
  ask("late", `${web}/late`);
  ask("clinic", "mailto:tls@collector.test");
  // Who is reported to could report back: its own mail is counted, the reports are not.
  ask("collector", "mailto:reports@collector.test");
}, 60_000);
afterAll(async () => {
  collector.closeAllConnections();
  collector.close();
  await world.close();
  rmSync(keys, { recursive: true, force: true });
});

function ask(name: Name, rua: string): void {
  world.internet.dns.setRecord(`_smtp._tls.${name}.test`, { TXT: [`v=TLSRPTv1; rua=${rua}`] });
}

async function startCollector(): Promise<void> {
  const { certPem, keyPem } = await world.internet.issue("web.collector.test");
  collector = createServer({ key: keyPem, cert: certPem }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      const isTaken = path !== "/late" || isCollecting;
      const text = gunzipSync(Buffer.concat(chunks)).toString("utf8");
      if (isTaken) posted.push({ path, json: JSON.parse(text) as TlsReportJson });
      response.writeHead(isTaken ? 200 : 503).end();
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
}

async function send(name: Name): Promise<void> {
  const to = `someone@${name}.test`;
  const bytes = mail(["From: clerk@clinic.test", `To: ${to}`, "Subject: hello", "", "See you at noon."]);
  await world.accept({ mailFrom: "clerk@clinic.test", rcptTo: [to], bytes });
}

async function reportOf(name: Name): Promise<readonly (ReportState | null)[]> {
  const fact = await world.postern.store.domainFacts.get("tlsrpt", `${name}.test`);
  return readDomainDays(fact?.value).days.map(({ report }) => report);
}

/** The reports a server took, taken apart. */
async function reportsAt(name: Name) {
  const taken = world.server(`mx.${name}.test`).transactions.filter(({ bytes }) => bytes.includes("TLS-Report-Domain"));
  return Promise.all(
    taken.map(async ({ bytes, mailFrom, rcptTo }) => {
      const parsed = await simpleParser(bytes);
      const [file] = parsed.attachments;
      const json = JSON.parse(gunzipSync(file?.content ?? Buffer.alloc(0)).toString("utf8")) as TlsReportJson;
      return { bytes, mailFrom, rcptTo, parsed, json, about: parsed.headers.get("tls-report-domain") };
    }),
  );
}

/** To the next day, when all reports about this one are due. */
async function nextDay(): Promise<void> {
  const now = world.now();
  const midnight = Math.ceil((now + 1) / (24 * HOUR_MS)) * 24 * HOUR_MS;
  await world.postern.reportTls(never);
  world.advance(midnight + 5 * HOUR_MS - now);
  await world.postern.reportTls(never);
  await quiet(world);
}

describe("the day after one mail to each", () => {
  beforeAll(async () => {
    isCollecting = false;
    for (const name of NAMES) await send(name);
    await quiet(world);
    await world.postern.reportTls(never);
    early = posted.length;
    await nextDay();
  });

  test("a report by mail is there, from the null sender, signed with its own fields", async () => {
    const report = (await reportsAt("collector")).find(({ about }) => about === "good.test");
    expect(report).toMatchObject({ mailFrom: "", rcptTo: ["reports@collector.test"] });
    expect(report?.parsed.subject).toMatch(
      /^Report Domain: good\.test Submitter: clinic\.test Report-ID: <\S+@clinic\.test>$/,
    );
    expect(report?.parsed.from?.value.map(({ address }) => address)).toEqual(["postmaster@clinic.test"]);
    const resolver = async (): Promise<string[][]> => [[`v=DKIM1; k=rsa; p=${publicKey}`]];
    const { results } = await dkimVerify(report?.bytes ?? Buffer.alloc(0), { resolver });
    expect(results.map(({ signingDomain, status }) => [signingDomain, status.result])).toEqual([
      ["clinic.test", "pass"],
    ]);
    const signed = /h=([^;]+);/
      .exec(report?.bytes.toString("latin1") ?? "")?.[1]
      ?.replace(/\s/g, "")
      .toLowerCase()
      .split(":");
    expect(signed).toEqual(
      expect.arrayContaining(["tls-report-domain", "tls-report-submitter", "tls-required", "from", "subject"]),
    );
    expect(report?.json).toMatchObject({
      "organization-name": "Example Clinic",
      "contact-info": "tls@clinic.test",
      policies: [
        {
          policy: { "policy-type": "no-policy-found", "policy-domain": "good.test" },
          summary: { "total-successful-session-count": 1, "total-failure-session-count": 0 },
        },
      ],
    });
  });

  test("a domain whose servers break their records hears of it, although its own mail waits for just that", async () => {
    const [report] = await reportsAt("broken");
    expect(report?.json.policies).toMatchObject([
      {
        policy: { "policy-type": "tlsa", "mx-host": ["mx.broken.test"] },
        summary: { "total-successful-session-count": 0 },
        "failure-details": [{ "result-type": "certificate-not-trusted", "failure-reason-code": "no record matches" }],
      },
    ]);
    const others = world.server("mx.broken.test").transactions.filter(({ bytes }) => bytes.includes("See you at noon"));
    expect(others).toEqual([]);
  });

  test("nothing is sent while the day lasts", () => {
    expect(early).toBe(0);
  });

  test("by HTTPS it is posted, and to each place where there are several", async () => {
    const about = posted.map(({ path, json }) => `${path} ${json.policies[0]?.policy["policy-domain"]}`);
    expect(about.toSorted()).toEqual(["/both both.test", "/web web.test"]);
    const mailed = (await reportsAt("collector")).filter(({ about }) => about === "both.test");
    expect(mailed.map(({ rcptTo }) => rcptTo)).toEqual([["two+b@collector.test"]]);
    expect(mailed[0]?.json).toEqual(posted.find(({ path }) => path === "/both")?.json);
  });

  test("the audit tells of each report that left: as a message, or by HTTPS with its digest", async () => {
    const rows = await world.postern.store.auditPage(1, 10_000);
    const bodies = rows.filter(({ kind }) => kind === "tls_report").map(({ body }) => JSON.parse(body) as object);
    expect(bodies).toHaveLength(2);
    const row = { kind: "tls_report", host: "web.collector.test", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) };
    for (const body of bodies) expect(body).toMatchObject(row);
    const mailed = rows.filter(({ kind, body }) => kind === "accepted" && body.includes('"origin":"report"'));
    expect(mailed).toHaveLength(4);
  });

  test.each<readonly [Name, ReportState["state"]]>([
    ["good", "sent"],
    ["broken", "sent"],
    ["web", "sent"],
    ["both", "sent-in-part"],
    ["silent", "no-record"],
    ["malformed", "invalid-record"],
    ["late", "waiting"],
    ["clinic", "own-domain"],
  ])("what became of it is kept: %s, %s", async (name, state) => {
    expect((await reportOf(name)).map((report) => report?.state)).toEqual([state]);
  });

  test("nothing is sent twice, and who could not take it is asked again", async () => {
    const before = world.server("mx.collector.test").transactions.length;
    isCollecting = true;
    world.advance(HOUR_MS / 2);
    await world.postern.reportTls(never);
    await quiet(world);
    expect((await reportOf("late"))[0]).toMatchObject({ state: "sent", tries: 2 });
    await world.stopGateway();
    await world.startGateway();
    world.advance(HOUR_MS);
    await world.postern.reportTls(never);
    await quiet(world);
    expect(posted.map(({ path }) => path).toSorted()).toEqual(["/both", "/late", "/web"]);
    expect(world.server("mx.collector.test").transactions.length).toBe(before);
  });

  test("the reports themselves are counted nowhere: days later nobody has anything more to hear", async () => {
    const before = { mailed: (await reportsAt("collector")).length, posted: posted.length };
    // One mail went to collector.test, so that it was told of once.
    expect((await reportsAt("collector")).filter(({ about }) => about === "collector.test")).toHaveLength(1);
    for (let day = 0; day < 2; day++) await nextDay();
    const about = (await reportsAt("collector")).map((report) => report.about);
    expect([about.length, posted.length]).toEqual([before.mailed, before.posted]);
  });

  test("nobody is said to have fallen below what they proved, because a report goes without it", () => {
    expect(world.log.filter((line) => line.includes("PST-MON-027"))).toEqual([]);
    expect(world.postern.watching.alerts().filter(({ code }) => code === "PST-MON-027")).toEqual([]);
  });

  test("the log names no domain of a recipient", () => {
    const lines = world.log.filter((line) => line.includes('"tls_report'));
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.filter((line) => NAMES.some((name) => line.includes(`${name}.test`)))).toEqual([]);
  });
});
