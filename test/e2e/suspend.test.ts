/** Mail that an operator lets wait, through the whole gateway: what is queued and what comes, over a restart, until it is let go. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EventBody } from "../../src/core/event.ts";
import type { StoredRecipient } from "../../src/core/queue-store.ts";
import type { Control } from "../../src/parts/control/control.ts";
import { runCli } from "../support/child-gateway.ts";
import { openDoor } from "../support/people.ts";
import { eventually, mail, World } from "../support/world.ts";

const HOUR_MS = 3_600_000;
const REASON = ["--reason", "their migration"] as const;

let world: World;
let control: Control | null = null;

beforeEach(async () => {
  const server = (name: string, address: string) => ({ name, address, certificate: "valid" }) as const;
  world = await World.start({
    zone: { "moving.test": { MX: [[10, "mx.moving.test"]] }, "other.test": { MX: [[10, "mx.other.test"]] } },
    servers: [server("mx.moving.test", "127.0.0.2"), server("mx.other.test", "127.0.0.3")],
  });
  control = await openDoor(world);
});
afterEach(async () => {
  await control?.close();
  await world.close();
});

async function postern(...args: readonly string[]): ReturnType<typeof runCli> {
  return runCli([...args, "--config", world.configPath]);
}

async function send(mailFrom: string, ...rcptTo: readonly string[]): Promise<string> {
  return world.accept({ mailFrom, rcptTo, bytes: mail([`From: <${mailFrom}>`, "Subject: lunch", "", "At noon."]) });
}

async function fates(id: string): Promise<readonly string[]> {
  const ended = ({ state, lease, lastCode }: StoredRecipient): boolean =>
    state === "delivered" || (state === "deferred" && lease === null && lastCode !== null);
  const rows = await eventually(async () => {
    const found = await world.recipients(id);
    return found.every(ended) ? found : null;
  });
  return rows.map(({ state, lastCode }) => (state === "delivered" ? state : `${state} ${lastCode}`));
}

async function events(kind: EventBody["kind"]): Promise<readonly EventBody[]> {
  const rows = await world.postern.store.auditPage(1, 500);
  return rows.map(({ body }) => JSON.parse(body) as EventBody).filter((body) => body.kind === kind);
}

test("mail to a suspended domain waits without an attempt, the rest of its message goes, and a resume sends it at once", async () => {
  const suspended = await postern("queue", "suspend", "--to", "Moving.test", "--for", "4h", ...REASON);
  expect(suspended).toMatchObject({ code: 0, output: expect.stringMatching(/to moving\.test .* their migration/) });
  const id = await send("nurse@clinic.test", "a@moving.test", "b@other.test");
  expect(await fates(id)).toEqual(["deferred PST-PIP-010", "delivered"]);
  expect(world.internet.servers.get("mx.moving.test")?.connections).toBe(0);
  expect((await postern("trace", id)).output).toContain("deferred, looked at next ");
  const dry = await postern("queue", "resume", "--to", "moving.test", "--dry-run", ...REASON);
  expect(dry.output).toContain("resume would act on 1 recipient");
  expect((await postern("status")).output).toContain("by 1 suspension: postern queue suspensions");
  expect((await postern("queue", "resume", "--to", "moving.test", ...REASON)).output).toBe(
    "mail to moving.test goes again\n",
  );
  await world.postern.suspending.letGo(new AbortController().signal);
  await world.settled(id, ["delivered"]);
  expect((await postern("queue", "suspensions")).output).toBe("none\n");
  expect(await events("suspension")).toMatchObject([
    { action: "suspend", side: "to", of: "moving.test", reason: "their migration" },
    { action: "resume", side: "to", of: "moving.test", until: null },
  ]);
});

test("one sender can be made to wait; the audit names no address, and nothing is changed by --dry-run", async () => {
  const asked = ["queue", "suspend", "--from", "letters@clinic.test", ...REASON];
  expect((await postern(...asked, "--dry-run")).output).toContain("suspend would act on 0 recipients");
  expect(await events("suspension")).toEqual([]);
  expect((await postern(...asked)).code).toBe(0);
  expect(await fates(await send("Letters@clinic.test", "a@other.test"))).toEqual(["deferred PST-PIP-010"]);
  expect(await fates(await send("nurse@clinic.test", "a@other.test"))).toEqual(["delivered"]);
  expect(await events("suspension")).toMatchObject([{ side: "from", of: "an address at clinic.test" }]);
});

test("a suspension outlives a restart and ends by itself, and what waited goes then", async () => {
  await postern("queue", "suspend", "--to", ".test", "--for", "4h", ...REASON);
  const id = await send("nurse@clinic.test", "a@moving.test");
  expect(await fates(id)).toEqual(["deferred PST-PIP-010"]);
  await control?.close();
  control = null;
  await world.stopGateway();
  await world.startGateway();
  control = await openDoor(world);
  expect(await fates(await send("nurse@clinic.test", "b@moving.test"))).toEqual(["deferred PST-PIP-010"]);
  world.advance(4 * HOUR_MS);
  await world.postern.suspending.letGo(new AbortController().signal);
  expect(await world.settled(id, ["delivered"])).toHaveLength(1);
  expect((await postern("queue", "suspensions")).output).toBe("none\n");
});

test("between the notices to its sender it costs no pass, and ends with its lifetime", async () => {
  await postern("queue", "suspend", "--to", "moving.test", "--for", "30d", ...REASON);
  const id = await send("nurse@clinic.test", "a@moving.test");
  expect(await fates(id)).toEqual(["deferred PST-PIP-010"]);
  const begun = world.now();
  const looked = async (): Promise<readonly number[]> => {
    const rows = (await events("deferred")) as readonly Extract<EventBody, { kind: "deferred" }>[];
    return rows.map(({ dueAt }) => Math.round((dueAt - begun) / HOUR_MS));
  };
  const notices = async (count: number): Promise<void> => {
    await eventually(async () => ((await events("child")).length === count ? true : null));
  };
  // Told after an hour and a day, failed after two: three looks, where the schedule would have had seventeen.
  expect(await looked()).toEqual([1]);
  world.advance(HOUR_MS);
  await notices(1);
  world.advance(23 * HOUR_MS);
  await notices(2);
  world.advance(24 * HOUR_MS);
  await world.settled(id, ["failed"]);
  expect(await looked()).toEqual([1, 24, 48]);
  expect(await events("child")).toMatchObject([
    { child: "delay_dsn" },
    { child: "delay_dsn" },
    { child: "failure_dsn" },
  ]);
});

test("what cannot be is refused with the next step", async () => {
  const refusals = [
    ["queue", "suspend", ...REASON],
    ["queue", "suspend", "--to", "a.test", "--from", "b.test", ...REASON],
    ["queue", "suspend", "--to", "a.test", "--for", "31d", ...REASON],
    ["queue", "suspend", "--to", "a.test"],
  ];
  for (const args of refusals) expect(await postern(...args)).toMatchObject({ code: 2 });
  const none = await postern("queue", "resume", "--to", "a.test", ...REASON);
  expect(none).toMatchObject({ code: 1, output: expect.stringContaining("PST-CTL-017") });
});
