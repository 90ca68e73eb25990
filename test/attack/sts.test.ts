/**
 * Somebody between this gateway and domains with an MTA-STS policy: hides the policy, forges the MX, strips, swaps. A policy once seen
 * binds until it expires, across a restart: nothing leaves, protected or not; the audit and an alert say why; what the domain itself
 * changes counts.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Zone, ZoneEntry } from "../../src/cli/loopback/dns-server.ts";
import type { ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { AttemptFacts } from "../../src/core/outcome.ts";
import { leaksIn } from "../support/canary.ts";
import { codesIn, protectedMail, quiet, standing } from "../support/never-clear-run.ts";
import { policyText, startPolicyHost } from "../support/policy-host.ts";
import type { PolicyHost } from "../support/policy-host.ts";
import { eventually, mail, World } from "../support/world.ts";

const MINUTE_MS = 60_000;

type Attack = {
  readonly name: string;
  readonly what: string;
  readonly begin: (attack: Attack) => void;
  readonly code: string;
};

const domainOf = ({ name }: { readonly name: string }): string => `${name}.test`;
const hostOf = ({ name }: { readonly name: string }): string => `mx.${name}.test`;
const strip = (attack: Attack): void => world.server(hostOf(attack)).setBehaviour({ starttls: "strip" });
const setText = (attack: Attack, entry: ZoneEntry | null): void =>
  world.internet.dns.setRecord(`_mta-sts.${domainOf(attack)}`, entry);

/** All of them against domains whose policy was seen before. */
const ATTACKS: readonly Attack[] = [
  {
    name: "dropped",
    what: "the TXT answer is dropped, and STARTTLS stripped",
    begin: (attack) => (setText(attack, { behaviour: "drop" }), strip(attack)),
    code: "PST-DLV-047",
  },
  {
    name: "nxdomain",
    what: "the TXT record is denied, and STARTTLS stripped",
    begin: (attack) => (setText(attack, null), strip(attack)),
    code: "PST-DLV-047",
  },
  {
    name: "servfail",
    what: "the TXT look-up fails, and STARTTLS is stripped",
    begin: (attack) => (setText(attack, { behaviour: "servfail" }), strip(attack)),
    code: "PST-DLV-047",
  },
  {
    name: "stalled",
    what: "another id is forged while the policy host is kept silent, and STARTTLS is stripped",
    begin: (attack) => {
      setText(attack, { TXT: ["v=STSv1; id=forged;"] });
      policies.serve(domainOf(attack), { way: "silent" });
      strip(attack);
    },
    code: "PST-DLV-047",
  },
  {
    name: "impostor",
    what: "another id is forged, and a policy host without a valid certificate says none",
    begin: (attack) => {
      publish(domainOf(attack), "forged", { mode: "none", mx: [] });
      policies.show(domainOf(attack), "stranger");
      strip(attack);
    },
    code: "PST-DLV-047",
  },
  {
    name: "forged",
    what: "the MX is forged, to a server with a certificate of its own, and the TXT record denied",
    begin: (attack) => {
      setText(attack, null);
      world.internet.dns.setRecord(domainOf(attack), { MX: [[10, EVIL]] });
    },
    code: "PST-DLV-045",
  },
  {
    name: "swapped",
    what: "the address is forged, and the server there has a certificate of another name",
    begin: (attack) => world.internet.dns.setRecord(hostOf(attack), { A: [EVIL_ADDRESS] }),
    code: "PST-DLV-046",
  },
  {
    name: "postponed",
    what: "STARTTLS is answered with 454",
    begin: (attack) =>
      world.server(hostOf(attack)).setBehaviour({ faults: { starttls: { kind: "reply", text: "454 4.7.0 later" } } }),
    code: "PST-DLV-047",
  },
  {
    name: "cut",
    what: "the handshake is cut",
    begin: (attack) => world.server(hostOf(attack)).setBehaviour({ faults: { handshake: { kind: "drop-before" } } }),
    code: "PST-DLV-048",
  },
];

const EVIL = "mx.evil.test";
const EVIL_ADDRESS = "127.22.1.66";
const SHARED = { name: "shared" };
const OWN = ["released", "testing", "late", "crowd"].map((name) => ({ name }));
const SERVERS = [...ATTACKS, SHARED, ...OWN];

let world: World;
let policies: PolicyHost;
let folder: string;

type Published = { readonly mode: string; readonly mx: readonly string[] };

function publish(domain: string, id: string, { mode, mx }: Published): void {
  world.internet.dns.setRecord(`_mta-sts.${domain}`, { TXT: [`v=STSv1; id=${id};`] });
  world.internet.dns.setRecord(`mta-sts.${domain}`, { A: ["127.0.0.1"] });
  policies.serve(domain, { body: policyText(mode, mx) });
}

beforeAll(async () => {
  policies = await startPolicyHost();
  folder = mkdtempSync(join(tmpdir(), "postern-policies-"));
  writeFileSync(join(folder, "ca.pem"), policies.ca);
  const zone: Zone = {
    ...Object.fromEntries(SERVERS.map((one) => [domainOf(one), { MX: [[10, hostOf(one)]] }] as const)),
    ...Object.fromEntries(["one", "two", "three"].map((n) => [`${n}.test`, { MX: [[10, hostOf(SHARED)]] }] as const)),
  };
  const servers = SERVERS.map((one, index): ServerDescription => ({
    name: hostOf(one),
    address: `127.22.0.${index + 1}`,
    certificate: one.name === "testing" ? "wrong-name" : "valid",
  }));
  world = await World.start({
    zone,
    servers: [...servers, { name: EVIL, address: EVIL_ADDRESS, certificate: "valid" }],
    config: {
      dns: { timeout_ms: 500, retries: 1 },
      policy: { phi: "strict" },
      mta_sts: { port: policies.port, ca_file: join(folder, "ca.pem") },
    },
  });
}, 60_000);
afterAll(async () => {
  await world.close();
  await policies.close();
  rmSync(folder, { recursive: true, force: true });
});

function phiTo(domain: string): Promise<string> {
  const to = `canary-phi@${domain}`;
  const bytes = protectedMail("phi", { canary: "canary-phi", sender: "nurse@clinic.test", recipient: to });
  return world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [to], bytes });
}

function cleanTo(domain: string): Promise<string> {
  const to = `canary-clean@${domain}`;
  const bytes = mail(["From: clerk@clinic.test", `To: ${to}`, "Subject: canary-clean", "", "See you at noon."]);
  return world.accept({ mailFrom: "clerk@clinic.test", rcptTo: [to], bytes });
}

async function attemptsOf(id: string): Promise<readonly AttemptFacts[]> {
  const rows = await world.audit(id);
  return rows.flatMap(({ event }) => (event.kind === "attempt" ? [event.attempt] : []));
}

function wordsOf({ sts }: AttemptFacts): string {
  if (sts === undefined || sts.mode === "none") return "none";
  return [sts.mode, sts.id, sts.matched ? "named" : "not named", sts.verdict].join(" ");
}

const taken = (name: string): number => world.server(name).transactions.length;
/** A kept connection was proven when it was made, and serves on: over once the gateway has said goodbye. */
const hungUp = (name: string): Promise<true> =>
  eventually(async () => (world.server(name).verbs.some(({ verb }) => verb === "QUIT") ? true : null));
/** The answer about a TXT record is believed for five minutes. */
const passTextTime = (): void => world.advance(6 * MINUTE_MS);

describe("a policy in mode enforce that was seen before", () => {
  type Sent = { readonly phi: string; readonly clean: string };
  const sent = new Map<string, Sent>();
  const restarted = new Map<string, Sent>();
  const before: string[] = [];
  const seenIn = (attempt: AttemptFacts): string => `${attempt.rung} ${wordsOf(attempt)}`;
  const seenBefore = new Map<string, number>();
  const toAll = async (into: Map<string, Sent>): Promise<void> => {
    for (const attack of ATTACKS) {
      const domain = domainOf(attack);
      into.set(attack.name, { phi: await phiTo(domain), clean: await cleanTo(domain) });
    }
    await quiet(world);
  };

  beforeAll(async () => {
    for (const attack of ATTACKS) publish(domainOf(attack), "a1", { mode: "enforce", mx: [hostOf(attack)] });
    const first = await Promise.all(ATTACKS.map((attack) => phiTo(domainOf(attack))));
    await quiet(world);
    for (const id of first)
      before.push(`${await standing(world, id)} ${(await attemptsOf(id)).map(seenIn).join(", ")}`);
    await Promise.all(ATTACKS.map((attack) => hungUp(hostOf(attack))));
    passTextTime();
    for (const attack of ATTACKS) {
      attack.begin(attack);
      seenBefore.set(attack.name, taken(hostOf(attack)));
    }
    await toAll(sent);
    // Ten seconds of silence are enough; from here on it is a host that refuses.
    policies.serve("stalled.test", null);
    await world.stopGateway();
    await world.startGateway();
    passTextTime();
    await toAll(restarted);
  }, 120_000);

  test("carries protected mail under the strictest floor while nobody stands in between", () => {
    expect(new Set(before)).toEqual(new Set(["delivered - sts-enforce enforce a1 named met"]));
    expect(before).toHaveLength(ATTACKS.length);
  });

  describe.each(ATTACKS)("$what", ({ name, code }) => {
    test.each<["at once" | "after a restart", Map<string, Sent>]>([
      ["at once", sent],
      ["after a restart", restarted],
    ])("neither protected nor ordinary mail leaves, and the audit says why: %s", async (_when, mails) => {
      const { phi, clean } = mails.get(name) ?? { phi: "", clean: "" };
      for (const id of [phi, clean]) {
        expect(codesIn(await world.audit(id))).toContain(code);
        expect(await standing(world, id)).toBe(`deferred ${code}`);
        const seen = (await attemptsOf(id)).map((attempt) => `${attempt.code} ${wordsOf(attempt)}`);
        // A host the policy does not name is not even dialled.
        expect([...new Set(seen)]).toEqual(code === "PST-DLV-045" ? [] : [`${code} enforce a1 named broken`]);
      }
      const { allSeen } = world.server(hostOf({ name }));
      expect(leaksIn(allSeen, ["canary-clean"])).toEqual([]);
      expect(taken(hostOf({ name }))).toBe(seenBefore.get(name));
      expect(leaksIn(world.server(EVIL).allSeen, ["canary", "MAIL FROM"])).toEqual([]);
    });

    test("an alert names the server", async () => {
      const host = name === "forged" ? EVIL : hostOf({ name });
      const count = await eventually(async () => {
        const rows = await world.postern.store.auditPage(1, 10_000);
        const alerts = rows.filter(({ kind, body }) => kind === "alert" && body.includes(code) && body.includes(host));
        return alerts.length > 0 ? alerts.length : null;
      });
      expect(count).toBeGreaterThan(0);
    });
  });

  test("time does not weaken it; what is over lets the mail go", async () => {
    for (const minutes of [31, 31]) {
      world.advance(minutes * MINUTE_MS);
      await quiet(world);
    }
    for (const attack of ATTACKS) {
      const { clean = "" } = sent.get(attack.name) ?? {};
      expect([attack.name, await standing(world, clean)]).toEqual([
        attack.name,
        expect.stringMatching(new RegExp(`^deferred (${attack.code}|PST-DLV-028)$`)),
      ]);
      expect([attack.name, taken(hostOf(attack))]).toEqual([attack.name, seenBefore.get(attack.name)]);
    }
    for (const attack of ATTACKS) {
      world.server(hostOf(attack)).setBehaviour({});
      world.internet.dns.setRecord(domainOf(attack), { MX: [[10, hostOf(attack)]] });
      world.internet.dns.setRecord(hostOf(attack), { A: [`127.22.0.${SERVERS.indexOf(attack) + 1}`] });
    }
    world.advance(5 * 60 * MINUTE_MS);
    await quiet(world);
    for (const { name } of ATTACKS) {
      expect([name, await standing(world, sent.get(name)?.clean ?? "")]).toEqual([name, "delivered -"]);
    }
  }, 60_000);
});

test("two domains with one mail server have verdicts of their own, however its connections are kept", async () => {
  publish("one.test", "1", { mode: "enforce", mx: [hostOf(SHARED)] });
  publish("two.test", "2", { mode: "enforce", mx: ["mx.elsewhere.test"] });
  const ends: string[] = [];
  for (const domain of ["one.test", "two.test", "three.test", "one.test", "two.test"]) {
    const id = await cleanTo(domain);
    await quiet(world);
    const [attempt] = await attemptsOf(id);
    ends.push(`${domain} ${await standing(world, id)} ${attempt?.rung ?? "not dialled"}`);
  }
  expect(ends).toEqual([
    "one.test delivered - sts-enforce",
    "two.test deferred PST-DLV-045 not dialled",
    "three.test delivered - pkix",
    "one.test delivered - sts-enforce",
    "two.test deferred PST-DLV-045 not dialled",
  ]);
});

test("another id is fetched, and a policy of mode none releases the domain", async () => {
  const [domain, host] = ["released.test", "mx.released.test"];
  publish(domain, "1", { mode: "enforce", mx: [host] });
  await cleanTo(domain);
  await quiet(world);
  await hungUp(host);
  world.server(host).setBehaviour({ starttls: "strip" });
  passTextTime();
  const bound = await cleanTo(domain);
  await quiet(world);
  expect(await standing(world, bound)).toBe("deferred PST-DLV-047");
  publish(domain, "2", { mode: "none", mx: [] });
  passTextTime();
  const free = await cleanTo(domain);
  await quiet(world);
  expect(await standing(world, free)).toBe("delivered -");
  expect(await attemptsOf(free)).toMatchObject([{ rung: "plain", sts: { mode: "none" } }]);
});

test("a policy in mode testing neither blocks ordinary mail nor carries protected mail, and the audit says that it was broken", async () => {
  publish("testing.test", "1", { mode: "testing", mx: ["mx.testing.test"] });
  const [clean, phi] = [await cleanTo("testing.test"), await phiTo("testing.test")];
  await quiet(world);
  expect(await standing(world, clean)).toBe("delivered -");
  expect(await standing(world, phi)).toMatch(/^held /);
  for (const id of [clean, phi]) {
    expect(await attemptsOf(id)).toMatchObject([
      { rung: "tls-unauthenticated", sts: { mode: "testing", id: "1", matched: true, verdict: "broken" } },
    ]);
  }
});

test("a policy host that is silent delays the first mail to a domain by its deadline and no longer; many mails fetch once", async () => {
  publish("late.test", "1", { mode: "enforce", mx: ["mx.late.test"] });
  policies.serve("late.test", { way: "silent" });
  publish("crowd.test", "1", { mode: "enforce", mx: ["mx.crowd.test"] });
  const begun = performance.now();
  const late = await cleanTo("late.test");
  const crowd = await Promise.all(Array.from({ length: 12 }, () => cleanTo("crowd.test")));
  await world.settled(late, ["delivered"]);
  expect(performance.now() - begun).toBeLessThan(14_000);
  await quiet(world);
  for (const id of crowd) expect(await attemptsOf(id)).toMatchObject([{ rung: "sts-enforce" }]);
  const asked = (domain: string): number => policies.asked.filter((name) => name === `mta-sts.${domain}`).length;
  expect([asked("crowd.test"), asked("late.test")]).toEqual([1, 1]);
  expect(await attemptsOf(late)).toMatchObject([{ rung: "pkix", sts: { mode: "none" } }]);
}, 30_000);
