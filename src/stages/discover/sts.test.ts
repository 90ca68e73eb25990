/** What holds for a domain, asked of DNS and policy hosts on loopback, with a memory that outlives the service and may be sick. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PATIENCE, StsRig } from "../../../test/support/sts-rig.ts";
import type { Misbehaviour } from "../../cli/loopback/dns-server.ts";
import type { Capabilities } from "../../core/capabilities.ts";
import { destinationRule, NO_RULES } from "../../../test/support/rules.ts";
import { createDiscover } from "./discover.ts";
import { DISCOVER_DEFAULTS } from "./options.ts";
import type { DiscoverOptions } from "./options.ts";
import type { StsOptions } from "./sts.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const D = "d.test";
const MX = "mx.d.test";

let rig: StsRig;
const started: StsRig[] = [];

async function rigWith(options: Partial<StsOptions> = {}): Promise<StsRig> {
  rig = await StsRig.start({ [D]: { MX: [[10, MX]] }, [MX]: { A: ["192.0.2.1"] } }, options);
  started.push(rig);
  return rig;
}
beforeEach(async () => {
  await rigWith();
});
afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

const kindOf = async (domain = D): Promise<string> => (await rig.policies.policyOf(domain)).kind;
const later = (ms: number): void => {
  rig.clock.timeMs += ms;
};

/** Learns a policy in mode enforce, and lets the time of the TXT answer pass. */
async function held(mx = [MX], id = "a1"): Promise<void> {
  rig.publish(D, id, { mx });
  expect(await kindOf()).toBe("enforce");
  await rig.policies.close();
  later(6 * MINUTE_MS);
}

describe("a domain seen for the first time", () => {
  test("is asked for its record and its policy once, however many mails wait", async () => {
    rig.publish(D, "a1", { mx: [MX, "*.d.test"], maxAge: 3600 });
    const states = await Promise.all(Array.from({ length: 50 }, () => rig.policies.policyOf(D)));
    const now = rig.clock.timeMs;
    for (const state of states) {
      const times = { fetchedAt: now, expiresAt: now + HOUR_MS };
      expect(state).toEqual({ kind: "enforce", id: "a1", mx: [MX, "*.d.test"], ...times, failure: null });
    }
    expect([rig.facts.gets, rig.questions(`_mta-sts.${D}`), rig.fetches(D)]).toEqual([1, 1, 1]);
    await kindOf();
    expect([rig.questions(`_mta-sts.${D}`), rig.fetches(D)]).toEqual([1, 1]);
  });

  test("without a record has no policy, and is asked again some minutes later", async () => {
    expect(await kindOf()).toBe("none");
    rig.publish(D, "a1", { mx: [MX] });
    expect(await kindOf()).toBe("none");
    later(5 * MINUTE_MS);
    expect(await kindOf()).toBe("enforce");
    expect(rig.facts.stored.size).toBe(1);
  });

  test("of which DNS says nothing is unknown, and is asked again soon", async () => {
    rig.publish(D, "a1", { mx: [MX] });
    rig.dns.setRecord(`_mta-sts.${D}`, { behaviour: "servfail" });
    expect(await kindOf()).toBe("unknown");
    expect(rig.fetches(D)).toBe(0);
    rig.publish(D, "a1", { mx: [MX] });
    later(MINUTE_MS);
    expect(await kindOf()).toBe("enforce");
  });

  test("whose policy host is silent keeps nobody waiting beyond its time, and is left alone for five minutes", async () => {
    rig.publish(D, "a1", { mx: [MX] });
    rig.host.serve(D, { way: "silent" });
    const begun = performance.now();
    const states = await Promise.all([rig.policies.policyOf(D), rig.policies.policyOf(D)]);
    expect(performance.now() - begun).toBeLessThan(PATIENCE.foregroundMs + 1_000);
    for (const state of states)
      expect(state).toMatchObject({ kind: "none", failure: { type: "sts-policy-fetch-error" } });
    expect(rig.fetches(D)).toBe(1);
    later(4 * MINUTE_MS);
    await kindOf();
    expect(rig.fetches(D)).toBe(1);
    rig.publish(D, "a1", { mx: [MX] });
    later(2 * MINUTE_MS);
    expect(await kindOf()).toBe("enforce");
  });
});

describe("a policy that is held", () => {
  const TROUBLES: readonly [what: string, trouble: () => void][] = [
    ...(["servfail", "drop", "nxdomain", "bogus", "refused", "garbage"] as const).map(
      (behaviour: Misbehaviour) =>
        [`TXT: ${behaviour}`, () => rig.dns.setRecord(`_mta-sts.${D}`, { behaviour })] as [string, () => void],
    ),
    ["TXT: taken away", () => rig.dns.setRecord(`_mta-sts.${D}`, null)],
    ["TXT: two records", () => rig.dns.setRecord(`_mta-sts.${D}`, { TXT: ["v=STSv1; id=a1;", "v=STSv1; id=a2;"] })],
    ["TXT: forged, and the policy host has no address", () => newId(() => rig.dns.setRecord(`mta-sts.${D}`, null))],
    ["TXT: forged, and the policy host is silent", () => newId(() => rig.host.serve(D, { way: "silent" }))],
    ["TXT: forged, and the policy host answers 404", () => newId(() => rig.host.serve(D, null))],
    ["TXT: forged, and the policy is none", () => newId(() => rig.host.serve(D, { body: "<html>" }))],
    ["TXT: forged, and the certificate is a stranger's", () => newId(() => rig.host.show(D, "stranger"))],
  ];
  function newId(then: () => void): void {
    rig.publish(D, "forged", { mode: "none", mx: [] });
    then();
  }

  test.each(TROUBLES)("outlives: %s", async (_what, trouble) => {
    await held();
    trouble();
    expect(await rig.policies.policyOf(D)).toMatchObject({ kind: "enforce", id: "a1", mx: [MX] });
    await rig.restart();
    later(6 * MINUTE_MS);
    expect(await rig.policies.policyOf(D)).toMatchObject({ kind: "enforce", id: "a1", mx: [MX] });
  });

  test("is replaced when DNS has another id, also by one that protects nothing", async () => {
    await held();
    rig.publish(D, "a2", { mode: "testing", mx: ["new.test"] });
    expect(await rig.policies.policyOf(D)).toMatchObject({ kind: "testing", id: "a2", mx: ["new.test"] });
    later(6 * MINUTE_MS);
    rig.publish(D, "a3", { mode: "none", mx: [] });
    expect(await kindOf()).toBe("none");
    await rig.restart();
    expect(await kindOf()).toBe("none");
    expect(rig.fetches(D)).toBe(3);
  });

  test("is not fetched again under the same id, until it expires; then nothing but a fetch renews it", async () => {
    rig.publish(D, "a1", { mx: [MX], maxAge: 7200 });
    for (let n = 0; n < 10; n += 1) {
      expect(await kindOf()).toBe("enforce");
      later(11 * MINUTE_MS);
    }
    expect(rig.fetches(D)).toBe(1);
    later(15 * MINUTE_MS);
    rig.host.serve(D, { status: 500 });
    expect(await rig.policies.policyOf(D)).toMatchObject({ kind: "none", failure: { type: "sts-policy-fetch-error" } });
    rig.publish(D, "a1", { mx: [MX] });
    later(6 * MINUTE_MS);
    expect(await kindOf()).toBe("enforce");
  });

  test("stays in force in memory while the disk takes nothing, and is written when it does again", async () => {
    rig.facts.failsToWrite = true;
    rig.facts.failsToRead = false;
    await held();
    rig.facts.failsToRead = true;
    rig.dns.setRecord(`_mta-sts.${D}`, { behaviour: "nxdomain" });
    expect(await kindOf()).toBe("enforce");
    expect(rig.facts.stored.size).toBe(0);
    rig.facts.failsToRead = false;
    rig.facts.failsToWrite = false;
    await rig.policies.renewDue(new AbortController().signal);
    await rig.restart();
    expect(await kindOf()).toBe("enforce");
  });

  test("that cannot be read from the disk is not taken for none", async () => {
    await held();
    await rig.restart();
    rig.facts.failsToRead = true;
    expect(await rig.policies.policyOf(D)).toEqual({ kind: "unavailable", code: "PST-DSC-015" });
    rig.facts.failsToRead = false;
    expect(await kindOf()).toBe("enforce");
    await rig.restart();
    const stored = rig.facts.stored.get(D);
    if (stored === undefined) throw new Error("nothing is stored");
    rig.facts.stored.set(D, { ...stored, value: { version: 1, held: "garbage" } });
    expect(await kindOf()).toBe("unavailable");
    rig.host.serve(D, null);
    expect((await rig.policies.renew(D)).state.kind).toBe("unavailable");
    rig.publish(D, "a1", { mx: [MX] });
    expect((await rig.policies.renew(D)).state.kind).toBe("enforce");
    expect(await kindOf()).toBe("enforce");
  });

  test("may leave memory, and is found again on disk", async () => {
    await rigWith({ domainsMax: 2 });
    await held();
    for (const other of ["one.test", "two.test", "three.test"]) await kindOf(other);
    rig.dns.setRecord(`_mta-sts.${D}`, { behaviour: "nxdomain" });
    expect(await kindOf()).toBe("enforce");
  });

  test("leaves memory last while the disk does not take it", async () => {
    await rigWith({ domainsMax: 2 });
    rig.facts.failsToWrite = true;
    await held();
    for (const other of ["one.test", "two.test", "three.test"]) await kindOf(other);
    rig.dns.setRecord(`_mta-sts.${D}`, { behaviour: "nxdomain" });
    expect(await kindOf()).toBe("enforce");
  });
});

describe("renewal beside the mail", () => {
  const round = (): Promise<void> => rig.policies.renewDue(new AbortController().signal);

  test("fetches each policy once a day, whether mail asks for it or not", async () => {
    await held();
    await round();
    expect(rig.fetches(D)).toBe(1);
    for (let day = 0; day < 3; day += 1) {
      later(DAY_MS);
      await round();
      await rig.policies.close();
    }
    expect(rig.fetches(D)).toBe(4);
    // Seven days old by its first fetch, and in force by its last one.
    later(5 * DAY_MS);
    rig.dns.setRecord(`_mta-sts.${D}`, { behaviour: "drop" });
    expect(await kindOf()).toBe("enforce");
  });

  test("goes on while DNS does not answer for the record, and leaves a policy whose record is gone to its end", async () => {
    await held();
    rig.dns.setRecord(`_mta-sts.${D}`, { behaviour: "servfail" });
    later(DAY_MS);
    await round();
    expect(rig.fetches(D)).toBe(2);
    rig.dns.setRecord(`_mta-sts.${D}`, null);
    later(DAY_MS);
    await round();
    expect(rig.fetches(D)).toBe(2);
    later(5 * DAY_MS);
    expect(await kindOf()).toBe("enforce");
    later(2 * DAY_MS);
    expect(await kindOf()).toBe("none");
  });

  test("that fails is tried again with pauses; from half its life on somebody is told", async () => {
    await held();
    rig.host.serve(D, null);
    const hours = async (count: number): Promise<void> => {
      for (let hour = 0; hour < count; hour += 1) {
        later(HOUR_MS + MINUTE_MS);
        await round();
      }
    };
    await hours(80);
    expect(rig.alerts).toEqual([]);
    await hours(64);
    expect(new Set(rig.alerts.map((alert) => JSON.stringify(alert)))).toEqual(
      new Set([JSON.stringify({ code: "PST-DSC-016", facts: { domain: D } })]),
    );
    expect(await kindOf()).toBe("enforce");
  });

  test("is bounded in a round, and a policy nobody uses is forgotten after 180 days", async () => {
    await rigWith({ renewalsMax: 1 });
    for (const domain of ["a.test", "b.test"]) {
      rig.publish(domain, "1", { mx: ["mx.test"] });
      await kindOf(domain);
    }
    await rig.policies.close();
    later(DAY_MS);
    await round();
    expect(rig.fetches("a.test") + rig.fetches("b.test")).toBe(3);
    expect([...rig.facts.stored.values()].map(({ forgetAt }) => forgetAt - rig.clock.timeMs)).toEqual([
      179 * DAY_MS,
      179 * DAY_MS,
    ]);
    await kindOf("a.test");
    await rig.policies.close();
    expect(rig.facts.stored.get("a.test")?.forgetAt).toBe(rig.clock.timeMs + 180 * DAY_MS);
  });

  test("that takes its time keeps no mail waiting beyond its own", async () => {
    await held();
    rig.publish(D, "a2", { mx: [MX] });
    rig.host.serve(D, { way: "silent" });
    later(DAY_MS);
    const slow = round();
    const begun = performance.now();
    expect(await kindOf()).toBe("enforce");
    expect(performance.now() - begun).toBeLessThan(PATIENCE.foregroundMs + 1_000);
    await slow;
    expect(rig.fetches(D)).toBe(2);
  });
});

describe("discovery under a policy", () => {
  function discovered(
    domain = D,
    options: Partial<DiscoverOptions> = {},
    rules: Partial<typeof NO_RULES> = {},
  ): Promise<Capabilities> {
    const deps = {
      resolver: rig.resolver,
      sts: rig.policies,
      ...NO_RULES,
      ...rules,
      chance: () => 0,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    };
    const discover = createDiscover({ ...DISCOVER_DEFAULTS, ...options }, deps);
    return discover({ address: `p@${domain}`, localPart: "p", domain, isUtf8: false });
  }
  const asked = ({ route }: Capabilities): unknown =>
    route.kind === "hosts" ? route.hosts.map(({ name, sts }) => [name, sts]) : route.kind;

  test("each mail server says whether the policy names it", async () => {
    rig.dns.setRecord(D, {
      MX: [
        [10, MX],
        [20, "other.test"],
      ],
    });
    rig.dns.setRecord("other.test", { A: ["192.0.2.2"] });
    rig.publish(D, "a1", { mx: ["*.d.test"] });
    const found = await discovered();
    expect(found.sts).toMatchObject({ kind: "enforce", id: "a1" });
    expect(asked(found)).toEqual([
      [MX, { kind: "enforce", id: "a1", matches: true }],
      ["other.test", { kind: "enforce", id: "a1", matches: false }],
    ]);
    expect(rig.fetches(D)).toBe(1);
  });

  test("a policy the operator ignores is not asked for, until the last day of that is over", async () => {
    rig.dns.setRecord(D, { MX: [[10, MX]] });
    rig.publish(D, "a1", { mx: ["other.test"] });
    const ignoring = destinationRule(D, { ignoreSts: { reason: "agreed in writing", expiresAt: 1000 } });
    const at = (time: number) => ({ policy: () => ({ destinations: [ignoring] }), clock: { now: () => time } });
    const found = await discovered(D, {}, at(999));
    expect([found.sts, asked(found)]).toEqual([{ kind: "none", failure: null }, [[MX, { kind: "none" }]]]);
    expect(rig.fetches(D)).toBe(0);
    expect(asked(await discovered(D, {}, at(1000)))).toEqual([[MX, { kind: "enforce", id: "a1", matches: false }]]);
  });

  test("a domain without MX is its own mail server, and its policy has to name it", async () => {
    rig.dns.setRecord(D, { A: ["192.0.2.1"] });
    rig.publish(D, "a1", { mode: "testing", mx: ["D.test."] });
    expect(asked(await discovered())).toEqual([[D, { kind: "testing", id: "a1", matches: true }]]);
  });

  test("mail servers that changed without another id: the policy is fetched again, once in five minutes", async () => {
    await held(["old.test"]);
    rig.publish(D, "a1", { mx: [MX] });
    const [first] = await Promise.all([discovered(), discovered()]);
    expect(asked(first)).toEqual([[MX, { kind: "enforce", id: "a1", matches: true }]]);
    expect(rig.fetches(D)).toBe(2);
    rig.dns.setRecord(D, { MX: [[10, "forged.test"]] });
    rig.dns.setRecord("forged.test", { A: ["192.0.2.66"] });
    const forged = [["forged.test", { kind: "enforce", id: "a1", matches: false }]];
    expect(asked(await discovered())).toEqual(forged);
    expect(rig.fetches(D)).toBe(2);
    later(5 * MINUTE_MS);
    for (let n = 0; n < 3; n += 1) expect(asked(await discovered())).toEqual(forged);
    expect(rig.fetches(D)).toBe(3);
    rig.host.serve(D, null);
    later(5 * MINUTE_MS);
    for (let n = 0; n < 3; n += 1) expect(asked(await discovered())).toEqual(forged);
    expect(rig.fetches(D)).toBe(4);
  });

  test("while what is remembered cannot be read, no host of the domain is to be used", async () => {
    await held();
    await rig.restart();
    rig.facts.failsToRead = true;
    expect(asked(await discovered())).toEqual([[MX, { kind: "unavailable", code: "PST-DSC-015" }]]);
  });

  test.each<[what: string, domain: string, options: Partial<DiscoverOptions>]>([
    ["a smarthost", D, { smarthosts: [{ domains: null, host: "192.0.2.9", port: 25 }] }],
    ["an address literal", "[192.0.2.9]", {}],
  ])("%s is under no policy, and nothing is asked", async (_what, domain, options) => {
    rig.publish(D, "a1", { mx: ["elsewhere.test"] });
    const found = await discovered(domain, options);
    expect(found.sts).toEqual({ kind: "none", failure: null });
    expect(asked(found)).toEqual([[expect.any(String), { kind: "none" }]]);
    expect(rig.dns.queries.filter(({ type }) => type === "TXT")).toEqual([]);
  });
});
