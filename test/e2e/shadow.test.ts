/** A rule in shadow acts on nothing, and what it would have done is on record. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { runDlp } from "../support/dlp-command.ts";
import { mail, World } from "../support/world.ts";

const PACK = `version: 1
pack: trial
detectors: [{ id: word, type: dictionary, terms: [diabetes] }]
rules: [{ id: trial.word, status: shadow, tier: high, action: hold, when: { any_of: [word] } }]
`;
let world: World;
let folder = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-shadow-"));
  writeFileSync(join(folder, "trial.yaml"), PACK);
  world = await World.start({
    zone: { "friend.test": { MX: [[10, "mx.friend.test"]] } },
    servers: [{ name: "mx.friend.test", address: "127.12.1.10", certificate: "valid" }],
    packs: [join(folder, "trial.yaml")],
  });
  vi.stubEnv("POSTERN_CONFIG", world.configPath);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await world.close();
  rmSync(folder, { recursive: true });
});

test("it is delivered like any other mail, and the audit and the report tell of it", async () => {
  const bytes = mail(["From: a@clinic.test", "To: b@friend.test", "Subject: x", "", "diabetes"]);
  const id = await world.accept({ mailFrom: "a@clinic.test", rcptTo: ["b@friend.test"], bytes });
  await world.settled(id, ["delivered"]);
  const event = (await world.audit(id)).find((row) => row.kind === "inspected")?.event;
  expect(event).toMatchObject({
    findings: { verdict: "clean", hits: [], shadow: [{ pack: "trial", rule: "trial.word", action: { kind: "hold" } }] },
  });
  const { output, error } = await runDlp("shadow-report", "--since", "1h", "--json");
  expect(error).toBeNull();
  expect(JSON.parse(output)).toEqual({
    rule: "trial/trial.word",
    action: "hold",
    tier: "high",
    messages: 1,
    changed: 1,
    examples: [id],
    inspected: 1,
  });
});
