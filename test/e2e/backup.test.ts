/** The restore drill: a backup made while the gateway works, proved, put into an empty place, and worked on from there. */
import { appendFileSync, cpSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../support/child-gateway.ts";
import { mail, World } from "../support/world.ts";

let world: World;
let backup: string;
const ids: string[] = [];

beforeAll(async () => {
  world = await World.start({
    zone: { "partner.test": { MX: [[10, "mx.partner.test"]] } },
    servers: [{ name: "mx.partner.test", address: "127.13.0.1", certificate: "valid", behaviour: { greylist: true } }],
  });
  for (const size of [1_000, 400_000]) {
    const bytes = mail(["From: a@clinic.test", "Subject: Lunch", "", ...Array<string>(size / 50).fill("y".repeat(48))]);
    const id = await world.accept({ mailFrom: "a@clinic.test", rcptTo: [`b${size}@partner.test`], bytes });
    await world.settled(id, ["deferred"]);
    ids.push(id);
  }
});
afterAll(() => world.close());

const cli = (...args: readonly string[]) => runCli([...args, "--config", world.configPath]);
const lastLine = (output: string): Record<string, unknown> =>
  JSON.parse(output.trim().split("\n").at(-1) ?? "{}") as Record<string, unknown>;

test("a backup of the running gateway is whole, and holds no key and no text of a mail", async () => {
  const created = await cli("backup", "create", join(world.folder, "backups"), "--json");
  expect(created.code).toBe(0);
  backup = String(lastLine(created.output)["backup"]);
  expect(await cli("backup", "create", join(world.folder, "backups"), "--keep", "0")).toMatchObject({ code: 2 });
  const verified = await cli("backup", "verify", backup, "--json");
  expect(verified).toMatchObject({ code: 0 });
  expect(lastLine(verified.output)).toMatchObject({ faults: 0, bodies: 2 });
  expect(readdirSync(join(world.folder, "data")).filter((name) => name.startsWith(".backup"))).toEqual([]);
  expect(readdirSync(backup).toSorted()).toEqual(["gateway.db", "manifest.json", "spool", "spool.database"]);
});

test("a further backup with --keep 1 takes the place of the one before", async () => {
  const created = await cli("backup", "create", join(world.folder, "backups"), "--keep", "1", "--json");
  const next = String(lastLine(created.output)["backup"]);
  expect(next).not.toBe(backup);
  expect(readdirSync(join(world.folder, "backups")).map((name) => join(world.folder, "backups", name))).toEqual([next]);
  backup = next;
});

const files = (): { readonly file: string; readonly segment: string } => ({
  file: join(backup, "spool/files", readdirSync(join(backup, "spool/files"))[0] ?? ""),
  segment: join(backup, "spool/segments", readdirSync(join(backup, "spool/segments"))[0] ?? ""),
});

test.each([
  ["a byte more in a body", () => appendFileSync(files().file, "x"), "changed"],
  ["a body cut short", () => truncateSync(files().segment, 10), "changed"],
  ["a body taken out", () => rmSync(files().file), "missing"],
  ["another database", () => writeFileSync(join(backup, "gateway.db"), "not a database"), "changed"],
])("verify finds %s, and restore refuses it before it writes anything", async (_, harm, what) => {
  const sound = `${backup}.sound`;
  cpSync(backup, sound, { recursive: true });
  harm();
  const verified = await cli("backup", "verify", backup);
  expect(verified.code).toBe(1);
  expect(verified.output).toContain(what);
  const restored = await cli("backup", "restore", backup, "--reason", "drill");
  expect(restored).toMatchObject({ code: 1, output: expect.stringContaining("PST-SPL-093") as string });
  rmSync(backup, { recursive: true });
  renameSync(sound, backup);
});

test("restore never writes over a gateway", async () => {
  const restored = await cli("backup", "restore", backup, "--reason", "drill");
  expect(restored).toMatchObject({ code: 1, output: expect.stringContaining("PST-SPL-092") as string });
});

test("after the loss of the disk the restored gateway delivers what was queued, marked, and its audit verifies", async () => {
  await world.stopGateway();
  const data = join(world.folder, "data");
  renameSync(data, `${data}.lost`);
  const restored = await cli("backup", "restore", backup, "--reason", "the disk failed", "--json");
  expect(restored).toMatchObject({ code: 0 });
  expect(lastLine(restored.output)).toMatchObject({ open: 2, bodies: 2 });
  // What the domain proved came along.
  expect((await cli("tls", "report", "--json")).output).toContain('"rung":"pkix","destinations":1');
  world.server("mx.partner.test").setBehaviour({});
  await world.startGateway();
  world.advance(120_000);
  for (const id of ids) {
    const [recipient] = await world.settled(id, ["delivered"]);
    expect(recipient?.possibleDuplicate).toBe(true);
    expect((await world.audit(id)).map(({ event }) => event)).toContainEqual(
      expect.objectContaining({ kind: "possible_duplicate", code: "PST-SPL-094" }),
    );
  }
  const verified = await cli("audit", "verify", "--json");
  expect(verified.code).toBe(0);
  const tail = await cli("audit", "tail", "-n", "200");
  expect(tail.output).toContain("the disk failed");
});
