/** Sockets that systemd listens on: mail comes in through every one of them, and a restart refuses no connection. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { ActivatedGateway } from "../support/activated-gateway.ts";
import { peers } from "../support/peers.ts";
import { mail, World } from "../support/world.ts";

const { areMissing, note } = peers("systemd");
const CLI = resolve(import.meta.dirname, "../../src/cli/cli.ts");

describe.skipIf(areMissing)(`the service behind a socket unit${note}`, { timeout: 60_000 }, () => {
  let world: World;
  let gateway: ActivatedGateway | null = null;
  let ports: readonly [number, number];

  beforeEach(async () => {
    world = await World.start({
      zone: { "safe.test": { MX: [[10, "mx.safe.test"]] } },
      servers: [{ name: "mx.safe.test", address: "127.12.1.1", certificate: "valid" }],
      // Nobody listens there: the sockets take its place.
      config: { listen: { port: 1 } },
    });
    await world.stopGateway();
    ports = [await freePort(), await freePort()];
  });
  afterEach(async () => {
    await gateway?.close();
    gateway = null;
    await world.close();
  });

  async function open(variables: Readonly<Record<string, string>> = {}): Promise<ActivatedGateway> {
    gateway = await ActivatedGateway.open({
      listen: ports.map((port) => `127.0.0.1:${port}`),
      variables,
      command: [process.execPath, CLI, "serve", "--config", world.configPath],
    });
    return gateway;
  }

  function letter(): Parameters<World["accept"]>[0] {
    return { mailFrom: "a@clinic.test", rcptTo: ["b@safe.test"], bytes: mail(["Subject: Hello", "", "Text."]) };
  }

  function hand(port: number): Parameters<typeof submit>[0] {
    return { host: "127.0.0.1", port, ca: world.internet.ca, serverName: "gateway.clinic.test" };
  }

  test("mail comes in through both sockets and is delivered, and a life ends with exit code 0", async () => {
    const service = await open();
    service.grantLife();
    for (const port of ports) expect((await submit(hand(port), letter())).code).toBe(250);
    expect(service.output).toContain(`"host":"127.0.0.1","port":${ports[0]}`);
    await world.arrived("mx.safe.test", 2);
    expect(await service.endLife()).toBe(0);
  });

  test("who connects while the service is down is greeted by its next life", async () => {
    const service = await open();
    service.grantLife();
    expect((await submit(hand(ports[0]), letter())).code).toBe(250);
    await service.endLife();
    const waiting = await Promise.all(ports.map((port) => connected(port)));
    service.grantLife();
    for (const socket of waiting) expect(await greeting(socket)).toMatch(/^220 /);
    expect((await submit(hand(ports[1]), letter())).code).toBe(250);
    await world.arrived("mx.safe.test", 2);
  });

  test("a socket for a purpose we do not know is refused before anything is opened", async () => {
    const service = await open({ LISTEN_FDNAMES: "smtp:portal" });
    service.grantLife();
    (await connected(ports[0])).destroy();
    await service.said("over 1");
    expect(service.output).toContain("PST-SVC-002");
    expect(service.output).not.toContain("recovered");
  });
});

async function connected(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  return socket;
}

async function greeting(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return chunk.toString("latin1");
}
