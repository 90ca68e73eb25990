import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mail, World } from "../support/world.ts";

let world: World;

beforeEach(async () => {
  world = await World.start({
    zone: { "slow.test": { MX: [[10, "mx.slow.test"]] } },
    servers: [
      { name: "mx.slow.test", address: "127.0.0.2", certificate: "valid", behaviour: { refuseAll: "450 4.2.0 later" } },
    ],
  });
});
afterEach(() => world.close());

async function queueOne(): Promise<string> {
  const id = await world.accept({
    mailFrom: "a@clinic.test",
    rcptTo: ["b@slow.test"],
    bytes: mail(["From: a@clinic.test", "Subject: Hello", "", "Text."]),
  });
  await world.settled(id, ["deferred"]);
  return id;
}

function spoolFiles(): readonly string[] {
  return readdirSync(join(world.folder, "data", "spool"), { recursive: true, encoding: "utf8" }).toSorted();
}

test("a spool beside a new database is refused and left as it is", async () => {
  await queueOne();
  await world.stopGateway();
  const before = spoolFiles();
  for (const name of readdirSync(join(world.folder, "data"))) {
    if (name.startsWith("gateway.db")) rmSync(join(world.folder, "data", name));
  }
  await expect(world.startGateway()).rejects.toMatchObject({ code: "PST-SPL-070" });
  expect(spoolFiles()).toEqual(before);
});

test("a start whose commands could not reach it is refused before it makes anything", async () => {
  await world.stopGateway();
  const data = join(world.folder, "data");
  rmSync(data, { recursive: true });
  chmodSync(world.folder, 0o777);
  await expect(world.startGateway()).rejects.toMatchObject({ code: "PST-CTL-008" });
  expect(existsSync(data)).toBe(false);
});

test("another spool key is refused before anything is read or reclaimed", async () => {
  const id = await queueOne();
  await world.stopGateway();
  const before = spoolFiles();
  const keyFile = join(world.folder, "keys", "spool.key");
  const earlier = readFileSync(keyFile, "utf8");
  writeFileSync(keyFile, "5a".repeat(31) + "a5");
  await expect(world.startGateway()).rejects.toMatchObject({ code: "PST-SPL-071" });
  expect(spoolFiles()).toEqual(before);
  writeFileSync(keyFile, earlier);
  await world.startGateway();
  expect((await world.recipients(id)).map(({ state }) => state)).toEqual(["deferred"]);
});

test("a start that cannot listen gives the database back", async () => {
  const id = await queueOne();
  await world.stopGateway();
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(world.startGateway({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  taken.close();
  await world.startGateway();
  expect((await world.recipients(id)).map(({ state }) => state)).toEqual(["deferred"]);
});

test("a gateway that was stopped delivers after its next start what it had queued", async () => {
  const id = await queueOne();
  await world.stopGateway();
  world.server("mx.slow.test").setBehaviour({});
  await world.startGateway();
  world.advance(5 * 60_000);
  await world.settled(id, ["delivered"]);
  expect(world.server("mx.slow.test").transactions).toHaveLength(1);
});
