/** A gateway whose disk fills, stalls and fails while mail comes and goes: nothing promised is lost, nothing unsure is said. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Dialog } from "../../src/stages/accept/accept.suite.ts";
import { openDoor, runAs } from "../support/people.ts";
import { TroubledDisk } from "../support/troubled-disk.ts";
import { eventually, mail, World } from "../support/world.ts";

const NO_SPACE = "452 4.3.1 Insufficient system resources; try again later";
const GOODBYE = "421 4.3.2 Taking no mail now; try again later";
const RESERVE = 64 * 1024 * 1024;
const TEXT = "From: a@clinic.test\r\nSubject: hello\r\n\r\nhello\r\n";

let world: World;
let disk: TroubledDisk;

beforeAll(async () => {
  disk = new TroubledDisk();
  world = await World.start({
    zone: Object.fromEntries(
      ["b.test", "slow.test", "clinic.test"].map((name) => [name, { MX: [[10, `mx.${name}`]] }]),
    ),
    servers: [
      { name: "mx.b.test", address: "127.13.0.1", certificate: "valid" },
      {
        name: "mx.slow.test",
        address: "127.13.0.2",
        certificate: "valid",
        behaviour: { faults: { data: { kind: "silent" } } },
      },
      { name: "mx.clinic.test", address: "127.13.0.3", certificate: "valid" },
    ],
    disk,
    config: {
      listen: { plaintext_networks: ["127.0.0.0/8"], store_timeout_seconds: 4 },
      pressure: { disk_free_bytes_min: 1_000_000_000, disk_reserve_bytes: RESERVE, stalled_seconds: 1 },
    },
  });
});
afterAll(() => world.close());
afterEach(() => Object.assign(disk, { freeBytes: 1e12, writeError: null }));

const level = (wanted: string): Promise<string> =>
  eventually(async () => (world.postern.pressure().level === wanted ? wanted : null));
const dial = (): Dialog => Dialog.to(world.postern.address().port);
const logged = (
  event: string,
): readonly { readonly event: string; readonly code?: string; readonly level?: string; readonly state?: string }[] =>
  world.log.map((line) => JSON.parse(line) as { readonly event: string }).filter((line) => line.event === event);
const alerts = (): readonly (string | undefined)[] =>
  logged("alert").flatMap(({ code, state }) => (state === "raised" ? [code] : []));

/** From the greeting to the reply to DATA. */
async function begin(recipient = "r@b.test"): Promise<{ readonly dialog: Dialog; readonly reply: string }> {
  const dialog = dial();
  const greeting = await dialog.reply();
  if (!greeting.startsWith("220")) return { dialog, reply: greeting };
  return { dialog, reply: await again(dialog, recipient) };
}
const again = (dialog: Dialog, recipient = "r@b.test"): Promise<string> =>
  dialog.sayAll("EHLO me.test", "RSET", "MAIL FROM:<a@clinic.test>", `RCPT TO:<${recipient}>`, "DATA");
const finish = async (dialog: Dialog): Promise<string> => {
  dialog.send(`${TEXT}.\r\n`);
  return dialog.reply();
};
const isData = ({ verb }: { readonly verb: string }): boolean => verb === "DATA";
const idOf = (reply: string): string => /queued as ([0-9A-Z]{26})/.exec(reply)?.[1] ?? `no id in ${reply}`;

test("a disk that fills in the middle of a session: what was begun is taken, the next is answered 452, and later taken", async () => {
  const { dialog, reply } = await begin();
  expect(reply).toMatch(/^354/);
  disk.freeBytes = 500_000_000;
  await level("full");
  const accepted = await finish(dialog);
  expect(accepted).toMatch(/^250/);
  expect(await dialog.say("MAIL FROM:<a@clinic.test>")).toBe(NO_SPACE);
  // What is queued goes out all the same: that is how the disk gets empty.
  expect((await world.settled(idOf(accepted)))[0]?.state).toBe("delivered");
  expect(alerts().filter((code) => code === "PST-PRS-003")).toHaveLength(1);
  disk.freeBytes = 1e12;
  await level("open");
  expect(await again(dialog)).toMatch(/^354/);
  expect((await world.settled(idOf(await finish(dialog))))[0]?.state).toBe("delivered");
});

test("`queue status` and `queue list` say that no new mail is taken, why, and what to do", async () => {
  const control = await openDoor(world);
  try {
    disk.freeBytes = 500_000_000;
    await level("full");
    const status = await runAs(null, world, "queue", "status");
    expect(status.code).toBe(1);
    expect(status.output).toContain("pressure  full: new mail is answered 452; what is queued goes out");
    expect(status.output).toContain("disk      500 MB of 2.0 TB free");
    expect(status.output).toMatch(/PST-PRS-003: Little disk space is left.*\n {2}Next: Free space/);
    expect((await runAs(null, world, "queue", "list")).output).toContain(
      "warning: full (PST-PRS-003): new mail is answered",
    );
    disk.freeBytes = 1e12;
    await level("open");
    const { code, output } = await runAs(null, world, "queue", "status", "--json");
    expect([code, JSON.parse(output)]).toEqual([
      0,
      expect.objectContaining({ pressure: expect.objectContaining({ level: "open" }) }),
    ]);
  } finally {
    await control.close();
  }
});

describe("a disk of which only the reserve is left", () => {
  test("holds delivery: a dialog before its dot is broken off, nothing new begins, and all goes on by itself", async () => {
    const { dialog } = await begin("r@slow.test");
    const slow = idOf(await finish(dialog));
    await eventually(async () => (world.server("mx.slow.test").verbs.some(isData) ? true : null));
    const before = world.server("mx.b.test").transactions.length;
    const { dialog: other, reply } = await begin();
    expect(reply).toMatch(/^354/);
    disk.freeBytes = RESERVE;
    await level("closed");
    expect(await finish(other)).toBe(NO_SPACE);
    expect((await begin()).reply).toBe(GOODBYE);
    const [broken] = await world.settled(slow, ["deferred"]);
    expect(broken?.lastCode).toBe("PST-DLV-033");
    expect(world.server("mx.b.test").transactions).toHaveLength(before);
    const tries = world.server("mx.slow.test").verbs.filter(isData).length;
    world.advance(90_000);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(world.server("mx.slow.test").verbs.filter(isData)).toHaveLength(tries);
    world.server("mx.slow.test").setBehaviour({});
    disk.freeBytes = 1e12;
    await level("open");
    expect((await world.settled(slow, ["delivered"]))[0]?.possibleDuplicate).toBe(false);
    expect(world.server("mx.slow.test").transactions).toHaveLength(1);
    expect(alerts().filter((code) => code === "PST-PRS-008")).toHaveLength(1);
  });
});

test("a write that is refused for want of space: 4xx, then closed until a trial write succeeds, and the mail is taken then", async () => {
  const { dialog, reply } = await begin();
  expect(reply).toMatch(/^354/);
  disk.writeError = "ENOSPC";
  expect(await finish(dialog)).toMatch(/^45[12]/);
  await level("closed");
  expect((await begin()).reply).toBe(GOODBYE);
  disk.writeError = null;
  await level("open");
  const after = await begin();
  expect((await world.settled(idOf(await finish(after.dialog))))[0]?.state).toBe("delivered");
  expect(world.fatal).toEqual([]);
});

describe("a stalled disk", () => {
  test("keeps the 250 back until the sync is done, and turns others away meanwhile", async () => {
    const { dialog } = await begin();
    disk.stall();
    const reply = finish(dialog);
    await level("closed");
    expect((await begin()).reply).toBe(GOODBYE);
    expect(await Promise.race([reply, new Promise((resolve) => setTimeout(() => resolve("silent"), 100))])).toBe(
      "silent",
    );
    disk.resume();
    expect((await world.settled(idOf(await reply)))[0]?.state).toBe("delivered");
    await level("open");
    expect(alerts().filter((code) => code === "PST-PRS-010")).toHaveLength(1);
  });

  test("is answered 451 within the patience of the client, and nothing comes of that message", async () => {
    const { dialog } = await begin();
    const before = world.server("mx.b.test").transactions.length;
    disk.stall();
    expect(await finish(dialog)).toMatch(/^451/);
    disk.resume();
    await level("open");
    const next = await begin();
    await world.settled(idOf(await finish(next.dialog)));
    expect(world.server("mx.b.test").transactions).toHaveLength(before + 1);
  });
});

test("a failed sync ends the process's credit: no 250, 421 for all, and recovery decides what there is", async () => {
  const { dialog } = await begin();
  const kept = await begin();
  disk.syncError = "EIO";
  expect(await finish(dialog)).toMatch(/^45[12]/);
  disk.syncError = null;
  expect(await finish(kept.dialog)).toMatch(/^45[12]/);
  expect((await begin()).reply).toBe(GOODBYE);
  expect(world.fatal).toEqual(["PST-SPL-001"]);
  expect(alerts()).toContain("PST-PRS-011");
  await world.stopGateway();
  await world.startGateway();
  const after = await world.accept({
    mailFrom: "a@clinic.test",
    rcptTo: ["r@b.test"],
    bytes: mail(["Subject: x", "", "x"]),
  });
  expect((await world.settled(after))[0]?.state).toBe("delivered");
});
