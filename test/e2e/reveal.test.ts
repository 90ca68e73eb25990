/** Values that detection found are shown to a person only after the audit of the gateway here says so. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Control } from "../../src/parts/control/control.ts";
import { runDlp } from "../support/dlp-command.ts";
import type { DlpRun } from "../support/dlp-command.ts";
import { openDoor, PEOPLE_CONFIG } from "../support/people.ts";
import { World } from "../support/world.ts";

const VALUE = "00482913";
let world: World;
let control: Control;
let file: string;
const hadTerminal = process.stdout.isTTY;

beforeAll(async () => {
  world = await World.start({
    zone: { "friend.test": { MX: [[10, "mx.friend.test"]] } },
    servers: [{ name: "mx.friend.test", address: "127.12.1.9", certificate: "valid" }],
    config: { control: PEOPLE_CONFIG.control },
  });
  control = await openDoor(world);
  file = join(world.folder, "seen.eml");
  writeFileSync(file, `Subject: x\r\n\r\nMRN ${VALUE}, hemoglobin 9.1`);
  vi.stubEnv("POSTERN_CONFIG", world.configPath);
  process.stdout.isTTY = true;
});
afterAll(async () => {
  process.stdout.isTTY = hadTerminal;
  vi.unstubAllEnvs();
  await control.close();
  await world.close();
});
const reveal = (...more: readonly string[]): Promise<DlpRun> => runDlp("explain", file, "--reveal", ...more);

async function reveals(): Promise<readonly Record<string, unknown>[]> {
  const rows = await world.postern.store.auditPage(1, 1_000);
  return rows.filter(({ kind }) => kind === "reveal").map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

test("without a reason nothing is shown and nothing recorded", async () => {
  const { output, error } = await reveal();
  expect(error).toMatchObject({ exitCode: 2 });
  expect(output).toBe("");
  expect(await reveals()).toEqual([]);
});

test("on a terminal values are shown, and the audit says who looked, at what and why", async () => {
  const { output } = await reveal("--reason", "false alarm");
  expect(output).toContain(VALUE);
  const [row, ...more] = await reveals();
  expect(row).toMatchObject({ kind: "reveal", uid: process.getuid?.(), reason: "false alarm" });
  expect(row?.["file"]).toMatch(/^[0-9a-f]{64}$/);
  expect(more).toEqual([]);
  expect(JSON.stringify(row)).not.toContain(VALUE);
});

test("where the service does not answer nothing is shown", async () => {
  await control.close();
  const { output, error } = await reveal("--reason", "false alarm");
  expect(String(error)).toContain("PST-CTL-001");
  expect(output).not.toContain(VALUE);
});
