import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { Secret } from "../../src/parts/config/secret.ts";
import { runCli } from "../support/child-gateway.ts";
import { openDoor } from "../support/people.ts";
import { eventually, mail, World } from "../support/world.ts";

let world: World;

beforeEach(async () => {
  world = await World.start({
    zone: { "safe.test": { MX: [[10, "mx.safe.test"]] } },
    servers: [{ name: "mx.safe.test", address: "127.0.0.2", certificate: "valid" }],
  });
});
afterEach(() => world.close());

test("a tag that a reload brings asks for protection and is taken out of the Subject", async () => {
  const config = world.postern.config();
  const subjectTags = [...config.dlp.subjectTags, "[geheim]"];
  await world.postern.reload({ ...config, dlp: { ...config.dlp, subjectTags } });
  const id = await world.accept({
    mailFrom: "a@clinic.test",
    rcptTo: ["b@safe.test"],
    bytes: mail(["From: a@clinic.test", "Subject: [geheim] Hello", "", "Text."]),
  });
  const [recipient] = await world.settled(id, ["delivered"]);
  expect(recipient?.plan?.floor.profile).toBe("standard");
  const [arrived] = await world.arrived("mx.safe.test", 1);
  expect(arrived?.bytes.toString("latin1")).toContain("Subject: Hello\r\n");
});

test("a reload names what waits for a restart", async () => {
  const config = world.postern.config();
  const next = { ...config, instanceId: "another", pressure: { ...config.pressure, queueRecipientsMax: 5 } };
  expect(await world.postern.reload(next)).toEqual(["instance_id", "pressure.queue_recipients_max"]);
  const told = world.log.filter((line) => line.includes("restart_needed"));
  expect(told.map((line) => (JSON.parse(line) as { option: string }).option)).toEqual([
    "instance_id",
    "pressure.queue_recipients_max",
  ]);
});

test("alerts go where a reload says, and what the hook before did not take goes to the new one", async () => {
  const told: string[] = [];
  const hook = createServer((request, response) => {
    request.on("data", (chunk: Buffer) => told.push((JSON.parse(chunk.toString()) as { code: string }).code));
    request.on("end", () => response.writeHead(204).end());
  });
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  const config = world.postern.config();
  const to = (port: number) => {
    const webhook = { url: `http://127.0.0.1:${port}/`, secret: new Secret(Buffer.from("secret")), ca: null };
    return { ...config, alerts: { ...config.alerts, webhook } };
  };
  // Nobody listens on port 1.
  await world.postern.reload(to(1));
  await world.postern.tellReloadRefused();
  await eventually(async () => world.log.find((line) => line.includes('"webhook_failed"')) ?? null);
  await world.postern.reload(to((hook.address() as AddressInfo).port));
  expect(await eventually(async () => told.find((code) => code === "PST-CFG-002") ?? null)).toBe("PST-CFG-002");
  hook.closeAllConnections();
  hook.close();
});

test("the command tells what is in force and what needs a restart, and the audit goes to the places of the file", async () => {
  const control = await openDoor(world);
  const file = JSON.parse(readFileSync(world.configPath, "utf8")) as Record<string, Record<string, unknown>>;
  const checkpoints = join(world.folder, "checkpoints");
  const changed = {
    ...file,
    audit: { checkpoint_file: "checkpoints" },
    pressure: { ...file["pressure"], stalled_seconds: 7 },
  };
  writeFileSync(world.configPath, JSON.stringify(changed));
  const { code, output } = await runCli(["reload", "--config", world.configPath]);
  expect({ code, output }).toEqual({
    code: 0,
    output: expect.stringMatching(
      /^reloaded: configuration [0-9a-f]{12} is in force\nnot in force before a restart: .*pressure\.stalled_seconds/,
    ),
  });
  expect(existsSync(checkpoints)).toBe(false);
  await world.postern.audit.checkpoints.sign("asked");
  expect(readFileSync(checkpoints, "utf8")).toContain("gateway.clinic.test/audit");
  writeFileSync(world.configPath, "nonsense: 1");
  const refused = await runCli(["reload", "--config", world.configPath]);
  expect(refused.code).not.toBe(0);
  await control.close();
});

test(
  "config check tells what a reload would take over and what needs a restart, and puts nothing in force",
  { timeout: 60_000 },
  async () => {
    const port = await freePort();
    const inPlace = JSON.parse(readFileSync(world.configPath, "utf8")) as Record<string, Record<string, unknown>>;
    writeFileSync(world.configPath, JSON.stringify({ ...inPlace, listen: { ...inPlace["listen"], port } }));
    await world.stopGateway();
    await world.startGateway({ port });
    const control = await openDoor(world);
    const check = (...args: readonly string[]) => runCli(["--config", world.configPath, "config", "check", ...args]);
    const before = readFileSync(world.configPath, "utf8");
    const file = JSON.parse(before) as Record<string, Record<string, unknown>>;
    expect((await check()).output).toMatch(/valid\nnothing differs from what is in force\n$/);
    const changed = JSON.stringify({
      ...file,
      policy: { ...file["policy"], sensitive: "strict" },
      pressure: { ...file["pressure"], stalled_seconds: 7 },
    });
    const candidate = join(world.folder, "new.yaml");
    writeFileSync(candidate, changed);
    const expected = {
      code: 0,
      output: expect.stringMatching(
        /a reload takes over: .*policy\.sensitive[^]*needs a restart: .*pressure\.stalled_seconds/,
      ),
    };
    // Beside the file of the service, and in its place.
    expect(await check(candidate)).toMatchObject(expected);
    writeFileSync(world.configPath, changed);
    expect(await check()).toMatchObject(expected);
    const rows = (await check("--json")).output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(rows).toContainEqual({ severity: "change", path: "policy.sensitive", taken: "reload" });
    expect(rows).toContainEqual({ severity: "change", path: "pressure.stalled_seconds", taken: "restart" });
    expect((await check(candidate)).output).toContain("which is not what is in force");
    expect(world.postern.config().policy.sensitive).toBe("content");
    expect(await runCli(["--config", world.configPath, "reload"])).toMatchObject({ code: 0 });
    expect((await check()).output).toMatch(/valid\nneeds a restart: pressure\.stalled_seconds\n$/);
    // Now the file is the one that was read last, and not all of it is in force.
    expect((await check(candidate)).output).toContain("which is not what is in force");
    await control.close();
    expect(await check()).toMatchObject({
      code: 0,
      output: expect.stringContaining("not compared with a running service: PST-CTL-001"),
    });
  },
);
