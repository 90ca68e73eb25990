/** What the service says to its manager, heard on a real socket: through `serve` as an operator runs it, and with the manager gone. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { Notifier } from "../../src/parts/systemd/notifier.ts";
import { ChildGateway } from "../support/child-gateway.ts";
import { NotifySocket } from "../support/notify-socket.ts";
import { peers } from "../support/peers.ts";
import { World } from "../support/world.ts";

const { areMissing, note } = peers("systemd");

describe.skipIf(areMissing)(`the service under a service manager${note}`, { timeout: 60_000 }, () => {
  let socket: NotifySocket;
  let world: World;

  beforeEach(async () => {
    world = await World.start({
      zone: {},
      servers: [{ name: "mx.other.test", address: "127.12.0.1", certificate: "valid" }],
      config: { listen: { port: await freePort() } },
    });
    await world.stopGateway();
    socket = await NotifySocket.open();
  });
  afterEach(async () => {
    await socket.close();
    await world.close();
  });

  test("it says when it is ready, alive, reloading and stopping, in this order", async () => {
    const variables = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: "600000" };
    const child = await ChildGateway.start(world.configPath, { variables });
    expect(await socket.heard("READY=1")).toEqual(["READY=1", `MAINPID=${child.pid}`, "STATUS=serving"]);
    expect(await socket.heard("WATCHDOG=1")).toEqual(["WATCHDOG=1", "STATUS=serving"]);
    const before = socket.words.length;
    child.signal("SIGHUP");
    await socket.heard("RELOADING=1", before);
    await socket.heard("READY=1", before);
    const code = await child.stop();
    await socket.heard("STOPPING=1");
    expect(code).toBe(0);
    const order = socket.words.map(([first]) => first).filter((first) => first !== "WATCHDOG=1");
    expect(order).toEqual(["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
    const reloading = socket.words.find(([first]) => first === "RELOADING=1");
    expect(reloading?.[1]).toMatch(/^MONOTONIC_USEC=[1-9]\d*$/);
    const uptimeUs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1e6;
    expect(Number(reloading?.[1]?.split("=")[1])).toBeLessThanOrEqual(uptimeUs);
  });

  test("a reload that is refused is over as well", async () => {
    const child = await ChildGateway.start(world.configPath, { variables: { NOTIFY_SOCKET: socket.path } });
    await socket.heard("READY=1");
    const before = socket.words.length;
    writeFileSync(world.configPath, "version: 9\n");
    child.signal("SIGHUP");
    await socket.heard("RELOADING=1", before);
    await socket.heard("READY=1", before);
    expect(child.output).toContain("reload_refused");
    await child.stop();
  });

  test("a manager that is not there is logged once and harms nothing", async () => {
    const child = await ChildGateway.start(world.configPath, {
      variables: { NOTIFY_SOCKET: `${socket.path}.gone`, WATCHDOG_USEC: "60000" },
    });
    expect(await child.stop()).toBe(0);
    const told = child.output.split("\n").filter((line) => line.includes("service_manager_unreachable"));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("PST-SVC-001");
  });
});

function notifier(searchPath: string, lines: string[] = []): Notifier {
  const write = (event: string, fields: object = {}): void => void lines.push(JSON.stringify({ event, ...fields }));
  return new Notifier({
    socket: "/run/notify",
    watchdogMs: null,
    pid: 1,
    monotonicUs: () => 1n,
    searchPath,
    log: { debug: write, info: write, warn: write, error: write },
  });
}

test("words said at once arrive in the order they were said, however long each takes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-slow-notify-"));
  const heard = join(folder, "heard");
  const script = `#!/bin/sh\n[ "$1" != READY=1 ] || sleep 0.3\necho "$1" >>${heard}\n`;
  writeFileSync(join(folder, "systemd-notify"), script, { mode: 0o755 });
  const slow = notifier(`${folder}:/usr/bin:/bin`);
  await Promise.all([slow.ready(), slow.reloading(), slow.ready(), slow.stopping()]);
  expect(readFileSync(heard, "utf8").trim().split("\n")).toEqual(["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
  rmSync(folder, { recursive: true });
});

test("a machine without systemd-notify is logged once and harms nothing", async () => {
  const lines: string[] = [];
  const silent = notifier("/nowhere", lines);
  await silent.ready();
  await silent.alive("serving");
  expect(lines).toEqual(['{"event":"service_manager_unreachable","code":"PST-SVC-001","why":"ENOENT"}']);
});
