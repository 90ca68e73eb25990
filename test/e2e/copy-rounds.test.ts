/** A list behind the compliance mailbox that sends copies on through the gateway, under a header of its own: it ends. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EventBody } from "../../src/core/event.ts";
import { COPIES_ALIKE_MAX } from "../../src/stages/protect/copy-rounds.ts";
import { RULE_PACK } from "../support/rule-pack.ts";
import { mail, World } from "../support/world.ts";

let world: World;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-rounds-"));
  writeFileSync(join(folder, "acts.yaml"), RULE_PACK);
  const names = ["a.test", "vault.test"];
  world = await World.start({
    zone: Object.fromEntries(names.map((name) => [name, { MX: [[10, `mx.${name}`]] }])),
    servers: names.map((name, index) => ({
      name: `mx.${name}`,
      address: `127.44.7.${index + 2}`,
      certificate: "valid" as const,
    })),
    packs: [join(folder, "acts.yaml")],
    config: {
      dlp: { packs: [join(folder, "acts.yaml")], copy_to: ["compliance@vault.test"], notify: ["reviewers@vault.test"] },
    },
  });
});

afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

async function events(id: string, kind: EventBody["kind"]): Promise<readonly EventBody[]> {
  return (await world.audit(id)).filter((row) => row.kind === kind).map(({ event }) => event);
}

test.each([
  ["keeps the Message-ID", () => "<kept@clinic.test>"],
  ["gives it a Message-ID of its own", (at: number) => `<new${at}@vault.test>`],
])(
  "a list that %s gets so many copies an hour and no more; the mail goes, and operators hear of it",
  async (_, idOf) => {
    world.advance(3_600_000);
    const copies: number[] = [];
    let last = "";
    for (let at = 0; at <= COPIES_ALIKE_MAX; at += 1) {
      const lines = ["From: <list@vault.test>", `Message-ID: ${idOf(at)}`, "", "copyword and wardword"];
      last = await world.accept({ mailFrom: `bounce-${at}@vault.test`, rcptTo: ["x@a.test"], bytes: mail(lines) });
      expect(await world.settled(last)).toMatchObject([{ state: "delivered" }]);
      copies.push((await events(last, "child")).length);
    }
    expect([copies.slice(0, -1).every((count) => count === 1), copies.at(-1)]).toEqual([true, 0]);
    expect(await events(last, "alert")).toMatchObject([{ code: "PST-PRT-008" }]);
  },
);
