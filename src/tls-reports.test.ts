/** What becomes of reports where DNS, the other side or our own disk do not do as they should; the rest is test/e2e/tls-reports.test.ts. */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../test/support/deliver-rig.ts";
import { TroubledTlsFacts } from "../test/support/tlsrpt-facts.ts";
import { startLoopbackDns } from "./cli/loopback/dns-server.ts";
import type { LoopbackDns, ZoneEntry } from "./cli/loopback/dns-server.ts";
import type { MessageId } from "./core/ids.ts";
import type { Log } from "./core/log.ts";
import type { Submission } from "./core/submission.ts";
import type { ReportState } from "./core/tls-results.ts";
import { createResolver } from "./parts/dns/dns.ts";
import { addCounts, NO_DAYS } from "./parts/tlsrpt/domain-days.ts";
import { lookAt, sendAt } from "./parts/tlsrpt/send-times.ts";
import { TlsReports } from "./tls-reports.ts";
import { TlsSessions } from "./tls-sessions.ts";

const DAY = "2026-11-22";
const GATEWAY = "gateway.clinic.test";
const KEY = { gateway: GATEWAY, domain: "d.test" };
const HOUR_MS = 3_600_000;
const never = new AbortController().signal;

let dns: LoopbackDns;
let facts: TroubledTlsFacts;
let sessions: TlsSessions;
let reports: TlsReports;
let submitted: Submission[];
let refusesMail: boolean;
let lines: (readonly [event: string, fields: Readonly<Record<string, unknown>>])[];
const clock = new ManualClock();

beforeEach(async () => {
  dns = await startLoopbackDns({ "d.test": {} });
  facts = new TroubledTlsFacts();
  [submitted, refusesMail, lines] = [[], false, []];
  const say: Log["info"] = (event, fields = {}) => void lines.push([event, fields]);
  const log: Log = { debug() {}, info: say, warn: say, error: say };
  const servers = { servers: [dns.address], timeoutMs: 150, retries: 0, inFlightMax: 8, trustAd: "never" } as const;
  sessions = new TlsSessions({
    facts,
    clock,
    log,
    lookAt: (domain, days) => lookAt(days, { gateway: GATEWAY, domain }),
  });
  const stored = { body: { locator: "x", sizeBytes: 1, wrappedKey: "" }, sha256: "", mime: {} as never };
  const ownPost = {
    openIntake: () => ({ write: async () => {}, finish: async () => stored, abort: async () => {} }),
    newMessageId: () => "01ARZ3NDEKTSV4RRFFQ69G5FAV" as MessageId,
    submit: async (submission: Submission) => {
      if (refusesMail) throw new Error("full");
      submitted.push(submission);
    },
  };
  const from = {
    organization: "Clinic",
    contact: "tls@clinic.test",
    submitter: "clinic.test",
    hostname: GATEWAY,
    instanceId: "p1",
    isPublic: () => true,
  };
  const options = {
    from,
    postmaster: "postmaster@clinic.test",
    ownDomains: ["clinic.test"],
    post: { timeoutMs: 200, ca: null },
    mayDial: () => false,
  };
  const resolver = createResolver(servers, { randomBytes, log });
  reports = new TlsReports(options, { facts, sessions, resolver, ownPost, record: async () => {}, clock, log });
  await count();
  clock.timeMs = sendAt(DAY, KEY);
});
afterEach(() => dns.close());

async function count(day = DAY): Promise<void> {
  const session = { policy: { type: "no-policy-found", text: [], mxHosts: [] }, failure: null, reason: null } as const;
  const row = { ...session, mxHost: "mx.d.test", sendingIp: null, receivingIp: null, count: 1 };
  await sessions.change("d.test", (days) => addCounts(days, day, [row]));
}

function ask(entry: ZoneEntry | string): void {
  dns.setRecord("_smtp._tls.d.test", typeof entry === "string" ? { TXT: [`v=TLSRPTv1; rua=${entry}`] } : entry);
}

const report = (): ReportState | null => facts.daysOf("d.test").find(({ day }) => day === DAY)?.report ?? null;
const sentTo = (): readonly string[] =>
  submitted.flatMap(({ recipients }) => recipients.map((one) => one.mailbox.address));

test("before its time a report does not go, and looking asks DNS for nothing", async () => {
  ask("mailto:a@d.test");
  clock.timeMs -= 1;
  await reports.look(never);
  expect([report(), submitted, dns.queries]).toEqual([null, [], []]);
  clock.timeMs += 1;
  await reports.look(never);
  expect([report()?.state, sentTo()]).toEqual(["sent", ["a@d.test"]]);
});

test.each<readonly [string, ZoneEntry]>([
  ["silent", { TXT: ["v=TLSRPTv1; rua=mailto:a@d.test"], behaviour: "drop" }],
  ["failing", { behaviour: "servfail" }],
  ["forged", { behaviour: "bogus" }],
])(
  "DNS that is %s is asked again, for a day, and then it is given up",
  async (_what, entry) => {
    ask(entry);
    await reports.look(never);
    expect(report()).toMatchObject({ state: "waiting", tries: 1, nextAt: clock.timeMs + HOUR_MS / 4 });
    for (let quarter = 0; quarter < 30 * 4; quarter++) {
      clock.timeMs += HOUR_MS / 4;
      await reports.look(never);
    }
    expect(report()).toMatchObject({ state: "given-up", nextAt: null });
    expect(clock.timeMs - (report()?.at ?? 0)).toBeGreaterThan(5 * HOUR_MS);
    expect(lines.filter(([, { code }]) => code === "PST-RPT-003")).toHaveLength(1);
  },
  30_000,
);

test("who was away for longer than a day sends nothing old", async () => {
  ask("mailto:a@d.test");
  clock.timeMs += 25 * HOUR_MS;
  await reports.look(never);
  expect([report()?.state, submitted, dns.queries]).toEqual(["given-up", [], []]);
});

describe("of the places a domain names", () => {
  test.each<readonly [string, readonly string[], ReportState["state"]]>([
    ["mailto:a@d.test", ["a@d.test"], "sent"],
    ["MAILTO:a@d.test?subject=hello", ["a@d.test"], "sent"],
    ["mailto:a%40b%2Bc@d.test", [], "given-up"],
    ["mailto:a%2Bc@d.test", ["a+c@d.test"], "sent"],
    ["mailto:a@d.test%0D%0ABcc:x@y.test", [], "given-up"],
    ["mailto:%zz@d.test", [], "given-up"],
    ["mailto:a@d.test!10m", [], "given-up"],
    ["ftp://d.test/x", [], "given-up"],
    ["http://d.test/x", [], "given-up"],
    ["mailto:a@d.test,ftp://d.test/x", ["a@d.test"], "sent-in-part"],
    ["mailto:a@d.test,mailto:a@d.test", ["a@d.test"], "sent"],
    [
      [1, 2, 3, 4, 5, 6, 7].map((n) => `mailto:a${n}@d.test`).join(),
      ["a1", "a2", "a3", "a4", "a5"].map((a) => `${a}@d.test`),
      "sent",
    ],
  ])("%s: to %j, %s", async (rua, to, state) => {
    ask(rua);
    await reports.look(never);
    expect([sentTo(), report()?.state]).toEqual([to, state]);
    for (const { origin, envelope, recipients } of submitted) {
      expect([origin, envelope.sender, recipients[0]?.notify]).toEqual(["report", null, ["never"]]);
    }
  });

  test("one inside is not dialled", async () => {
    dns.setRecord("collector.test", { A: ["10.0.0.1"] });
    ask("https://collector.test/");
    await reports.look(never);
    expect(report()).toMatchObject({ state: "given-up", targets: [{ outcome: "refused", why: "an address inside" }] });
  });
});

test("a queue that takes nothing is tried again, and who has it already is left alone", async () => {
  ask("mailto:a@d.test,mailto:b@d.test");
  refusesMail = true;
  await reports.look(never);
  expect(report()).toMatchObject({ state: "waiting", targets: [{ outcome: "failed" }, { outcome: "failed" }] });
  refusesMail = false;
  clock.timeMs += HOUR_MS / 4;
  await reports.look(never);
  clock.timeMs += HOUR_MS;
  await reports.look(never);
  expect([sentTo(), report()?.state, report()?.tries]).toEqual([["a@d.test", "b@d.test"], "sent", 2]);
});

test("while one place cannot be reached, the other does not get its report again", async () => {
  ask("mailto:a@d.test,https://nowhere.test/");
  for (let tries = 0; tries < 3; tries++) {
    await reports.look(never);
    clock.timeMs += HOUR_MS;
  }
  expect([sentTo(), report()?.tries]).toEqual([["a@d.test"], 3]);
  clock.timeMs += 24 * HOUR_MS;
  await reports.look(never);
  expect([sentTo(), report()?.state]).toEqual([["a@d.test"], "sent-in-part"]);
});

test("a disk that does not take what became of it is told of, and ends nothing", async () => {
  ask({});
  facts.failsToWrite = true;
  await reports.look(never);
  expect(lines).toContainEqual(["tls_report_failed", { code: "PST-RPT-004", error: "Error" }]);
  facts.failsToWrite = false;
  await reports.look(never);
  expect(report()?.state).toBe("no-record");
});

test("our own domain hears nothing", async () => {
  const own = facts.stored.get("d.test");
  if (own !== undefined) facts.stored.set("clinic.test", { ...own, domain: "clinic.test", lookAt: 0 });
  clock.timeMs += 5 * HOUR_MS;
  await reports.look(never);
  expect(facts.daysOf("clinic.test")[0]?.report?.state).toBe("own-domain");
});

test("what cannot be read, or was planned under another name, does not stand in the way for ever", async () => {
  const value = { version: 9 };
  facts.stored.set("odd.test", { domain: "odd.test", value, lookAt: 0, forgetAt: clock.timeMs + HOUR_MS });
  facts.stored.set("early.test", {
    domain: "early.test",
    value: facts.stored.get("d.test")?.value,
    lookAt: 0,
    forgetAt: 0,
  });
  clock.timeMs = sendAt(DAY, KEY) - 10 * HOUR_MS;
  await reports.look(never);
  expect(facts.stored.get("odd.test")).toMatchObject({ value: NO_DAYS, lookAt: null });
  expect(facts.stored.get("early.test")?.lookAt).toBe(sendAt(DAY, { gateway: GATEWAY, domain: "early.test" }));
});
