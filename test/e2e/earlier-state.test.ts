/** Today's gateway on what an earlier version left behind (test/fixtures/earlier-state): nothing is lost, sent twice or sent below its floor. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCli } from "../support/child-gateway.ts";
import { eventually, World } from "../support/world.ts";

const ARCHIVE = resolve(import.meta.dirname, "../fixtures/earlier-state/schema-4.tar.gz");
/** A minute after it was stopped. */
const NOW = 1_795_374_400_000;

let world: World;

beforeEach(async () => {
  const server = (name: string, address: string, certificate: "valid" | "none") => ({ name, address, certificate });
  world = await World.start({
    zone: Object.fromEntries(["back", "bare", "up"].map((name) => [`${name}.test`, { MX: [[10, `mx.${name}.test`]] }])),
    servers: [
      server("mx.back.test", "127.0.0.2", "valid"),
      server("mx.bare.test", "127.0.0.3", "none"),
      server("mx.up.test", "127.0.0.4", "valid"),
    ],
  });
  world.advance(NOW - Date.now());
  await world.stopGateway();
  rmSync(join(world.folder, "data"), { recursive: true });
  const unpacked = mkdtempSync(join(tmpdir(), "postern-earlier-"));
  execFileSync("tar", ["-xzf", ARCHIVE, "-C", unpacked, "--no-same-owner"]);
  for (const part of ["data", "keys"]) cpSync(join(unpacked, part), join(world.folder, part), { recursive: true });
  rmSync(unpacked, { recursive: true });
});
afterEach(() => world.close());

function postern(...args: readonly string[]): ReturnType<typeof runCli> {
  return runCli([...args, "--config", world.configPath]);
}

test("what waits under the schema of an earlier version is brought up to date, delivered once, and its audit is whole", async () => {
  const before = await postern("queue", "list");
  expect(before).toMatchObject({
    code: 1,
    output: expect.stringMatching(/PST-SPL-065.*schema version 4.*Next: Start the service once/),
  });
  await world.startGateway();
  expect(readdirSync(join(world.folder, "data")).filter((name) => name.includes(".schema-4."))).toHaveLength(1);
  world.advance(30 * 60_000);
  const states = async (): Promise<readonly string[]> =>
    (await world.postern.store.recipients({ limit: 100 })).map(({ state }) => state).toSorted();
  const over = ["delivered", "failed", "held"];
  await eventually(async () => ((await states()).every((state) => over.includes(state)) ? true : null));
  expect(await states()).toEqual([...Array.from({ length: 13 }, () => "delivered"), "failed", "held"]);
  const taken = world.server("mx.back.test").transactions;
  expect(taken.flatMap(({ rcptTo }) => rcptTo).toSorted()).toEqual(
    Array.from({ length: 12 }, (_, n) => `r${n + 1}@back.test`).toSorted(),
  );
  expect(taken.every(({ bytes }) => /Text \d+\./.test(bytes.toString("latin1")))).toBe(true);
  expect(world.server("mx.up.test").transactions).toEqual([]);
  expect(world.server("mx.bare.test").transactions).toEqual([]);
  const verified = await postern("audit", "verify");
  expect(verified).toMatchObject({ code: 0, output: expect.stringContaining("each as it was written") });
});
