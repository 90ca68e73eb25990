/** What a service says of itself before it has started and after it was told to stop. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { Watching } from "../../src/watching.ts";
import { World } from "../support/world.ts";

let world: World;
const log = { debug() {}, info() {}, warn() {}, error() {} };

beforeEach(async () => {
  const servers = [{ name: "mx.any.test", address: "127.0.0.2", certificate: "none" }] as const;
  world = await World.start({ zone: {}, servers, config: { monitoring: { port: await freePort() } } });
});
afterEach(() => world.close());

test("while it opens its stores it lives, is not ready, and its metrics can be read", async () => {
  const config = {
    ...world.postern.config(),
    monitoring: { address: "127.0.0.1", port: await freePort(), allowRemote: false },
  };
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  const watching = await Watching.open(config, { clock, chance: () => 0, log, owner: "x", onFatal: () => undefined });
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${config.monitoring.port}${path}`);
  expect((await get("/healthz")).status).toBe(200);
  const ready = await get("/readyz");
  expect([ready.status, await ready.json()]).toEqual([503, { status: "not ready", reasons: ["PST-MON-001"] }]);
  expect(await (await get("/metrics")).text()).toContain("postern_ready 0\n");
  // Raised before anything could be written: it waits for the queue and harms nothing.
  watching.raise({ code: "PST-SPL-004" });
  expect(watching.alerts().map(({ code }) => code)).toEqual(["PST-SPL-004"]);
  await watching.close();
});

test("once it was told to stop it is not ready any more", async () => {
  const { watching } = world.postern;
  expect(await watching.reasons()).toEqual([]);
  const stopped = world.stopGateway();
  world.advance(2_000);
  expect(await watching.reasons()).toContain("PST-MON-002");
  await stopped;
});
