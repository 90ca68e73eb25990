/**
 * Somebody between this gateway and mail servers that publish TLSA records: strips, swaps, staples, and silences DNS. Nothing leaves,
 * protected or not, in the clear or under TLS; the audit and an alert say why; and mail goes once it is over.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MxBehaviour } from "../../src/cli/loopback/mx-behaviour.ts";
import type { MxTls } from "../../src/cli/loopback/mx-server.ts";
import type { Zone, ZoneEntry } from "../../src/cli/loopback/dns-server.ts";
import type { ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { AttemptFacts } from "../../src/core/outcome.ts";
import { leaksIn } from "../support/canary.ts";
import { recordText } from "../support/dane-rig.ts";
import { issueTestCertificates } from "../support/deliver-rig.ts";
import type { TestCertificates } from "../support/deliver-rig.ts";
import { codesIn, protectedMail, quiet, standing } from "../support/never-clear-run.ts";
import { eventually, mail, World } from "../support/world.ts";

const MINUTE_MS = 60_000;

type Attack = {
  readonly name: string;
  readonly what: string;
  /** In place of what the server would show; a certificate valid by PKIX otherwise. */
  readonly shown?: (certificates: TestCertificates) => Pick<MxTls, "key" | "cert">;
  readonly tls?: ServerDescription["tls"];
  readonly behaviour?: MxBehaviour;
  /** What DNS holds, of `good` unless said. */
  readonly record?: (certificates: TestCertificates) => string;
  readonly dns?: keyof typeof TOLD;
  readonly code: string;
  readonly refused?: AttemptFacts["dane"];
};

const NO_MATCH = { state: "usable", matched: null, refused: "no record matches" } as const;
const UNSEEN = { state: "usable", matched: null, refused: null } as const;

const ATTACKS: readonly Attack[] = [
  {
    name: "stripped",
    what: "STARTTLS is stripped from EHLO",
    behaviour: { starttls: "strip" },
    code: "PST-DLV-040",
    refused: UNSEEN,
  },
  {
    name: "postponed",
    what: "STARTTLS is answered with 454",
    behaviour: { faults: { starttls: { kind: "reply", text: "454 4.7.0 TLS not available" } } },
    code: "PST-DLV-040",
    refused: UNSEEN,
  },
  {
    name: "cut",
    what: "the handshake is cut",
    behaviour: { faults: { handshake: { kind: "drop-before" } } },
    code: "PST-DLV-041",
    refused: UNSEEN,
  },
  {
    name: "downgraded",
    what: "only TLS 1.1 is let through",
    tls: { minVersion: "TLSv1.1", maxVersion: "TLSv1.1" },
    code: "PST-DLV-041",
    refused: UNSEEN,
  },
  {
    name: "injected",
    what: "a reply is injected behind the 220",
    behaviour: { injectAfterStarttls: "250 injected" },
    code: "PST-DLV-010",
    refused: UNSEEN,
  },
  {
    name: "swapped",
    what: "the certificate is swapped for one that every CA store takes",
    code: "PST-DLV-039",
    refused: NO_MATCH,
  },
  {
    name: "stapled",
    what: "the authority of the record is sent beside a certificate it did not issue",
    shown: ({ selfSigned, ca }) => ({ key: selfSigned.key, cert: `${selfSigned.cert}\n${ca}` }),
    record: ({ ca }) => recordText("2 0 1", ca),
    code: "PST-DLV-039",
    refused: NO_MATCH,
  },
  { name: "silenced", what: "the TLSA look-up gets no answer", dns: "drop", code: "PST-DSC-008" },
  { name: "servfail", what: "the TLSA look-up fails", dns: "servfail", code: "PST-DSC-008" },
  { name: "forged", what: "the TLSA answer is forged", dns: "bogus", code: "PST-DSC-009" },
];

const domainOf = ({ name }: Pick<Attack, "name">): string => `${name}.test`;
const hostOf = ({ name }: Pick<Attack, "name">): string => `mx.${name}.test`;
const HONEST = { name: "honest" };

let world: World;
let certificates: TestCertificates;

/** Everything signed; TLSA records come once the port is known. */
function zoneOf(addresses: ReadonlyMap<string, string>): Zone {
  return Object.fromEntries(
    [...ATTACKS, HONEST].flatMap((one): (readonly [string, ZoneEntry])[] => [
      [domainOf(one), { MX: [[10, hostOf(one)]], authenticated: true }],
      [hostOf(one), { A: [addresses.get(one.name) ?? ""], authenticated: true }],
    ]),
  );
}

function publish(name: string, entry: ZoneEntry): void {
  world.internet.dns.setRecord(`_${world.internet.port}._tcp.mx.${name}.test`, { authenticated: true, ...entry });
}

beforeAll(async () => {
  certificates = await issueTestCertificates();
  const all = [...ATTACKS, HONEST];
  const addresses = new Map(all.map(({ name }, index) => [name, `127.21.0.${index + 1}`]));
  const servers = all.map((one: Partial<Attack> & { readonly name: string }): ServerDescription => {
    const { tls, behaviour, shown, name } = one;
    const address = addresses.get(name) ?? "";
    const own = name === HONEST.name ? certificates.good : shown?.(certificates);
    return {
      name: hostOf(one),
      address,
      certificate: "valid",
      ...(tls !== undefined && { tls }),
      ...(behaviour !== undefined && { behaviour }),
      ...(own !== undefined && { shown: own }),
    };
  });
  world = await World.start({
    zone: zoneOf(addresses),
    servers,
    config: { dns: { trust_ad: "loopback", timeout_ms: 200, retries: 0 }, policy: { phi: "strict" } },
  });
  for (const { name, record, dns } of ATTACKS) {
    const tlsa = record?.(certificates) ?? recordText("3 1 1", certificates.good.cert);
    publish(name, { TLSA: [tlsa], ...(dns !== undefined && { behaviour: dns }) });
  }
  publish(HONEST.name, { TLSA: [recordText("3 1 1", certificates.good.cert)] });
}, 60_000);
afterAll(() => world.close());

function phiTo(name: string): Promise<string> {
  const to = `canary-phi@${name}.test`;
  const bytes = protectedMail("phi", { canary: "canary-phi", sender: "nurse@clinic.test", recipient: to });
  return world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [to], bytes });
}

function cleanTo(name: string): Promise<string> {
  const to = `canary-clean@${name}.test`;
  const bytes = mail(["From: clerk@clinic.test", `To: ${to}`, "Subject: canary-clean", "", "See you at noon."]);
  return world.accept({ mailFrom: "clerk@clinic.test", rcptTo: [to], bytes });
}

async function attemptsOf(id: string): Promise<readonly AttemptFacts[]> {
  const rows = await world.audit(id);
  return rows.flatMap(({ event }) => (event.kind === "attempt" ? [event.attempt] : []));
}

/** What came of the question, as an auditor reads it. */
const TOLD = {
  drop: "timeout",
  servfail: "SERVFAIL",
  bogus: "DNSSEC validation failed (extended error 6)",
} as const;

async function waitsOf(id: string): Promise<readonly unknown[]> {
  const rows = await world.audit(id);
  return rows.flatMap(({ event }) =>
    event.kind === "deferred" ? [{ code: event.code, host: event.host, detail: event.detail }] : [],
  );
}

/** Everything in the audit that names this alert's code and host. */
async function alertsOf(code: string, host: string): Promise<number> {
  const rows = await world.postern.store.auditPage(1, 10_000);
  return rows.filter(({ kind, body }) => kind === "alert" && body.includes(code) && body.includes(host)).length;
}

test("without an attack, mail under the strictest floor goes by DANE, although no CA store knows the certificate", async () => {
  const id = await phiTo(HONEST.name);
  await quiet(world);
  expect(await standing(world, id)).toBe("delivered -");
  expect(await attemptsOf(id)).toMatchObject([
    { rung: "dane", dane: { state: "usable", matched: expect.stringMatching(/^3 1 1 [0-9a-f]{8}…$/), refused: null } },
  ]);
});

describe.each(ATTACKS)("$what", ({ name, code, refused, dns }) => {
  let phi = "";
  let clean = "";
  beforeAll(async () => {
    phi = await phiTo(name);
    clean = await cleanTo(name);
    await quiet(world);
  });

  test("neither protected nor ordinary mail leaves", async () => {
    for (const id of [phi, clean]) expect(await standing(world, id)).toBe(`deferred ${code}`);
    const { allSeen, transactions } = world.server(hostOf({ name }));
    expect(leaksIn(allSeen, ["canary-phi", "canary-clean", "MAIL FROM", "RCPT TO"])).toEqual([]);
    expect(transactions).toHaveLength(0);
  });

  test("the audit says why", async () => {
    for (const id of [phi, clean]) {
      expect(codesIn(await world.audit(id))).toContain(code);
      const attempts = await attemptsOf(id);
      expect(attempts.map((attempt) => [attempt.code, attempt.dane])).toEqual(
        dns === undefined ? [[code, refused]] : [],
      );
      expect(await waitsOf(id)).toEqual([
        dns === undefined ? { code } : { code, host: hostOf({ name }), detail: TOLD[dns] },
      ]);
    }
  });

  test("an alert names the server, once", async () => {
    const isAlarming = code.startsWith("PST-DLV-04") || code === "PST-DLV-039";
    const count = await eventually(async () => {
      const alerts = await alertsOf(code, hostOf({ name }));
      return !isAlarming || alerts > 0 ? alerts : null;
    });
    expect(count).toBe(isAlarming ? 1 : 0);
  });
});

test("time does not weaken it, and what is over lets ordinary mail go", async () => {
  const sent = new Map<string, readonly [phi: string, clean: string]>();
  for (const { name } of ATTACKS) sent.set(name, [await phiTo(name), await cleanTo(name)]);
  await quiet(world);
  for (const minutes of [2, 31, 31, 31]) {
    world.advance(minutes * MINUTE_MS);
    await quiet(world);
  }
  for (const { name, code, dns } of ATTACKS) {
    const [phi = "", clean = ""] = sent.get(name) ?? [];
    // A server that cannot be spoken with several times in a row rests like a dead one.
    expect([name, await standing(world, clean)]).toEqual([
      name,
      expect.stringMatching(`^deferred (${code}|PST-DLV-028)$`),
    ]);
    // Long enough below its floor, protected mail takes the next step of its plan: here a person.
    const isBelow = dns === undefined && code !== "PST-DLV-010";
    const next = isBelow ? "held PST-DEC-001" : `deferred (${code}|PST-DLV-028)`;
    expect([name, await standing(world, phi)]).toEqual([name, expect.stringMatching(`^${next}$`)]);
    const { allSeen, transactions } = world.server(hostOf({ name }));
    expect([name, leaksIn(allSeen, ["canary", "MAIL FROM"]), transactions.length]).toEqual([name, [], 0]);
  }
  publish("silenced", {});
  publish("servfail", {});
  world.server("mx.stripped.test").setBehaviour({});
  publish("stripped", {});
  world.advance(5 * 60 * MINUTE_MS);
  await quiet(world);
  for (const name of ["silenced", "servfail", "stripped"]) {
    expect([name, await standing(world, sent.get(name)?.[1] ?? "")]).toEqual([name, "delivered -"]);
  }
});
