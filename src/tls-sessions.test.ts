import { beforeEach, describe, expect, test } from "vitest";
import { mailbox, makeRequest, ManualClock } from "../test/support/deliver-rig.ts";
import { TroubledTlsFacts } from "../test/support/tlsrpt-facts.ts";
import type { Capabilities, MxHost } from "./core/capabilities.ts";
import type { Log } from "./core/log.ts";
import type { AttemptFacts } from "./core/outcome.ts";
import type { Deliver, DeliveryReport } from "./core/stages.ts";
import { SessionBook } from "./parts/tlsrpt/session-book.ts";
import { totalsOf } from "./parts/tlsrpt/domain-days.ts";
import { TlsSessions } from "./tls-sessions.ts";

const HOST: MxHost = {
  name: "mx.hospital.test",
  preference: 10,
  addresses: { kind: "found", value: ["192.0.2.1"], security: "insecure" },
  dane: { kind: "none" },
  sts: { kind: "none" },
};
const CLEAR: AttemptFacts = {
  host: HOST.name,
  address: "192.0.2.1",
  port: 25,
  phase: "done",
  starttlsOffered: false,
  tls: null,
  rung: "plain",
  reused: false,
  code: null,
  replyCode: 250,
  enhanced: null,
  startedAt: 0,
  durationMs: 1,
};

let facts: TroubledTlsFacts;
let sessions: TlsSessions;
let lines: (readonly [event: string, fields: object])[];
const clock = new ManualClock();

beforeEach(() => {
  facts = new TroubledTlsFacts();
  lines = [];
  const say: Log["warn"] = (event, fields = {}) => void lines.push([event, fields]);
  const log: Log = { debug() {}, info() {}, warn: say, error: say };
  sessions = new TlsSessions({ facts, clock, log, lookAt: () => null });
});

const ending =
  (attempts: readonly AttemptFacts[]): Deliver =>
  () =>
    Promise.resolve({ attempts, outcomes: new Map(), destination: { kind: "unknown" } });

async function deliverOnce(
  attempts: readonly AttemptFacts[] = [CLEAR],
  domain = "hospital.test",
): Promise<DeliveryReport> {
  return sessions.deliver(ending(attempts))(makeRequest({ hosts: [HOST], domain }));
}

const failed = (domain = "hospital.test"): number =>
  facts
    .daysOf(domain)
    .flatMap(({ policies }) => policies)
    .reduce((sum, counts) => sum + totalsOf(counts).failed, 0);

describe("what was counted", () => {
  test("is written with the next duty, and what came later is added", async () => {
    await deliverOnce();
    expect(facts.puts).toBe(0);
    await sessions.write();
    await deliverOnce();
    await deliverOnce();
    await sessions.write();
    expect(failed()).toBe(3);
    expect([...sessions.totals]).toEqual([["starttls-not-supported", 3]]);
  });

  test("a disk that takes nothing loses none of it, and it comes again", async () => {
    await deliverOnce();
    facts.failsToWrite = true;
    await expect(sessions.write()).rejects.toThrow("sick disk");
    await deliverOnce();
    facts.failsToWrite = false;
    await sessions.write();
    expect(failed()).toBe(2);
  });

  test("a disk that cannot be read does not make the counts of before disappear", async () => {
    await deliverOnce();
    await sessions.write();
    await deliverOnce();
    facts.failsToRead = new Error("sick disk");
    await expect(sessions.write()).rejects.toThrow("sick disk");
    facts.failsToRead = null;
    await sessions.write();
    expect(failed()).toBe(2);
  });

  test("what was sealed under a key that is gone begins anew", async () => {
    await deliverOnce();
    await sessions.write();
    await deliverOnce();
    facts.failsToRead = Object.assign(new Error("sealed"), { code: "PST-SPL-061" });
    await sessions.write();
    facts.failsToRead = null;
    expect(failed()).toBe(1);
  });

  test("many domains are written in portions, each whole", async () => {
    for (let n = 0; n < 250; n++) await deliverOnce([CLEAR], `d${n}.test`);
    await sessions.write();
    expect(facts.puts).toBe(3);
    expect([failed("d0.test"), failed("d249.test")]).toEqual([1, 1]);
  });
});

describe("a delivery", () => {
  test("ends as it ended, whatever counting thinks of it", async () => {
    const broken = {
      ...CLEAR,
      get phase(): never {
        throw new TypeError("not as expected");
      },
    } as AttemptFacts;
    expect((await deliverOnce([broken])).attempts).toEqual([broken]);
    expect(lines).toEqual([["tls_sessions_uncounted", { code: "PST-RPT-002", error: "TypeError" }]]);
  });

  test("of a report is not counted, and not held to what the domain publishes", async () => {
    const asked: MxHost = { ...HOST, dane: { kind: "unusable" }, sts: { kind: "enforce", id: "1", matches: false } };
    const hosts: MxHost[] = [];
    const deliver: Deliver = (request) => {
      hosts.push(...request.route.hosts);
      return ending([CLEAR])(request);
    };
    await sessions.deliver(deliver)({ ...makeRequest({ hosts: [asked] }), origin: "report" });
    await sessions.write();
    expect(hosts).toEqual([{ ...asked, dane: { kind: "none" }, sts: { kind: "none" } }]);
    expect(facts.puts).toBe(0);
    await sessions.deliver(deliver)({ ...makeRequest({ hosts: [asked] }), origin: "dsn" });
    expect(hosts[1]).toBe(asked);
  });

  test("is held against the policy that was found last for its domain", async () => {
    const found = (mx: string): Capabilities => ({
      domain: "hospital.test",
      route: { kind: "no-such-domain" },
      sts: { kind: "testing", id: "1", mx: [mx], fetchedAt: 0, expiresAt: 86_400_000, failure: null },
      smime: { kind: "absent" },
      openpgp: { kind: "absent" },
      portal: { kind: "absent" },
      proven: { kind: "absent" },
    });
    const { recipient } = makeRequest({ hosts: [HOST] }).recipients[0];
    for (const mx of ["old.test", "mx.hospital.test"]) {
      await sessions.discover(() => Promise.resolve(found(mx)))(recipient.mailbox);
    }
    const host: MxHost = { ...HOST, sts: { kind: "testing", id: "1", matches: true } };
    await sessions.deliver(ending([CLEAR]))(makeRequest({ hosts: [host] }));
    await sessions.write();
    expect(facts.daysOf("hospital.test")[0]?.policies.map(({ policy }) => policy)).toEqual([
      {
        type: "sts",
        text: ["version: STSv1", "mode: testing", "mx: mx.hospital.test", "max_age: 86400"],
        mxHosts: ["mx.hospital.test"],
      },
    ]);
  });
});

describe("a policy of thousands of servers", () => {
  const names = Array.from({ length: 7_000 }, (_, n) => `m${n}.hospital.test`);
  const policy = { kind: "enforce", id: "1", mx: names, fetchedAt: 0, expiresAt: 60_000, failure: null } as const;

  test("is counted in short, and not kept in memory beyond that", async () => {
    const route = { kind: "hosts", hosts: [HOST], via: "mx", security: "insecure" } as const;
    const absent = { kind: "absent" } as const;
    const others = { smime: absent, openpgp: absent, proven: absent, portal: absent };
    const found = { domain: "hospital.test", route, sts: policy, ...others } satisfies Capabilities;
    await sessions.discover(() => Promise.resolve(found))(mailbox("a@hospital.test"));
    const host: MxHost = { ...HOST, sts: { kind: "enforce", id: "1", matches: true } };
    await sessions.deliver(ending([CLEAR]))(makeRequest({ hosts: [host], domain: "hospital.test" }));
    await sessions.write();
    const [counts] = facts.daysOf("hospital.test").flatMap(({ policies }) => policies);
    expect(counts?.policy.mxHosts).toEqual(names.slice(0, 24));
  });

  test("fills the book no faster than its rows are long", () => {
    const book = new SessionBook();
    const text = Array.from({ length: 1_000 }, (_, n) => "x".repeat(100) + String(n));
    const end = { failure: "validation-failure", reason: null, sendingIp: null, receivingIp: null } as const;
    for (let n = 0; n < 300; n += 1) {
      book.add("hospital.test", 0, { ...end, policy: { type: "sts", text, mxHosts: [] }, mxHost: `m${n}.test` });
    }
    const { counts, leftOut } = book.take();
    expect(counts[0]?.rows.length).toBeLessThan(200);
    expect(leftOut).toBe(300 - (counts[0]?.rows.length ?? 0));
  });
});
