/** The processes that read attachments, beside a gateway that is a process of its own: they never outlive it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { zipOf } from "../../src/parts/extraction/zip.samples.ts";
import { ChildGateway } from "../support/child-gateway.ts";
import { eventually, mail, World } from "../support/world.ts";

const isLinux = process.platform === "linux";
let world: World;
let port: number;

beforeAll(async () => {
  port = await freePort();
  world = await World.start({
    zone: { "safe.test": { MX: [[10, "mx.safe.test"]] } },
    servers: [{ name: "mx.safe.test", address: "127.12.7.1", certificate: "valid" }],
    config: { listen: { port } },
  });
  await world.stopGateway();
});
afterAll(() => world.close());

describe.skipIf(!isLinux)("a reader", () => {
  test.each([
    ["is asked to stop", (gateway: ChildGateway) => gateway.stop()],
    ["is killed", (gateway: ChildGateway) => gateway.kill()],
  ])("ends with a gateway that %s", { timeout: 60_000 }, async (_, end) => {
    const gateway = await ChildGateway.start(world.configPath);
    const before = world.server("mx.safe.test").transactions.length;
    await submitArchive();
    const readers = await eventually(() => Promise.resolve(readersOf(gateway.pid)));
    await world.arrived("mx.safe.test", before + 1);
    await end(gateway);
    await eventually(() => Promise.resolve(readers.some(isAlive) ? null : true));
    expect(readers.length).toBeGreaterThan(0);
  });
});

async function submitArchive(): Promise<void> {
  const hand = { host: "127.0.0.1", port, ca: world.internet.ca, serverName: "gateway.clinic.test" };
  const zip = zipOf([{ name: "list.txt", content: "apples" }]).toString("base64");
  const bytes = mail(["Subject: Hello", "Content-Type: application/zip", "Content-Transfer-Encoding: base64", "", zip]);
  expect((await submit(hand, { mailFrom: "a@clinic.test", rcptTo: ["b@safe.test"], bytes })).code).toBe(250);
}

/** Process ids of the children that run a reader, or null where there is none yet. */
function readersOf(parent: number): readonly number[] | null {
  const children = readdirSync(`/proc/${parent}/task`).flatMap((thread) =>
    readFileSync(join("/proc", String(parent), "task", thread, "children"), "utf8")
      .trim()
      .split(" "),
  );
  const readers = children
    .filter((pid) => pid !== "")
    .map(Number)
    .filter(isAlive);
  return readers.length === 0 ? null : readers;
}

function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("reader-main");
  } catch {
    // It has ended.
    return false;
  }
}
