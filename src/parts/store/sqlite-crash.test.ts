import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CANARIES, LEASE, manualClock, messageIdAt, recipientAt, sampleFindings } from "./queue-store.samples.ts";
import { sampleMessage, samplePlan, sampleVariant, silentLog, START } from "./queue-store.samples.ts";
import { step, testSealer, transition } from "./queue-store.samples.ts";
import { openQueueReader } from "./sqlite-queue-reader.ts";
import { openQueueStore } from "./sqlite-queue-store.ts";
import type { SqliteQueueStore } from "./sqlite-queue-store.ts";

let folder: string;
let path: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-crash-"));
  path = join(folder, "gateway.db");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const openStore = (): Promise<SqliteQueueStore> =>
  openQueueStore({ path, owner: "test", sealer: testSealer(), clock: manualClock(), log: silentLog });

const MODULE = new URL("./sqlite-queue-store.ts", import.meta.url).href;
const SAMPLES = new URL("./queue-store.samples.ts", import.meta.url).href;

/** A process of its own that opens the store and runs `body`; `line()` waits for what it prints. */
function childRunning(body: string, shell = ""): { child: ChildProcess; line: () => Promise<string> } {
  const script = join(folder, "child.mts");
  writeFileSync(
    script,
    `import { openQueueStore } from ${JSON.stringify(MODULE)};
     import * as samples from ${JSON.stringify(SAMPLES)};
     const say = (text) => process.stdout.write(text + "\\n");
     const store = await openQueueStore({ path: process.argv[2], owner: "child", sealer: samples.testSealer(),
       clock: samples.manualClock(), log: samples.silentLog, onUnhealthy: (error) => say("unhealthy " + error.code) });
     ${body}`,
  );
  const child = spawn("/bin/sh", ["-c", `${shell} exec "$0" "$@"`, process.execPath, script, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  if (child.stdout === null) throw new Error("no stdout");
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return { child, line: async () => String((await lines.next()).value) };
}

describe("one writer at a time", () => {
  test("a second process is refused and told who holds it; after kill -9 the next start succeeds and finds what was acknowledged", async () => {
    const { child, line } = childRunning(
      `for (let n = 1; n <= 5; n++) { await store.accept(samples.sampleMessage(n, { lease: samples.LEASE })); say("250 " + n); }
       await store.commit(samples.transition(samples.step(samples.recipientAt(2), 1, { state: "dot_sent" })), "durable");
       say("dot"); setInterval(() => {}, 1000);`,
    );
    for (let n = 1; n <= 5; n += 1) expect(await line()).toBe(`250 ${n}`);
    expect(await line()).toBe("dot");
    await expect(openStore()).rejects.toThrow(new RegExp(`PST-SPL-050.*\\(process ${child.pid}\\)`));

    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(`${path}-wal`)).toBe(true);
    const store = await openStore();
    expect(await store.counts()).toMatchObject({ byState: { received: 4, dot_sent: 1 } });
    expect(await store.recover({ now: START, ambiguousDueAt: START + 9 })).toEqual({ resumed: 0, ambiguous: 1 });
    expect((await store.claim({ now: START, limit: 10, lease: LEASE })).recipients).toHaveLength(4);
    await store.close();
  });

  test("two stores of one process on one path are refused as well, and closing frees the path", async () => {
    const first = await openStore();
    await expect(openStore()).rejects.toMatchObject({ code: "PST-SPL-050" });
    await first.close();
    await (await openStore()).close();
  });
});

describe("a disk that fails", () => {
  test("latches the store: what waits is refused with a code, nothing is taken later, the next start has what was acknowledged", async () => {
    const { child, line } = childRunning(
      `let n = 0;
       for (;;) {
         const wave = [++n, ++n, ++n].map((id) => store.accept(samples.sampleMessage(id, { recipients: 40 })));
         const results = await Promise.allSettled(wave);
         for (const r of results) say(r.status === "fulfilled" ? "250" : r.reason.code);
         if (results.some((r) => r.status === "rejected")) break;
       }
       await new Promise((go) => setTimeout(go, 5));
       for (const asked of [store.counts(), store.accept(samples.sampleMessage(9999))]) await asked.catch((e) => say(e.code));
       await store.close();
       say("closed " + store.unhealthy.code + " " + store.unhealthy.sqlite);`,
      // Node ignores SIGXFSZ: a write over the limit fails with EFBIG, which SQLite reports as an I/O error.
      "ulimit -f 1500;",
    );
    const said: string[] = [];
    for (let next = await line(); ; next = await line()) {
      said.push(next);
      if (next.startsWith("closed") || next === "undefined") break;
    }
    const acknowledged = said.filter((text) => text === "250").length;
    expect(acknowledged).toBeGreaterThan(0);
    // One group failed with the disk's error; what was in later groups of the same wave met the latch.
    const refused = said.filter((text) => text.startsWith("PST-"));
    expect(refused[0]).toBe("PST-SPL-055");
    expect(new Set(refused.slice(1, -2)).isSubsetOf(new Set(["PST-SPL-055", "PST-SPL-056"]))).toBe(true);
    expect(refused.slice(-2)).toEqual(["PST-SPL-056", "PST-SPL-056"]);
    expect(said.filter((text) => text.startsWith("unhealthy"))).toEqual(["unhealthy PST-SPL-055"]);
    expect(said.at(-1)).toMatch(/^closed PST-SPL-055 SQLITE_IOERR/);
    if (child.exitCode === null) await once(child, "exit");
    const store = await openStore();
    expect((await store.counts()).byState).toEqual({ received: acknowledged * 40 });
    await store.close();
  });
});

describe("grouping and sealing, seen from the files", () => {
  test("a hundred concurrent accepts take a few commits, not a hundred; each is one of the WAL", async () => {
    const store = await openStore();
    const before = commitsInWal();
    await Promise.all(Array.from({ length: 100 }, (_, n) => store.accept(sampleMessage(n))));
    const together = commitsInWal() - before;
    expect(together).toBeLessThanOrEqual(40);
    for (let n = 200; n < 205; n += 1) await store.accept(sampleMessage(n));
    expect(commitsInWal() - before - together).toBe(5);
    await store.close();
  });

  test("no address, file name, reply, generated header or finding stands in any file in the clear", async () => {
    const store = await openStore();
    await store.accept(sampleMessage(1, { recipients: 3, lease: LEASE }));
    const lastReply = { code: 550, enhanced: "5.1.1", text: `no ${CANARIES.reply}` } as const;
    const patch = { state: "deferred", plan: samplePlan, lastReply, variantId: sampleVariant(1).id } as const;
    const inspected = { messageId: messageIdAt(1), findings: sampleFindings };
    const variants = [sampleVariant(1)];
    await store.commit({ ...transition(step(recipientAt(1), 1, patch)), variants, inspected }, "durable");
    assertNoCanary(["gateway.db", "gateway.db-wal"]);
    // It is there all the same: sealed.
    expect(await store.recipients({ address: `${CANARIES.recipient}-1-1@rcpt.example`, limit: 1 })).toHaveLength(1);
    await store.close();
    assertNoCanary(["gateway.db"]);
  });
});

describe("the reader beside the service", () => {
  test("sees what is committed while the service runs, and after it is gone", async () => {
    const store = await openStore();
    await store.accept(sampleMessage(1, { recipients: 2, lease: LEASE }));
    const reader = openQueueReader({ path, sealer: testSealer() });
    const expected = await store.recipients({ limit: 10 });
    expect(await reader.recipients({ limit: 10 })).toEqual(expected);
    await store.commit(transition(step(recipientAt(1), 1, { state: "delivered" })), "durable");
    expect(await reader.counts()).toEqual(await store.counts());
    expect(await reader.message(messageIdAt(1))).toEqual(await store.message(messageIdAt(1)));
    expect(await reader.auditPage(1, 10)).toEqual(await store.auditPage(1, 10));
    expect(await reader.auditOf(messageIdAt(1), 10)).toEqual(await store.auditOf(messageIdAt(1), 10));
    expect(await reader.auditHead()).toEqual(await store.auditHead());
    const head = await store.auditHead();
    reader.close();
    await store.close();
    const later = openQueueReader({ path, sealer: testSealer() });
    expect(await later.auditHead()).toEqual(head);
    later.close();
    await (await openStore()).close();
  });

  test("refuses what is not there or not ours, and creates nothing", async () => {
    expect(() => openQueueReader({ path, sealer: testSealer() })).toThrow("PST-SPL-064");
    expect(readdirSync(folder)).toEqual([]);
    writeFileSync(path, "text, but long enough to be looked at as a database file".repeat(10));
    expect(() => openQueueReader({ path, sealer: testSealer() })).toThrow("PST-SPL-052");
    writeFileSync(path, "");
    expect(() => openQueueReader({ path, sealer: testSealer() })).toThrow(/PST-SPL-065.*schema version 0/);
    expect(statSync(path).size).toBe(0);
  });
});

/** Frames of the WAL that end a transaction: those with a database size in their header. */
function commitsInWal(): number {
  const wal = readFileSync(`${path}-wal`);
  const frameBytes = 24 + wal.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frameBytes <= wal.length; at += frameBytes) if (wal.readUInt32BE(at + 4) !== 0) commits += 1;
  return commits;
}

function assertNoCanary(files: readonly string[]): void {
  for (const file of files) {
    const bytes = readFileSync(join(folder, file));
    expect(bytes.includes("application_id") || bytes.length > 1000).toBe(true);
    for (const canary of [...Object.values(CANARIES), "rcpt.example", "sender.example"]) {
      for (const form of [
        canary,
        Buffer.from(canary).toString("base64").slice(0, -4),
        Buffer.from(canary).toString("hex"),
      ]) {
        expect(bytes.includes(form), `${file} holds ${canary}`).toBe(false);
      }
    }
  }
}
