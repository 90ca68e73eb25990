/**
 * Killed during chores that a serving process does seldom: forgetting ended mail, bringing an older database up to date, beginning
 * the next segment under load. The stores are those of the service, in a process of their own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import Database from "better-sqlite3";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import { filesUnder } from "../support/canary.ts";
import { CrashLife } from "../support/crash-life.ts";
import { quiet } from "../support/never-clear-run.ts";
import { mail } from "../support/world.ts";

let life: CrashLife;
beforeEach(async () => {
  life = await CrashLife.begin();
});
afterEach(() => life.end());

const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

/** Runs `body` in a process armed with these failpoints, with `folder` the data directory; how it ended. */
async function run(failpoints: string, body: string): Promise<NodeJS.Signals | number | null> {
  const script = join(life.world.folder, "chore.mts");
  writeFileSync(
    script,
    `import { armFailpoints, parseFailpoints } from ${source("parts/failpoint/arm-failpoints.ts")};
     const folder = ${JSON.stringify(join(life.world.folder, "data"))};
     armFailpoints(parseFailpoints(${JSON.stringify(failpoints)}));
     ${body}`,
  );
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "ignore", "inherit"] });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return signal ?? code;
}

describe("forgetting ended mail", () => {
  const reap = `
    import { readFileSync } from "node:fs";
    import { KeyRing } from ${source("parts/keys/key-ring.ts")};
    import { FieldSealer } from ${source("parts/keys/field-sealer.ts")};
    import { openBlobStore } from ${source("parts/store/blob-store.ts")};
    import { openQueueStore } from ${source("parts/store/sqlite-queue-store.ts")};
    import { reapEnded } from ${source("stages/spool/reap.ts")};
    const bytesOf = (name) => Buffer.from(readFileSync(folder + "/../keys/" + name + ".key", "utf8"), "hex");
    const keyRing = new KeyRing({ spool: { name: "spool", bytes: bytesOf("spool") }, addresses: { name: "addresses", bytes: bytesOf("addresses") } });
    const quiet = () => {};
    const store = await openQueueStore({ path: folder + "/gateway.db", owner: "reaper", sealer: new FieldSealer(keyRing),
      clock: { now: () => Date.now(), monotonic: () => performance.now() }, log: { debug: quiet, info: quiet, warn: quiet, error: quiet } });
    const blobs = await openBlobStore({ directory: folder + "/spool", keyRing });
    await blobs.recover(store);
    await reapEnded({ endedBefore: Date.now() + 1e9, portionMax: 1 }, { store, blobs, signal: new AbortController().signal });
    await blobs.close();
    await store.close();`;

  test("killed between its rows and its bodies, the next start removes the bodies, and the chain keeps what happened", async () => {
    await life.world.startGateway();
    const ids = [];
    for (let i = 0; i < 3; i += 1) ids.push(await life.world.accept(large(`wagtail${i}`)));
    await quiet(life.world);
    await life.world.stopGateway();
    expect(bodies()).toHaveLength(3);
    expect(await run("reap.rows-gone=kill@2", reap)).toBe("SIGKILL");
    expect(bodies()).toHaveLength(2);
    await life.world.startGateway();
    expect(bodies()).toHaveLength(1);
    const left = await Promise.all(ids.map((id) => life.world.recipients(id)));
    // Which ended first is not for this test to say.
    expect(left.map((rows) => rows.length).toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
    expect(await verifyChain(life.world.postern.store)).toMatchObject({ faults: [] });
    for (const id of ids) expect((await life.world.audit(id)).at(-1)?.event.kind).toBe("delivered");
  });

  const bodies = (): readonly string[] => readdirSync(join(life.world.folder, "data", "spool", "files"));
});

describe("bringing an older database up to date", () => {
  const migrate = `
    import { MIGRATIONS } from ${source("parts/store/migrations.ts")};
    import { openDatabase } from ${source("parts/store/sqlite-database.ts")};
    const version = MIGRATIONS.at(-1).version + 1;
    const next = { version, sql: "ALTER TABLE recipient ADD COLUMN added TEXT; UPDATE recipient SET added = 'x'" };
    openDatabase(folder + "/gateway.db", Date.now(), [...MIGRATIONS, next]).db.close();`;

  test.each(["store.migration-backed-up", "store.migration-before-commit"])(
    "killed at %s, the schema and the queue are as they were, beside a whole backup",
    async (point) => {
      await life.world.startGateway();
      const id = await life.world.accept(large("wagtail", "nowhere"));
      await quiet(life.world);
      await life.world.stopGateway();
      expect(await run(`${point}=kill`, migrate)).toBe("SIGKILL");
      const [backup] = readdirSync(join(life.world.folder, "data")).filter((name) => name.endsWith(".backup"));
      const copy = new Database(join(life.world.folder, "data", backup ?? ""), { readonly: true });
      expect(copy.pragma("integrity_check", { simple: true })).toBe("ok");
      expect(copy.prepare("SELECT count(*) FROM recipient").pluck().get()).toBe(1);
      copy.close();
      await life.world.startGateway();
      expect(await life.world.recipients(id)).toMatchObject([{ state: "deferred" }]);
      expect(await verifyChain(life.world.postern.store)).toMatchObject({ faults: [] });
    },
  );
});

describe("beginning the next segment", () => {
  /** Below the size that gets a file of its own; 280 of them fill a segment. */
  const BODY_BYTES = 250_000;

  test(
    "killed at the roll-over under load, every acknowledged mail is there with its body",
    { timeout: 60_000 },
    async () => {
      const acknowledged: string[] = [];
      const sender = async (from: number): Promise<void> => {
        for (let i = from; i < 400; i += 8) {
          const text = `wagtail${i}`;
          const bytes = mail([`From: from@clinic.test`, `Subject: ${text}`, "", "x".repeat(70), ...padding()]);
          const answer = await life.submit({ mailFrom: "from@clinic.test", rcptTo: ["to@nowhere.test"], bytes });
          const id = /queued as ([0-9A-Z]{26})/.exec(answer?.text ?? "")?.[1];
          if (id === undefined) return;
          acknowledged.push(id);
        }
      };
      const load = async (): Promise<void> => {
        await Promise.all(Array.from({ length: 8 }, (_, from) => sender(from)));
      };
      expect(await life.dieUnder(load, { failpoints: "segment.before-create=kill@2" })).toBe("SIGKILL");
      expect(acknowledged.length).toBeGreaterThan(200);
      const segments = filesUnder(join(life.world.folder, "data", "spool", "segments")).map(
        ({ path }) => statSync(path).size,
      );
      expect(Math.max(...segments)).toBeGreaterThan(60_000_000);
      await life.world.startGateway();
      expect(life.world.log.join("")).not.toContain("bodies_missing");
      expect(await verifyChain(life.world.postern.store)).toMatchObject({ faults: [] });
      const rows = await life.world.postern.store.recipients({ limit: 1_000 });
      const known = new Set(rows.map(({ messageId }) => String(messageId)));
      expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
    },
  );

  const padding = (): readonly string[] => Array.from({ length: BODY_BYTES / 80 }, () => "y".repeat(78));
});

function large(canary: string, domain = "good"): Parameters<CrashLife["world"]["accept"]>[0] {
  const lines = Array.from({ length: 5_000 }, () => "z".repeat(78));
  const bytes = mail([`From: from@clinic.test`, `Subject: ${canary}`, "", ...lines]);
  return { mailFrom: "from@clinic.test", rcptTo: [`to@${domain}.test`], bytes };
}
