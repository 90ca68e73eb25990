/**
 * Lone small bodies lie in the ring of the database until their segment is synced: a power cut, which takes what was written to the
 * segment and not synced, loses nothing that was acknowledged.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CrashLife } from "../support/crash-life.ts";

let life: CrashLife;
beforeEach(async () => {
  life = await CrashLife.begin();
});
afterEach(() => life.end());

/** As if nothing of the bodies that the ring holds had reached their place. Returns their locators. */
function loseUnsynced(): readonly string[] {
  const db = new Database(life.databasePath);
  const heads = db.prepare("SELECT bytes FROM redo WHERE chunk % 16 = 0").pluck().all() as Buffer[];
  db.close();
  return heads.map((head) => {
    const locator = head.toString("latin1", 8, 8 + head.readUInt32BE(4));
    const [, segment = "", offset = "0"] = locator.split(":");
    const path = join(life.world.folder, "data/spool/segments", `${segment}.seg`);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0, Number(offset), Number(offset) + head.readUInt32BE(0)));
    return locator;
  });
}

test("an acknowledged mail whose body never reached its segment arrives", async () => {
  const { death, answer } = await life.die({ failpoints: "accept.after-250=kill@2" }, "small", { isSecond: true });
  expect([death, answer?.code]).toEqual(["SIGKILL", 250]);
  expect(loseUnsynced()).toHaveLength(1);
  expect(await life.goOn()).toMatchObject({ copies: 1, chainFaults: [], leaks: [], missingBodies: false });
});

test("also where the process is killed again while it brings the body to its place", async () => {
  await life.die({ failpoints: "accept.after-250=kill@2" }, "small", { isSecond: true });
  loseUnsynced();
  expect(await life.dieAtStart({ failpoints: "recovery.before-redo=kill" })).toBe("SIGKILL");
  expect(await life.goOn()).toMatchObject({ copies: 1, chainFaults: [], leaks: [], missingBodies: false });
});

test("record.before-sync=kill: all that was acknowledged since the last sync arrives once", async () => {
  let acknowledged = 0;
  const load = async (): Promise<void> => {
    for (let sent = 0; sent < 500; sent += 1) {
      const answer = await life.hand("slow");
      if (answer === null) return;
      if (answer.code === 250) acknowledged += 1;
    }
  };
  expect(await life.dieUnder(load, { failpoints: "record.before-sync=kill" })).toBe("SIGKILL");
  expect(acknowledged).toBeGreaterThanOrEqual(60);
  expect(loseUnsynced().length).toBeGreaterThanOrEqual(64);
  const after = await life.goOn();
  expect(after).toMatchObject({ chainFaults: [], leaks: [], missingBodies: false });
  expect(after.recipients.filter(({ state }) => state === "delivered").length).toBeGreaterThanOrEqual(acknowledged);
});
