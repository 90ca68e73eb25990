import { afterEach, beforeEach, expect, test } from "vitest";
import { mail, World } from "../support/world.ts";

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
  await world.postern.reload({ ...config, retentionHours: config.retentionHours + 1 });
  const told = world.log.filter((line) => line.includes("restart_needed"));
  expect(told.map((line) => (JSON.parse(line) as { option: string }).option)).toEqual(["retentionHours"]);
});
