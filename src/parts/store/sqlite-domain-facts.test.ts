import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, expect, test } from "vitest";
import { FieldSealer } from "../keys/field-sealer.ts";
import { KeyRing } from "../keys/key-ring.ts";
import { describeDomainFacts, sampleFact } from "./domain-facts.suite.ts";
import { manualClock, silentLog, testSealer } from "./queue-store.samples.ts";
import { openDatabase } from "./sqlite-database.ts";
import { MIGRATIONS } from "./migrations.ts";
import { openQueueReader } from "./sqlite-queue-reader.ts";
import { openQueueStore } from "./sqlite-queue-store.ts";
import type { QueueStoreOptions } from "./sqlite-queue-store.ts";

const folder = mkdtempSync(join(tmpdir(), "postern-facts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let stores = 0;
const nextPath = (): string => join(folder, `gateway-${++stores}.db`);
const openAt = (path: string, over: Partial<QueueStoreOptions> = {}) =>
  openQueueStore({ path, owner: "facts", sealer: testSealer(), clock: manualClock(), log: silentLog, ...over });

describeDomainFacts("sqlite", async ({ perKindMax, now }) => {
  const store = await openAt(nextPath(), { factsPerKindMax: perKindMax, clock: { now, monotonic: now } });
  return { facts: store.domainFacts, close: () => store.close() };
});

test("a fact survives a restart, is read beside the service, and stands in no file in the clear", async () => {
  const path = nextPath();
  const fact = sampleFact("canary-domain.example", { value: { note: "canary-value" }, lookAt: 7 });
  const written = await openAt(path);
  await written.domainFacts.put("proven", [fact], "durable");
  await written.close();
  for (const canary of ["canary-domain", "canary-value"]) expect(readFileSync(path).includes(canary)).toBe(false);
  const read = await openAt(path);
  expect(await read.domainFacts.get("proven", "canary-domain.example")).toEqual(fact);
  const beside = openQueueReader({ path, sealer: testSealer() });
  expect(await beside.domainFacts.get("proven", "canary-domain.example")).toEqual(fact);
  expect(await beside.domainFacts.list("proven", { after: null, limit: 5 })).toEqual({ facts: [fact], next: null });
  beside.close();
  await read.close();
});

test("after a change of keys a fact is found and replaced before it is sealed anew, and needs the old key no longer afterwards", async () => {
  const path = nextPath();
  const key = (name: string) => ({ name, bytes: randomBytes(32) });
  const old = { spool: key("old spool"), addresses: key("old addresses") };
  const present = { spool: key("spool"), addresses: key("addresses") };
  const both = new KeyRing({ ...present, previous: { spool: [old.spool], addresses: [old.addresses] } });
  const [kept, replaced] = [sampleFact("kept.example"), sampleFact("replaced.example")];
  const before = await openAt(path, { sealer: new FieldSealer(new KeyRing(old)) });
  await before.domainFacts.put("sts", [kept, replaced, sampleFact("removed.example")], "durable");
  await before.close();

  const changing = await openAt(path, { sealer: new FieldSealer(both) });
  const { domainFacts } = changing;
  expect(await domainFacts.get("sts", "kept.example")).toEqual(kept);
  await domainFacts.put("sts", [{ ...replaced, value: 2 }], "durable");
  await domainFacts.remove("sts", ["removed.example"], "durable");
  const rewrapper = { mark: () => "", rewrap: (_: string, wrapped: string) => wrapped };
  const { signal } = new AbortController();
  expect(await changing.rekey(rewrapper, signal)).toBe(1);
  expect(await changing.rekey(rewrapper, signal)).toBe(0);
  await changing.close();

  const after = await openAt(path, { sealer: new FieldSealer(new KeyRing(present)) });
  const { facts } = await after.domainFacts.list("sts", { after: null, limit: 9 });
  expect(facts.toSorted((a, b) => a.domain.localeCompare(b.domain))).toEqual([kept, { ...replaced, value: 2 }]);
  expect(await after.domainFacts.get("sts", "kept.example")).toEqual(kept);
  await after.close();
});

test("a fact that was altered or moved is unknown, not absent; a list leaves it out and says so in the log", async () => {
  const path = nextPath();
  const written = await openAt(path);
  await written.domainFacts.put("sts", [sampleFact("a.example", { lookAt: 1 }), sampleFact("b.example")], "durable");
  await written.close();
  const db = new Database(path);
  db.exec("UPDATE domain_fact SET sealed = (SELECT sealed FROM domain_fact WHERE look_at IS NULL)");
  db.close();
  const told: unknown[] = [];
  const read = await openAt(path, { log: { ...silentLog, error: (...line: unknown[]) => void told.push(line) } });
  await expect(read.domainFacts.get("sts", "a.example")).rejects.toThrow(/PST-SPL-061.*domain fact/);
  expect(await read.domainFacts.due("sts", 9, 9)).toEqual([]);
  expect((await read.domainFacts.list("sts", { after: null, limit: 9 })).facts).toHaveLength(1);
  expect(told).toMatchObject([
    ["domain_fact_unreadable", { code: "PST-SPL-061" }],
    ["domain_fact_unreadable", {}],
  ]);
  await read.domainFacts.put("sts", [sampleFact("a.example", { value: "learned anew" })], "durable");
  expect(await read.domainFacts.get("sts", "a.example")).toMatchObject({ value: "learned anew" });
  await read.close();
});

test("facts that cannot be opened stand before no other that is due", async () => {
  const path = nextPath();
  const lostKey = (name: string) => ({ name, bytes: randomBytes(32) });
  const lostKeys = new KeyRing({ spool: lostKey("spool"), addresses: lostKey("addresses") });
  const old = await openAt(path, { sealer: new FieldSealer(lostKeys) });
  const lost = ["a", "b", "c"].map((name) => sampleFact(`${name}.example`, { lookAt: 1 }));
  await old.domainFacts.put("sts", lost, "durable");
  await old.close();
  const read = await openAt(path);
  const { domainFacts } = read;
  await domainFacts.put("sts", [sampleFact("d.example", { lookAt: 2 })], "durable");
  expect(await domainFacts.due("sts", 9, 3)).toEqual([]);
  expect((await domainFacts.due("sts", 9, 3)).map(({ domain }) => domain)).toEqual(["d.example"]);
  await read.close();
});

test("a database of the schema before is taken over, and remembers from then on", async () => {
  const path = nextPath();
  const { db } = openDatabase(path, 1, MIGRATIONS.slice(0, 5));
  db.exec("INSERT INTO audit VALUES (1, 2, NULL, NULL, 'alert', '{}', 'p', 'h')");
  db.close();
  const store = await openAt(path);
  await store.domainFacts.put("sts", [sampleFact("a.example")], "durable");
  expect(await store.domainFacts.get("sts", "a.example")).toEqual(sampleFact("a.example"));
  expect((await store.auditHead()).seq).toBe(1);
  await store.close();
});

test("what is due, forgotten or pushed out is found by an index", () => {
  const { db } = openDatabase(nextPath(), 1);
  const plan = (sql: string): string =>
    db.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN SELECT id FROM domain_fact ${sql}`).all()[0]?.detail ?? "";
  expect(plan("WHERE kind = 'sts' AND look_at <= 5 ORDER BY look_at")).toMatch(/USING INDEX domain_fact_due/);
  expect(plan("WHERE forget_at <= 5 ORDER BY forget_at")).toMatch(/USING INDEX domain_fact_forgotten/);
  expect(plan("WHERE kind = 'sts' ORDER BY written_at")).toMatch(/USING INDEX domain_fact_written/);
  expect(plan("WHERE kind = 'sts' AND domain_index > '' ORDER BY domain_index")).toMatch(/domain_fact_of_domain/);
  db.close();
});
