/** A database that is full for a moment, wherever on the path of a mail: the mail arrives, once, and nothing has to be restarted. */
import { afterEach, expect, test } from "vitest";
import { eventually, mail, World } from "../support/world.ts";

let world: World | null = null;
afterEach(async () => {
  await world?.close();
  world = null;
});

/** The groups of requests that the writer commits for a start are fewer; then come those of the mail and of who looks at the queue. */
test.each([6, 7, 8, 9, 10, 11])("its commit number %i is refused", async (nth) => {
  world = await World.start({
    zone: { "b.test": { MX: [[10, "mx.b.test"]] } },
    servers: [{ name: "mx.b.test", address: "127.13.1.1", certificate: "valid" }],
    failpoints: [{ name: "store.before-commit", action: "enospc", stallMs: 0, nth, isOnce: true }],
  });
  const { postern } = world;
  const handed = { mailFrom: "a@clinic.test", rcptTo: ["r@b.test"], bytes: mail(["Subject: x", "", "x"]) };
  const id = await eventually(async () => {
    if (postern.pressure().level === "closed") return null;
    const { code, text } = (await world?.submit(handed)) ?? { code: 0, text: "" };
    if (code === 250) return /queued as ([0-9A-Z]{26})/.exec(text)?.[1] ?? "";
    expect(code).toBeGreaterThanOrEqual(421);
    expect(code).toBeLessThan(500);
    return null;
  });
  // A look at the queue may be what is refused.
  const settled = await eventually(async () => {
    const [recipient] = (await world?.recipients(id).catch(() => [])) ?? [];
    if (recipient?.state === "delivered") return recipient;
    // The intent before the dot was refused, so nothing was sent: tried again after the first pause.
    if (recipient?.state === "deferred") world?.advance(90_000);
    return null;
  });
  expect(settled.possibleDuplicate).toBe(false);
  expect(world.server("mx.b.test").transactions).toHaveLength(1);
  expect(world.fatal).toEqual([]);
});
