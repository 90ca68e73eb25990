/** Thousands of recipients of dead and slow destinations beside live mail: counted in connections and transactions, not in time. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { EventBody } from "../../src/core/event.ts";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import { eventually, mail, World } from "../support/world.ts";

let world: World | null = null;
afterEach(async () => {
  await world?.close();
  world = null;
});

const LIVE = "mx.live.test";
const HOUR_MS = 3_600_000;

function letter(from: string, to: readonly string[]): Parameters<World["accept"]>[0] {
  const bytes = mail([
    `From: <${from}>`,
    `To: undisclosed-recipients:;`,
    "Subject: Schedule",
    "",
    "See you on Friday.",
  ]);
  return { mailFrom: from, rcptTo: to, bytes };
}

const at = (domain: string, from: number, count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `r${from + n}@${domain}`);

/** Recipients put off without an attempt. */
function putOff(here: World): number {
  const lines = here.log.filter((line) => line.includes("put_off_together"));
  return lines.reduce((sum, line) => sum + (JSON.parse(line) as { readonly recipients: number }).recipients, 0);
}

/** One that lives, and one that hangs up on everybody. */
const SERVERS = [
  { name: LIVE, address: "127.13.0.1", certificate: "valid" },
  {
    name: "mx.dead.test",
    address: "127.13.0.2",
    certificate: "valid",
    behaviour: { faults: { connect: { kind: "drop-before" } } },
  },
] as const;

async function counts(here: World): Promise<Readonly<Record<string, number>>> {
  return (await here.postern.store.counts()).byState;
}

test("fifteen hundred recipients of a dead destination cost a handful of connections, each is told of in the audit, and live mail passes", async () => {
  const here = (world = await World.start({
    zone: { "live.test": { MX: [[10, LIVE]] }, "dead.test": { MX: [[10, "mx.dead.test"]] } },
    servers: SERVERS,
    config: {
      delivery: {
        retry: { schedule_seconds: [60, 600], jitter_percent: 20, delay_notice_hours: [24], lifetime_hours: 48 },
      },
    },
  }));
  const ids: string[] = [];
  for (let n = 0; n < 15; n += 1)
    ids.push(await here.accept(letter(`s${n}@clinic.test`, at("dead.test", n * 100, 100))));
  await eventually(async () => ((await counts(here))["deferred"] === 1500 ? true : null));
  const dead = here.server("mx.dead.test");
  const first = dead.connections;
  expect(first).toBeLessThan(40);
  // The retries: due all at once, claimed by none but the probe.
  here.advance(2 * 60_000);
  const live = await here.accept(letter("one@clinic.test", ["x@live.test"]));
  await here.settled(live, ["delivered"]);
  await eventually(async () => (putOff(here) >= 1500 - 20 ? true : null));
  expect(dead.connections - first).toBeLessThan(20);
  const [id = ""] = ids;
  const told = (await here.audit(id)).filter(({ event }) => event.kind === "deferred" && event.attempts === 2);
  expect(new Set(told.map(({ recipientId }) => recipientId)).size).toBe(100);
  const untried = told.filter(
    ({ event }) => (event as Extract<EventBody, { kind: "deferred" }>).code === "PST-DLV-028",
  );
  expect(untried.length).toBeGreaterThan(90);
  // Several in one transaction, few enough that a live mail hardly waits for one.
  expect(here.log.filter((line) => line.includes("put_off_together")).length).toBeLessThan(200);
  expect(await verifyChain(here.postern.store)).toMatchObject({ faults: [] });
}, 60_000);

test("who waits for a dead destination is told of the delay and of the end in time", async () => {
  const here = (world = await World.start({
    zone: { "clinic.test": { MX: [[10, LIVE]] }, "dead.test": { MX: [[10, "mx.dead.test"]] } },
    servers: SERVERS,
    config: {
      delivery: { retry: { schedule_seconds: [3600], jitter_percent: 0, delay_notice_hours: [3], lifetime_hours: 6 } },
    },
  }));
  const id = await here.accept(letter("s@clinic.test", at("dead.test", 0, 150)));
  await here.settled(id, ["deferred"]);
  for (let hour = 1; hour <= 6; hour += 1) {
    here.advance(HOUR_MS + 1000);
    await eventually(async () => {
      const rows = await here.recipients(id);
      return rows.every(({ state, dueAt }) => state === "failed" || dueAt > here.now()) ? true : sleep(100, null);
    });
  }
  const rows = await here.settled(id, ["failed"]);
  expect(new Set(rows.map(({ lastCode }) => lastCode))).toEqual(new Set(["PST-PIP-001"]));
  const told = new Map<string, number>();
  for (const { event, recipientId } of await here.audit(id)) {
    if (event.kind === "child")
      told.set(`${recipientId} ${event.child}`, (told.get(`${recipientId} ${event.child}`) ?? 0) + 1);
  }
  expect([...told.values()].every((times) => times === 1)).toBe(true);
  expect(told.size).toBe(2 * 150);
}, 60_000);

test("a blast to a tarpit leaves room for others, and a single mail of another sender passes at once", async () => {
  const here = (world = await World.start({
    zone: { "live.test": { MX: [[10, LIVE]] }, "tar.test": { MX: [[10, "mx.tar.test"]] } },
    servers: [
      { name: LIVE, address: "127.13.0.1", certificate: "valid" },
      {
        name: "mx.tar.test",
        address: "127.13.0.2",
        certificate: "valid",
        behaviour: { faults: { mail: { kind: "stall" } } },
      },
    ],
  }));
  for (let n = 0; n < 20; n += 1) await here.accept(letter("blast@clinic.test", at("tar.test", n * 100, 100)));
  const single = await here.accept(letter("one@clinic.test", ["x@live.test"]));
  await here.settled(single, ["delivered"]);
  // Of two thousand, as many are in flight as deliveries could run; the others stay in the queue, unleased.
  const { received = 0 } = await counts(here);
  expect(received).toBeGreaterThan(1500);
  expect(here.server("mx.tar.test").connections).toBeLessThanOrEqual(20);
  expect(here.server(LIVE).transactions).toHaveLength(1);
  await here.server("mx.tar.test").close();
}, 60_000);
