/** A reload puts other rule packs in force while mail is in flight: each message is judged by one pack, and a broken one changes nothing. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reloadConfig } from "../../src/cli/control-handlers.ts";
import { createLog } from "../../src/parts/log/log.ts";
import type { EventBody } from "../../src/core/event.ts";
import { eventually, mail, World } from "../support/world.ts";

const SWAPS = 6;
const MAILS = 48;
/** Beyond what is inspected at once: these go through the thread. */
const FILLER = Array.from({ length: 800 }, (_, line) => `${line} and a line that fills the mail up to its size`);

type Inspected = Extract<EventBody, { kind: "inspected" }>;

let world: World;
let folder = "";
let pack = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-packs-"));
  pack = join(folder, "p.yaml");
  write(0);
  world = await World.start({
    zone: { "friend.test": { MX: [[10, "mx.friend.test"]] } },
    servers: [{ name: "mx.friend.test", address: "127.12.1.11", certificate: "valid" }],
    packs: [pack],
  });
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true });
});

function packText(version: number): string {
  return `version: 1
pack: swapped
detectors: [{ id: word, type: dictionary, terms: [diabetes] }]
rules: [{ id: rule.${version}, action: tag, when: { any_of: [word] } }]
`;
}

/** Returns the hash by which the audit names it. */
function write(version: number): string {
  writeFileSync(pack, packText(version));
  return createHash("sha256").update(packText(version)).digest("hex");
}

/** As SIGHUP and the command do. */
async function reload(): Promise<void> {
  const log = createLog("debug", { write: (line: string) => void world.log.push(line) });
  await reloadConfig({ postern: world.postern, configPath: world.configPath, log });
}

function accept(lines: readonly string[]): Promise<string> {
  const bytes = mail(["From: a@clinic.test", "Subject: x", "", "diabetes", ...lines]);
  return world.accept({ mailFrom: "a@clinic.test", rcptTo: ["b@friend.test"], bytes });
}

async function judged(id: string): Promise<Inspected["findings"]> {
  await world.settled(id, ["delivered"]);
  const events = (await world.audit(id)).flatMap(({ event }) => (event.kind === "inspected" ? [event] : []));
  expect(events.length).toBe(1);
  return (events[0] as Inspected).findings;
}

function logged(event: string): readonly string[] {
  return world.log.filter((line) => line.includes(`"event":"${event}"`));
}

test("under load each message is judged by exactly one of the packs, and the audit names it by its hash", async () => {
  const rules = new Map([[write(0), "rule.0"]]);
  const ids: Promise<string>[] = [];
  for (let n = 0; n < MAILS; n += 1) {
    ids.push(accept(n % 2 === 0 ? FILLER : []));
    if (n % (MAILS / SWAPS) !== 0) continue;
    const version = rules.size;
    rules.set(write(version), `rule.${version}`);
    await reload();
    await Promise.all(ids);
  }
  const found = { small: new Set<string>(), large: new Set<string>() };
  for (const [n, id] of (await Promise.all(ids)).entries()) {
    const { packs, hits, verdict } = await judged(id);
    const [by, ...more] = packs;
    expect([verdict, more]).toEqual(["clean", []]);
    expect(hits.map(({ pack: name, rule }) => [name, rule])).toEqual([["swapped", rules.get(by?.sha256 ?? "")]]);
    found[n % 2 === 0 ? "large" : "small"].add(by?.sha256 ?? "");
  }
  expect([found.small.size > 2, found.large.size > 2]).toEqual([true, true]);
  expect(logged("reloaded").length).toBe(SWAPS);
}, 60_000);

test("reloads at the same time leave the last pack in force", async () => {
  const reloads: Promise<void>[] = [];
  for (let version = 100; version < 105; version += 1) {
    write(version);
    reloads.push(reload());
  }
  await Promise.all(reloads);
  const { hits } = await judged(await accept([]));
  expect(hits.map(({ rule }) => rule)).toEqual(["rule.104"]);
});

test.each([
  ["a pack with errors", (): void => writeFileSync(pack, packText(201).replace("any_of", "anyof"))],
  [
    "a pack whose tests fail",
    (): void => writeFileSync(pack, `${packText(201)}tests: [{ text: x, expect: [rule.201] }]`),
  ],
  ["a pack that is gone", (): void => rmSync(pack)],
])("%s changes nothing: alert, audit and log tell of it, and a good one resolves that", async (_, spoil) => {
  const before = write(200);
  await reload();
  spoil();
  const refused = logged("reload_refused").length;
  await expect(reload()).rejects.toThrow("PST-CFG-001");
  expect(logged("reload_refused").length).toBe(refused + 1);
  expect(logged("reload_refused").at(-1)).toContain('"code":"PST-CFG-002"');
  await eventually(async () => (alertCodes().includes("PST-CFG-002") ? true : null));
  for (const lines of [[], FILLER]) {
    const { packs, hits } = await judged(await accept(lines));
    expect([packs[0]?.sha256, hits.map(({ rule }) => rule)]).toEqual([before, ["rule.200"]]);
  }
  const rows = await world.postern.store.auditPage(1, 10_000);
  expect(rows.filter(({ kind }) => kind === "service").at(-1)?.body).toContain("reload_refused");
  write(202);
  await reload();
  await eventually(async () => (alertCodes().includes("PST-CFG-002") ? null : true));
});

function alertCodes(): readonly string[] {
  return world.postern.watching.alerts().map(({ code }) => code);
}
