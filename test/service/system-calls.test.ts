/** The unit's system call filter against what the service really calls, in a whole life: start, a mail in and out, a reload, an end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { zipOf } from "../../src/parts/extraction/zip.samples.ts";
import { peers } from "../support/peers.ts";
import { allowedCalls } from "../support/system-calls.ts";
import { mail, World } from "../support/world.ts";

const { areMissing, note } = peers("systemd", "strace");
const CLI = resolve(import.meta.dirname, "../../src/cli/cli.ts");
const UNIT = resolve(import.meta.dirname, "../../systemd/postern.service");
const TIMEOUT_MS = 120_000;
/** SQLite gives files it makes to the owner of the database, where it runs as root; the service does not. */
const AS_ROOT_ONLY = new Set(["fchown"]);

describe.skipIf(areMissing)(`the system call filter${note}`, { timeout: TIMEOUT_MS }, () => {
  let world: World;
  let port: number;

  beforeEach(async () => {
    port = await freePort();
    world = await World.start({
      zone: { "safe.test": { MX: [[10, "mx.safe.test"]] } },
      servers: [{ name: "mx.safe.test", address: "127.12.4.1", certificate: "valid" }],
      config: { listen: { port } },
    });
    await world.stopGateway();
  });
  afterEach(() => world.close());

  test("it lets through all that the service calls", async () => {
    const called = await systemCallsOfALife();
    const allowed = await allowedCalls([UNIT]);
    expect(called.size).toBeGreaterThan(40);
    expect(allowed.size).toBeGreaterThan(200);
    expect([...called].filter((name) => !allowed.has(name) && !AS_ROOT_ONLY.has(name))).toEqual([]);
  });

  async function systemCallsOfALife(): Promise<ReadonlySet<string>> {
    const trace = join(world.folder, "trace");
    const args = [
      "-f",
      "-qq",
      "-e",
      "signal=none",
      "-o",
      trace,
      process.execPath,
      CLI,
      "serve",
      "--config",
      world.configPath,
    ];
    const strace = spawn("/usr/bin/strace", args, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(strace, "exit");
    let output = "";
    strace.stdout.on("data", (chunk: Buffer) => void (output += chunk.toString("utf8")));
    await said(() => output.includes('"event":"started"'));
    const hand = { host: "127.0.0.1", port, ca: world.internet.ca, serverName: "gateway.clinic.test" };
    const zip = zipOf([{ name: "list.txt", content: "apples" }]).toString("base64");
    const bytes = mail([
      "Subject: Hello",
      "Content-Type: application/zip",
      "Content-Transfer-Encoding: base64",
      "",
      zip,
    ]);
    expect((await submit(hand, { mailFrom: "a@clinic.test", rcptTo: ["b@safe.test"], bytes })).code).toBe(250);
    await world.arrived("mx.safe.test", 1);
    // The first process of the trace is the service.
    const pid = Number(readFileSync(trace, "utf8").split(" ", 1)[0]);
    process.kill(pid, "SIGHUP");
    await said(() => output.includes('"event":"reloaded"'));
    process.kill(pid, "SIGTERM");
    await ended;
    const names = readFileSync(trace, "utf8").matchAll(/^\d+ +([a-z_0-9]+)\(/gm);
    return new Set([...names].map(([, name = ""]) => name));
  }
});

async function said(isTrue: () => boolean): Promise<void> {
  const end = performance.now() + TIMEOUT_MS / 2;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error("it was not said in time");
    await sleep(50);
  }
}
