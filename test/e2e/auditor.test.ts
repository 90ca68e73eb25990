/** An auditor who may read neither database nor keys: verifies, follows and exports the audit over the control socket, as the role allows. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, chownSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Control } from "../../src/parts/control/control.ts";
import { runCli } from "../support/child-gateway.ts";
import { canBeOthers, openDoor, PEOPLE, PEOPLE_CONFIG, PEOPLE_TIMEOUT_MS, runAs } from "../support/people.ts";
import { mail, World } from "../support/world.ts";

vi.setConfig({ testTimeout: PEOPLE_TIMEOUT_MS, hookTimeout: PEOPLE_TIMEOUT_MS });

let world: World;
let control: Control;
let own: string;
let id: string;

beforeAll(async () => {
  world = await World.start({
    zone: { "safe.test": { MX: [[10, "mx.safe.test"]] } },
    servers: [{ name: "mx.safe.test", address: "127.0.0.2", certificate: "valid" }],
    config: PEOPLE_CONFIG,
  });
  control = await openDoor(world);
  own = mkdtempSync(join(tmpdir(), "postern-auditor-"));
  chownSync(own, PEOPLE.iris.uid, PEOPLE.iris.gid);
  for (let n = 0; n < 60; n += 1) {
    const bytes = mail(["From: nurse@clinic.test", "Subject: lunch", "", "At noon."]);
    id = await world.accept({ mailFrom: "nurse@clinic.test", rcptTo: ["a@safe.test", "b@safe.test"], bytes });
  }
  await world.settled(id, ["delivered"]);
  await world.postern.audit.checkpoints.sign("asked");
});
afterAll(async () => {
  await control.close();
  await world.close();
  rmSync(own, { recursive: true, force: true });
});

describe.skipIf(!canBeOthers)("the role auditor", () => {
  test("verifies every row, and with the public line of the key their signatures too", async () => {
    const { seq } = await world.postern.store.auditHead();
    expect(seq).toBeGreaterThan(500);
    const without = await runAs("iris", world, "audit", "verify");
    expect(without).toMatchObject({ code: 0, output: expect.stringContaining(`${seq} rows, each as it was written`) });
    expect(without.output).toContain("signatures not checked: no key is known");
    const shown = await runCli(["--config", world.configPath, "audit", "key", "show"]);
    const key = join(own, "verifier.txt");
    writeFileSync(key, shown.output);
    chmodSync(key, 0o644);
    const checked = await runAs("iris", world, "audit", "verify", "--key", key);
    expect(checked).toMatchObject({
      code: 0,
      output: expect.stringMatching(/rows up to \d+ fit a signed checkpoint within the audit$/m),
    });
  });

  test("exports all of it, and one message alone, byte for byte as who reads the file does", async () => {
    for (const [name, filter] of [
      ["all", []],
      ["one", ["--message", id]],
    ] as const) {
      const file = join(own, `${name}.jsonl`);
      expect(await runAs("iris", world, "audit", "export", ...filter, "--output", file)).toMatchObject({ code: 0 });
      const direct = await runCli([
        "--config",
        world.configPath,
        "audit",
        "export",
        ...filter,
        "--output",
        `${file}.root`,
      ]);
      expect(direct.code).toBe(0);
      expect(readFileSync(file, "utf8")).toBe(readFileSync(`${file}.root`, "utf8"));
    }
  });

  test("follows it, places a legal hold and sees it", async () => {
    expect((await runAs("iris", world, "audit", "tail", "-n", "5")).output.trim().split("\n")).toHaveLength(5);
    const placed = await runAs("iris", world, "audit", "hold", "add", "--message", id, "--reason", "matter 7");
    expect(placed.code).toBe(0);
    expect((await runAs("iris", world, "audit", "hold", "list")).output).toContain("matter 7");
  });

  test("does nothing to mail, and who is no auditor reads no row", async () => {
    expect((await runAs("iris", world, "queue", "drop", id, "--reason", "x")).output).toContain("PST-CTL-011");
    for (const command of [["verify"], ["tail"], ["export"], ["hold", "list"]]) {
      const { code, output } = await runAs("olga", world, "audit", ...command);
      expect([code, output]).toEqual([1, expect.stringContaining("needs auditor")]);
    }
  });
});
