import { afterAll, beforeAll, expect, test } from "vitest";
import { mail, World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await World.start({
    zone: { "verified.test": { MX: [[10, "mx.verified.test"]] } },
    servers: [{ name: "mx.verified.test", address: "127.0.0.2", certificate: "valid" }],
    config: { delivery: { paused: true } },
  });
});
afterAll(() => world.close());

test("with delivery.paused mail is taken and kept, and nothing of it begins", async () => {
  const id = await world.accept({
    mailFrom: "nurse@clinic.test",
    rcptTo: ["a@verified.test"],
    bytes: mail(["From: nurse@clinic.test", "To: a@verified.test", "Subject: Lunch", "", "See you at noon."]),
  });
  world.postern.wake();
  // A stop lets end what has begun.
  await world.stopGateway();
  expect(world.server("mx.verified.test").allSeen.length).toBe(0);
  await world.startGateway();
  const [recipient] = await world.recipients(id);
  expect([recipient?.state, recipient?.attempts, recipient?.lease]).toEqual(["received", 0, null]);
});
