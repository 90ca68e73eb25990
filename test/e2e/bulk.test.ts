/** Acts on many recipients at once, as an operator does it: looked at first, agreed to, in portions, and on record. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { firstMessageIdAt, toMessageId } from "../../src/core/ids.ts";
import type { NewMessage } from "../../src/core/queue-store.ts";
import { sampleMessage } from "../../src/parts/store/queue-store.samples.ts";
import type { Control } from "../../src/parts/control/control.ts";
import { canBeOthers, openDoor, PEOPLE_CONFIG, PEOPLE_TIMEOUT_MS, runAs } from "../support/people.ts";
import { mail, World } from "../support/world.ts";

const HOUR_MS = 3_600_000;
const MESSAGES = 24;
const RECIPIENTS = 100;
const REASON = ["--reason", "agreed with the ward"] as const;
vi.setConfig({ testTimeout: PEOPLE_TIMEOUT_MS, hookTimeout: PEOPLE_TIMEOUT_MS });

let world: World;
let control: Control;

/** Mail of some age that is not due, as a queue holds it; nobody asked to be told of it. */
function waiting(n: number, ageMs: number, domain: string): NewMessage {
  const now = world.now();
  const made = sampleMessage(n, { recipients: RECIPIENTS, dueAt: now + HOUR_MS });
  const id = toMessageId(`${firstMessageIdAt(now - ageMs).slice(0, 10)}${String(n).padStart(16, "0")}`);
  const recipients = made.submission.recipients.map((recipient, index) => {
    const localPart = `r${index}`;
    return {
      ...recipient,
      notify: ["never"] as const,
      mailbox: { ...recipient.mailbox, localPart, domain, address: `${localPart}@${domain}` },
    };
  });
  return {
    ...made,
    submission: { ...made.submission, id, recipients, receivedAt: now - ageMs },
    expiresAt: now + 48 * HOUR_MS,
  };
}

beforeAll(async () => {
  world = await World.start({
    zone: { "grey.test": { MX: [[10, "mx.grey.test"]] }, "clinic.test": { MX: [[10, "mx.clinic.test"]] } },
    servers: [
      { name: "mx.grey.test", address: "127.0.0.2", certificate: "valid", behaviour: { greylist: true } },
      { name: "mx.clinic.test", address: "127.0.0.3", certificate: "valid" },
    ],
    config: PEOPLE_CONFIG,
  });
  control = await openDoor(world);
  for (let n = 0; n < MESSAGES; n++) {
    const isOld = n % 2 === 0;
    await world.postern.store.accept(waiting(n, isOld ? 3 * HOUR_MS : HOUR_MS / 2, isOld ? "old.test" : "new.test"));
  }
});

afterAll(async () => {
  await control.close();
  await world.close();
});

const counts = async () => (await world.postern.store.counts()).byState;

test("a dry run counts, shows a sample, and commits nothing to the database", async () => {
  const db = new Database(join(world.folder, "data", "gateway.db"), { readonly: true });
  // Changes with every commit of another connection, and with nothing else.
  const version = (): unknown => db.pragma("data_version", { simple: true });
  const before = version();
  const { code, output } = await runAs(null, world, "queue", "drop", "--older", "2h", "--dry-run", ...REASON);
  expect(code).toBe(0);
  expect(output).toContain("drop would act on 1200 recipients, such as");
  expect(output.split("\n").filter((line) => line.includes("@old.test"))).toHaveLength(10);
  expect(output).not.toContain("@new.test");
  expect(version()).toBe(before);
  db.close();
});

test.each([
  [
    "more than one recipient needs --yes where nobody can be asked",
    ["--to", "old.test"],
    "would act on 1200 recipients",
  ],
  ["nothing named is nothing done", [], "nothing is named"],
  ["ids and filters exclude each other", ["01JD8Q4Z6N4K6T2R9V5W3X7Y8Z", "--older", "1h"], "exclude each other"],
])("%s", async (_, filters, said) => {
  const before = await counts();
  const { code, output } = await runAs(null, world, "queue", "drop", ...filters, ...REASON);
  expect(code).toBe(2);
  expect(output).toContain(said);
  expect(await counts()).toEqual(before);
});

test("an act needs a reason", async () => {
  const { code, output } = await runAs(null, world, "queue", "drop", "--to", "old.test", "--yes");
  expect(code).toBe(2);
  expect(output).toContain("--reason");
});

test("more than a thousand recipients are dropped in portions, each with its audit row, and nobody else", async () => {
  const { code, output } = await runAs(null, world, "queue", "drop", "--to", "old.test", "--yes", ...REASON);
  expect({ code, output }).toEqual({ code: 0, output: "drop: 1200 recipients\n" });
  expect(await counts()).toMatchObject({ failed: 1200, received: 1200 });
  const { seq } = await world.postern.store.auditHead();
  const rows = await world.postern.store.auditPage(1, seq);
  const acts = rows.filter(({ kind }) => kind === "operator");
  expect(new Set(acts.map(({ recipientId }) => recipientId)).size).toBe(1200);
  expect(acts.every(({ body }) => body.includes('"reason":"agreed with the ward"') && body.includes('"uid":'))).toBe(
    true,
  );
});

test("the same filters list, and what a selection leaves out is told", async () => {
  const listed = await runAs(
    null,
    world,
    "queue",
    "list",
    "--to",
    "new.test",
    "--newer",
    "1h",
    "--limit",
    "5000",
    "--json",
  );
  expect(listed.output.trim().split("\n")).toHaveLength(1200);
  const one = await runAs(null, world, "queue", "list", "--to", "R7@new.test", "--json");
  expect(one.output.trim().split("\n")).toHaveLength(MESSAGES / 2);
  const release = await runAs(null, world, "queue", "release", "--to", "new.test", "--dry-run", ...REASON);
  expect(release.output).toBe("release would act on 0 recipients\n");
});

test("put aside and let go: held with a deadline, the sender told once, then delivered", async () => {
  const id = await world.accept({
    mailFrom: "nurse@clinic.test",
    rcptTo: ["anna@grey.test", "bert@grey.test"],
    bytes: mail(["From: nurse@clinic.test", "Subject: lunch", "", "At noon."]),
  });
  await world.settled(id, ["deferred"]);
  const held = await runAs(null, world, "queue", "hold", "--message", id, "--yes", ...REASON);
  expect(held).toEqual({ code: 0, output: `${id}.1  hold\n${id}.2  hold\n` });
  const recipients = await world.settled(id, ["held"]);
  expect(recipients.map(({ lastCode, deadlineAt }) => [lastCode, deadlineAt !== null])).toEqual([
    ["PST-PIP-008", true],
    ["PST-PIP-008", true],
  ]);
  await world.arrived("mx.clinic.test", 1);
  const again = await runAs(null, world, "queue", "hold", `${id}.1`, ...REASON);
  expect(again).toEqual({ code: 1, output: `${id}.1  skipped: is held already\n` });
  const released = await runAs(null, world, "queue", "release", "--code", "PST-PIP-008", "--yes", "--json", ...REASON);
  expect(
    released.output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { id: `${id}.1`, result: "done", why: null },
    { id: `${id}.2`, result: "done", why: null },
  ]);
  await world.settled(id, ["delivered"]);
  expect(world.server("mx.clinic.test").transactions).toHaveLength(1);
});

test("the summary counts by destination and age", async () => {
  const { output } = await runAs(null, world, "queue", "summary");
  const lines = output
    .trim()
    .split("\n")
    .map((line) => line.split(/\s{2,}/));
  expect(lines[0]).toEqual(["DESTINATION", "TOTAL", "HELD", "<5m", "<20m", "<1h", "<4h", "<1d", "OLDER"]);
  expect(lines.find(([domain]) => domain === "new.test")).toEqual([
    "new.test",
    "1200",
    "0",
    "0",
    "0",
    "1200",
    "0",
    "0",
    "0",
  ]);
});

test.skipIf(!canBeOthers)("who may not read the database is answered by the service, as the role allows", async () => {
  const viewer = await runAs("vera", world, "queue", "list", "--to", "r7@new.test", "--json");
  expect({ code: viewer.code, lines: viewer.output.trim().split("\n").length }).toEqual({
    code: 0,
    lines: MESSAGES / 2,
  });
  const report = await runAs("vera", world, "tls", "report");
  expect(report).toMatchObject({ code: 0, output: expect.stringContaining("TLS of deliveries since") as string });
  const approver = await runAs("adam", world, "queue", "list");
  expect(await runAs("adam", world, "tls", "report")).toMatchObject({ code: 1 });
  expect(approver).toMatchObject({ code: 1, output: expect.stringContaining("PST-CTL-011") as string });
});
