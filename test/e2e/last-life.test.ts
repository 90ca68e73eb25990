/** Alerts over the end of a process: what a killed or stopped one was about to tell is told by the next, and by that one alone. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { ChildGateway } from "../support/child-gateway.ts";
import { eventually, mail, World } from "../support/world.ts";

const HELD = "PST-DEC-001";
const KILLED = "PST-MON-033";

let world: World;
let port: number;
let told: string[];
let isAnswering: boolean;
const hook = createServer((request, response) => {
  if (!isAnswering) {
    request.socket.destroy();
    return;
  }
  request.on("data", (chunk: Buffer) => {
    const { code, messages } = JSON.parse(chunk.toString()) as { code: string; messages: readonly string[] };
    told.push([code, ...messages].join(" "));
  });
  request.on("end", () => response.writeHead(204).end());
});

beforeEach(async () => {
  told = [];
  isAnswering = false;
  port = await freePort();
  if (!hook.listening) await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  const webhook = {
    url: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
    secret: "file:keys/addresses.key",
  };
  world = await World.start({
    zone: { "bare.test": { MX: [[10, "mx.bare.test"]] } },
    servers: [{ name: "mx.bare.test", address: "127.0.0.2", certificate: "none" }],
    config: { alerts: { webhook }, listen: { port } },
  });
  await world.stopGateway();
});
afterEach(async () => {
  await world.close();
  hook.closeAllConnections();
  hook.close();
});

/** Gives the id of the mail that is held while nobody takes the alert about it. */
async function heldMail(child: ChildGateway): Promise<string> {
  const to = { host: "127.0.0.1", port, ca: world.internet.ca, serverName: "gateway.clinic.test" };
  const bytes = mail(["From: nurse@clinic.test", "Subject: [secure] Hello", "", "Text."]);
  const answer = await submit(to, { mailFrom: "nurse@clinic.test", rcptTo: ["a@bare.test"], bytes });
  await eventually(async () => (child.output.includes('"event":"webhook_failed"') ? true : null));
  return /queued as ([0-9A-Z]{26})/.exec(answer.text)?.[1] ?? "";
}

test.each([
  { end: "kill", expected: (id: string) => [KILLED, `${HELD} ${id}`] },
  { end: "stop", expected: (id: string) => [`${HELD} ${id}`] },
] as const)("after a $end", async ({ end, expected }) => {
  const first = await ChildGateway.start(world.configPath);
  const id = await heldMail(first);
  await first[end]();
  isAnswering = true;
  for (const _ of ["the next", "the one after it"]) {
    const next = await ChildGateway.start(world.configPath);
    await eventually(async () => (told.length >= expected(id).length ? true : null));
    await next.stop();
    expect(told).toEqual(expected(id));
  }
});
