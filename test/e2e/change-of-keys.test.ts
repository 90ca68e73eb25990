/** Another key at rest, taken in use while mail waits: nothing is lost, and the old key can be destroyed afterwards. */
import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeConfigEnvironment } from "../../src/parts/config/config-environment.ts";
import { loadConfig } from "../../src/parts/config/config.ts";
import { runCli } from "../support/child-gateway.ts";
import { eventually, mail, World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await World.start({
    zone: { "partner.test": { MX: [[10, "mx.partner.test"]] } },
    servers: [{ name: "mx.partner.test", address: "127.12.0.1", certificate: "valid", behaviour: { greylist: true } }],
  });
});
afterAll(() => world.close());

type Keys = Record<string, unknown>;

/** Names the keys in the configuration and lets the running gateway read it, as SIGHUP does. */
async function reloadWith(keys: Keys): Promise<void> {
  const config = JSON.parse(readFileSync(world.configPath, "utf8")) as Record<string, unknown>;
  writeFileSync(world.configPath, JSON.stringify({ ...config, keys }));
  const loading = loadConfig(
    world.configPath,
    nodeConfigEnvironment({ variables: {}, hostname: "x", now: Date.now() }),
  );
  if (!loading.ok) throw new Error(loading.errors.map(({ path }) => path).join());
  await world.postern.reload(loading.config);
}

function newKey(name: string): string {
  writeFileSync(join(world.folder, "keys", name), randomBytes(32).toString("hex"), { mode: 0o600 });
  return `file:keys/${name}`;
}

test("queued mail outlives a change of both keys, and is delivered when the old ones are gone", async () => {
  const bytes = mail(["From: a@clinic.test", "Subject: Lunch", "", "See you at noon."]);
  const id = await world.accept({ mailFrom: "a@clinic.test", rcptTo: ["b@partner.test"], bytes });
  await world.settled(id, ["deferred"]);
  const before = { spool: "file:keys/spool.key", addresses: "file:keys/addresses.key" };
  const after = { spool: newKey("spool-2.key"), addresses: newKey("addresses-2.key") };

  await expect(reloadWith(after)).rejects.toThrow("PST-SPL-014");
  await reloadWith({ ...after, previous: { spool: [before.spool], addresses: [before.addresses] } });
  await eventually(async () => (world.log.some((line) => line.includes('"event":"rekeyed"')) ? true : null));
  const status = await runCli(["keys", "status", "--json", "--config", world.configPath]);
  const rows = status.output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { state: string; values: number });
  expect(status.code).toBe(0);
  expect(rows.filter(({ state }) => state === "previous").map(({ values }) => values)).toEqual([0, 0]);

  await world.stopGateway();
  for (const name of ["spool.key", "addresses.key"]) rmSync(join(world.folder, "keys", name));
  const config = JSON.parse(readFileSync(world.configPath, "utf8")) as Record<string, unknown>;
  writeFileSync(world.configPath, JSON.stringify({ ...config, keys: after }));
  await world.startGateway();
  world.server("mx.partner.test").setBehaviour({});
  world.advance(120_000);
  await world.settled(id, ["delivered"]);
  const [arrived] = await world.arrived("mx.partner.test", 1);
  expect(arrived?.bytes.toString("latin1")).toContain("See you at noon.");
});
