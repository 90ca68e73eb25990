/**
 * Domains that proved a level of TLS, and then somebody takes it away: the signatures from DNS, STARTTLS, or the server itself. Mail that
 * needs protection does not leave below the old level although its own floor would be met, a restart forgets nothing, ordinary mail
 * goes on, and after the configured time the new level counts. Our own resolver losing its validation is no fall of anybody.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Zone } from "../../src/cli/loopback/dns-server.ts";
import type { EventBody } from "../../src/core/event.ts";
import { runCli } from "../support/child-gateway.ts";
import { leaksIn } from "../support/canary.ts";
import { protectedMail, quiet, standing } from "../support/never-clear-run.ts";
import { eventually, mail, World } from "../support/world.ts";

const HOUR_MS = 3_600_000;
const KEEP_HOURS = 10;
const DOMAINS = ["unsigned", "stripped", "forged"] as const;
type Domain = (typeof DOMAINS)[number];

const address = (name: string): string => `127.23.0.${[...DOMAINS, "forger"].indexOf(name) + 1}`;
const hostOf = (name: string): string => `mx.${name}.test`;

const ZONE: Zone = {
  "signed.test": { authenticated: true },
  ...Object.fromEntries(
    DOMAINS.flatMap((name) => [
      [`${name}.test`, { MX: [[10, hostOf(name)]], authenticated: name === "unsigned" }],
      [hostOf(name), { A: [address(name)], authenticated: name === "unsigned" }],
    ]),
  ),
};

let world: World;
let sent = 0;

beforeAll(async () => {
  const servers = DOMAINS.map(
    (name) => ({ name: hostOf(name), address: address(name), certificate: "valid" }) as const,
  );
  world = await World.start({
    zone: ZONE,
    servers: [...servers, { name: "forger.test", address: address("forger"), certificate: "self-signed" }],
    config: {
      dns: { trust_ad: "loopback", signed_name: "signed.test", timeout_ms: 500, retries: 0 },
      policy: { phi: "minimum", downgrade: { keep_hours: KEEP_HOURS } },
    },
  });
  publishDane();
}, 60_000);
afterAll(() => world.close());

function publishDane(): void {
  const { dns, port, ca } = world.internet;
  const record = `2 0 0 ${new X509Certificate(ca).raw.toString("hex")}`;
  dns.setRecord("unsigned.test", { MX: [[10, hostOf("unsigned")]], authenticated: true });
  dns.setRecord(hostOf("unsigned"), { A: [address("unsigned")], authenticated: true });
  dns.setRecord(`_${port}._tcp.${hostOf("unsigned")}`, { TLSA: [record], authenticated: true });
}

/** The zone is served without signatures: all a validator can say is that it knows nothing. */
function unsign(): void {
  const { dns, port } = world.internet;
  dns.setRecord("unsigned.test", { MX: [[10, hostOf("unsigned")]] });
  dns.setRecord(hostOf("unsigned"), { A: [address("unsigned")] });
  dns.setRecord(`_${port}._tcp.${hostOf("unsigned")}`, null);
}

async function phiTo(name: Domain): Promise<string> {
  const to = `p${++sent}@${name}.test`;
  const bytes = protectedMail("phi", { canary: `canary-phi-${sent}`, sender: "nurse@clinic.test", recipient: to });
  const id = await world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [to], bytes });
  await quiet(world);
  return id;
}

async function cleanTo(name: Domain): Promise<string> {
  const to = `c${++sent}@${name}.test`;
  const bytes = mail(["From: clerk@clinic.test", `To: ${to}`, "Subject: lunch", "", "See you at noon."]);
  const id = await world.accept({ mailFrom: "clerk@clinic.test", rcptTo: [to], bytes });
  await quiet(world);
  return id;
}

type Fall = Extract<EventBody, { kind: "downgrade" }>;

/** All that the audit says of falls, in words: `fell dane pkix mx.unsigned.test`. */
async function falls(): Promise<readonly string[]> {
  const rows = await world.postern.store.auditPage(1, 10_000);
  return rows
    .filter(({ kind }) => kind === "downgrade")
    .map(({ body }) => JSON.parse(body) as Fall)
    .map(({ step, from, to, host }) => `${step} ${from} ${to} ${host}`);
}

const alerts = (): readonly string[] =>
  world.postern.watching
    .alerts()
    .filter(({ code }) => code === "PST-MON-027")
    .map(({ facts }) => `${facts["from"]} ${facts["to"]}`)
    .toSorted();

async function rungOf(id: string): Promise<string | undefined> {
  const rows = await world.audit(id);
  return rows.flatMap(({ event }) => (event.kind === "delivered" ? [event.rung] : [])).at(-1);
}

const leaked = (name: string): readonly string[] => {
  const { allSeen } = world.server(name);
  return leaksIn(allSeen, ["canary-phi", "219-09-9997"]);
};

test("while nothing is amiss, each domain proves what it has", async () => {
  expect(await rungOf(await cleanTo("unsigned"))).toBe("dane");
  for (const name of ["stripped", "forged"] as const) expect(await rungOf(await cleanTo(name))).toBe("pkix");
  expect([await falls(), alerts()]).toEqual([[], []]);
});

describe("once it is taken away", () => {
  beforeAll(async () => {
    // No connection of before is left.
    await world.stopGateway();
    await world.startGateway();
    unsign();
    world.server(hostOf("stripped")).setBehaviour({ starttls: "strip" });
    world.internet.dns.setRecord("forged.test", { MX: [[10, "forger.test"]] });
    world.internet.dns.setRecord("forger.test", { A: [address("forger")] });
  });

  const waiting = new Map<string, string>();
  test.each(DOMAINS)("mail that needs protection waits, and nothing of it leaves: %s", async (name) => {
    const id = await phiTo(name);
    waiting.set(name, id);
    expect(await standing(world, id)).toBe("deferred PST-DEC-020");
    for (const server of [hostOf(name), "forger.test"]) expect([server, leaked(server)]).toEqual([server, []]);
  });

  test("ordinary mail goes on", async () => {
    expect(await rungOf(await cleanTo("unsigned"))).toBe("pkix");
    expect(await rungOf(await cleanTo("stripped"))).toBe("plain");
    expect(await rungOf(await cleanTo("forged"))).toBe("tls-unauthenticated");
  });

  test("the audit says what fell from where to where, once each, and an alert stands for each domain", async () => {
    expect(await falls()).toEqual([
      "fell dane pkix mx.unsigned.test",
      "fell pkix plain mx.stripped.test",
      "fell pkix tls-unauthenticated forger.test",
    ]);
    expect(alerts()).toEqual(["dane pkix", "pkix plain", "pkix tls-unauthenticated"]);
  });

  test("the report shows them, with the domains", async () => {
    await world.stopGateway();
    const run = (...args: readonly string[]) => runCli(["tls", "report", "--config", world.configPath, ...args]);
    const { code, output } = await run("--json");
    const rows = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>);
    const below = rows.filter(({ kind }) => kind === "below").map(({ domain, was, now }) => `${domain} ${was} ${now}`);
    expect([code, below.toSorted()]).toEqual([
      0,
      ["forged.test pkix tls-unauthenticated", "stripped.test pkix plain", "unsigned.test dane pkix"],
    ]);
    const table = await run();
    expect(table.output).toMatch(/RUNG +DESTINATIONS +DELIVERED\n.*dane +1 +1\n/);
    expect(table.output).toMatch(/unsigned\.test +dane +pkix +2\d{3}-/);
    const explained = await runCli(["route", "explain", "unsigned.test", "--config", world.configPath]);
    expect(explained.output).toMatch(/dane, but pkix since .*; protected mail asks for dane until/);
    expect(explained.output).toContain("transport, at least dane, else wait (PST-DEC-020)");
    expect(table.output).toMatch(/mx\.stripped\.test +PST-DLV-007 +\d+ /);
    await world.startGateway();
  });

  test("the story of a waiting mail tells why", async () => {
    const id = await phiTo("unsigned");
    const planned = (await world.audit(id)).flatMap(({ event }) => (event.kind === "planned" ? [event] : []));
    expect(planned[0]?.reasons).toContainEqual({ kind: "proven-before", rung: "dane", effect: "kept" });
    expect(planned[0]).toMatchObject({
      profile: "minimum",
      minRung: "tls-unauthenticated",
      steps: [{ minRung: "dane" }],
    });
  });

  test("a restart forgets nothing", async () => {
    await world.stopGateway();
    await world.startGateway();
    for (const name of DOMAINS) expect(await standing(world, await phiTo(name))).toBe("deferred PST-DEC-020");
    expect(await falls()).toHaveLength(3);
    expect(alerts()).toHaveLength(3);
  });

  test("a domain that proves it again is trusted again, and its alert is over", async () => {
    world.server(hostOf("stripped")).setBehaviour({});
    expect(await standing(world, await phiTo("stripped"))).toBe("delivered -");
    world.advance(HOUR_MS);
    await quiet(world);
    expect(await rungOf(waiting.get("stripped") ?? "")).toBe("pkix");
    await eventually(async () => (alerts().length === 2 ? true : null));
    expect((await falls()).at(-1)).toBe("proved plain pkix mx.stripped.test");
  });

  test("after the configured time what is left is the record: protected mail goes by its own floor", async () => {
    world.advance((KEEP_HOURS + 1) * HOUR_MS);
    await quiet(world);
    expect(await rungOf(await phiTo("unsigned"))).toBe("pkix");
    expect(await rungOf(waiting.get("unsigned") ?? "")).toBe("pkix");
    await eventually(async () => (alerts().length === 0 ? true : null));
    expect((await falls()).slice(-2).toSorted()).toEqual([
      "accepted dane pkix mx.unsigned.test",
      "accepted pkix tls-unauthenticated forger.test",
    ]);
    // And from now on it is a domain that proved no more than that.
    expect(await rungOf(await phiTo("unsigned"))).toBe("pkix");
  });

  test("while our own resolver does not validate, such mail waits and no fall is told", async () => {
    publishDane();
    expect(await rungOf(await phiTo("unsigned"))).toBe("dane");
    const before = await falls();
    unsign();
    world.internet.dns.setRecord("signed.test", {});
    const id = await phiTo("unsigned");
    expect(await standing(world, id)).toBe("deferred PST-DEC-022");
    expect(await rungOf(await cleanTo("unsigned"))).toBe("pkix");
    world.advance(2 * HOUR_MS);
    await quiet(world);
    expect(await standing(world, id)).toBe("deferred PST-DEC-022");
    expect(await falls()).toEqual(before);
    world.internet.dns.setRecord("signed.test", { authenticated: true });
    publishDane();
    world.advance(5 * HOUR_MS);
    await quiet(world);
    expect([await standing(world, id), await rungOf(id)]).toEqual(["delivered -", "dane"]);
  });

  test("where the operator wants no validation any more, the lower level counts after the configured time", async () => {
    await world.stopGateway();
    const text = readFileSync(world.configPath, "utf8");
    const changed = text.replace(/(trust_ad"?: "?)loopback/, "$1never");
    expect(changed).not.toBe(text);
    writeFileSync(world.configPath, changed);
    await world.startGateway();
    unsign();
    const id = await phiTo("unsigned");
    expect(await standing(world, id)).toBe("deferred PST-DEC-020");
    expect((await falls()).at(-1)).toBe("fell dane pkix mx.unsigned.test");
    world.advance((KEEP_HOURS + 1) * HOUR_MS);
    await quiet(world);
    expect([await standing(world, id), await rungOf(id)]).toEqual(["delivered -", "pkix"]);
  });
});
