/** Prometheus' own tool reads what Postern ships and what it answers. */
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { peers, run } from "../support/peers.ts";
import { World } from "../support/world.ts";

const PROMTOOL = "/usr/bin/promtool";
const promtool = peers("promtool");

describe.skipIf(promtool.areMissing)(`promtool${promtool.note}`, () => {
  let world: World;
  beforeAll(async () => {
    const servers = [{ name: "mx.any.test", address: "127.0.0.2", certificate: "none" }] as const;
    world = await World.start({ zone: {}, servers, config: { monitoring: { port: await freePort() } } });
  }, 60_000);
  afterAll(() => world.close());

  test("takes the alert rules", async () => {
    const rules = resolve(import.meta.dirname, "../../config/monitoring/postern-alerts.yaml");
    const { exitCode, stdout } = await run(PROMTOOL, ["check", "rules", rules]);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/SUCCESS: \d{2} rules found/)]);
  });

  test("finds nothing to say about our metrics", async () => {
    const address = world.postern.watching.address();
    const page = await (await fetch(`http://${address?.host}:${address?.port}/metrics`)).text();
    const { stderr, stdout } = await run(PROMTOOL, ["check", "metrics"], Buffer.from(page));
    const ours = `${stdout}${stderr}`.split("\n").filter((line) => line.startsWith("postern_") || /error/i.test(line));
    expect(ours).toEqual([]);
  });
});
