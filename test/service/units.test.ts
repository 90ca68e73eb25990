/** The units as systemd itself judges them, without a booted one: they parse, and the sandbox is as tight as promised. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { peers, run } from "../support/peers.ts";

const { areMissing, note } = peers("systemd");
const FOLDER = resolve(import.meta.dirname, "../../systemd");
const SERVICE = `${FOLDER}/postern.service`;
/** systemd counts 0 (safe) to 10; its option takes tenths of that. */
const EXPOSURE_MAX = 2.0;

/** What verify says about the machine it runs on instead of about the unit: the program is not installed here. */
const NOT_INSTALLED = /\/usr\/lib\/postern\/\S+ is not executable/;

describe.skipIf(areMissing)(`systemd on our units${note}`, () => {
  test("it understands every line of service and sockets", async () => {
    const units = ["postern.socket", "postern-backup.service", "postern-backup.timer"].map(
      (name) => `${FOLDER}/${name}`,
    );
    const { stderr } = await run("/usr/bin/systemd-analyze", ["verify", SERVICE, ...units]);
    const complaints = stderr.split("\n").filter((line) => line !== "" && !NOT_INSTALLED.test(line));
    expect(complaints).toEqual([]);
  });

  test.each(["postern", "postern-backup"])(`it rates the exposure of %s at ${EXPOSURE_MAX} or less`, async (name) => {
    const unit = `${FOLDER}/${name}.service`;
    const args = ["security", "--offline=true", `--threshold=${EXPOSURE_MAX * 10}`, "--no-pager", unit];
    const { exitCode, stdout } = await run("/usr/bin/systemd-analyze", args);
    const rating = Number(new RegExp(`Overall exposure level for ${name}\\.service: ([\\d.]+)`).exec(stdout)?.[1]);
    expect(rating).toBeGreaterThan(0);
    expect(rating).toBeLessThanOrEqual(EXPOSURE_MAX);
    expect(exitCode).toBe(0);
  });

  test("it knows the user and the folders", async () => {
    const users = await run("/usr/bin/systemd-sysusers", ["--dry-run", `${FOLDER}/sysusers.d/postern.conf`]);
    expect(users).toMatchObject({ exitCode: 0 });
    expect(users.stderr + users.stdout).toMatch(/postern|^$/);
    const folders = readFileSync(`${FOLDER}/tmpfiles.d/postern.conf`, "utf8").trim().split("\n");
    expect(folders).toEqual([
      "d /var/lib/postern 0700 postern postern -",
      "d /run/postern 0711 postern postern -",
      "d /var/backups/postern 0700 postern postern -",
    ]);
  });
});

test("the service has no capability, and nobody but root reads its keys", () => {
  const unit = readFileSync(SERVICE, "utf8");
  expect(unit).toMatch(/^CapabilityBoundingSet=$/m);
  expect(unit).not.toMatch(/^AmbientCapabilities=/m);
  expect(unit.match(/^LoadCredential=\S+$/gm)).toEqual([
    "LoadCredential=spool.key:/etc/postern/keys/spool.key",
    "LoadCredential=addresses.key:/etc/postern/keys/addresses.key",
  ]);
});
