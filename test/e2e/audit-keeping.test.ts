/** The audit given away, thinned out and held: exports that prove themselves, old rows that go, and what a legal hold keeps. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeConfigEnvironment } from "../../src/parts/config/config-environment.ts";
import { loadAuditVerifiers } from "../../src/parts/config/config.ts";
import { notesIn, NoteVerifiers } from "../../src/parts/keys/signed-note.ts";
import type { AuditRow } from "../../src/core/event.ts";
import type { ChainFault } from "../../src/stages/audit/chain-faults.ts";
import type { ExportFilter } from "../../src/stages/audit/export-filter.ts";
import { csvLine } from "../../src/stages/audit/export-csv.ts";
import { exportLines } from "../../src/stages/audit/export-lines.ts";
import { ocsfLine } from "../../src/stages/audit/export-ocsf.ts";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import { verifyExport } from "../../src/stages/audit/verify-export.ts";
import type { ExportVerification } from "../../src/stages/audit/verify-export.ts";
import { ForgedDatabase, refitted } from "../support/audit-forger.ts";
import type { Forgery } from "../support/audit-forger.ts";
import { mail, World } from "../support/world.ts";

const DAY_MS = 86_400_000;
const ALL: ExportFilter = { since: null, until: null, messageId: null, kinds: [] };
const never = new AbortController().signal;

let world: World;
let verifiers: NoteVerifiers;
const ids: string[] = [];

beforeAll(async () => {
  world = await World.start({
    zone: { "friend.test": { MX: [[10, "mx.friend.test"]] } },
    servers: [{ name: "mx.friend.test", address: "127.12.1.1", certificate: "valid" }],
    config: {
      retention_hours: 1,
      audit: { checkpoint_file: "checkpoints", retention_days: 10, archive_dir: "archive" },
    },
  });
  const environment = nodeConfigEnvironment({ variables: {}, hostname: "test.invalid", now: Date.now() });
  const loading = loadAuditVerifiers(world.configPath, environment);
  verifiers = new NoteVerifiers(loading.ok ? loading.verifiers : []);
  await mails(3);
  await world.postern.audit.checkpoints.sign("asked");
});
afterAll(() => world.close());

async function mails(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const bytes = mail(["From: a@clinic.test", "To: b@friend.test", `Subject: note ${n}`, "", "See you at noon."]);
    const id = await world.accept({ mailFrom: "a@clinic.test", rcptTo: ["b@friend.test"], bytes });
    await world.settled(id, ["delivered"]);
    ids.push(id);
  }
}

async function exported(filter: Partial<ExportFilter> = {}): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of exportLines(world.postern.store, { ...ALL, ...filter })) lines.push(line);
  return lines;
}

function verified(lines: readonly string[], keys: NoteVerifiers | null = verifiers): Promise<ExportVerification> {
  const text = Readable.from(lines.map((line) => `${line}\n`));
  return verifyExport(createInterface({ input: text }), { checkpoints: [], verifiers: keys });
}

describe("an export", () => {
  test("of everything is the chain, and verifies by itself", async () => {
    const lines = await exported();
    const { seq } = await world.postern.store.auditHead();
    expect(await verified(lines)).toMatchObject({ whole: true, faults: [], rows: seq, head: { seq } });
    expect((await verified(lines, null)).signatures).toBe("unchecked");
  });

  test("of one message proves each of its rows without the others", async () => {
    const lines = await exported({ messageId: ids[1] as string });
    const result = await verified(lines);
    expect(result).toMatchObject({ whole: false, faults: [], uncovered: 0, signatures: "checked" });
    expect(result.rows).toBeGreaterThan(5);
    expect(lines.join()).not.toContain(ids[0]);
  });

  test("names rows younger than the checkpoint as not proved", async () => {
    const { faults, uncovered, rows } = await verified(await exported({ kinds: ["checkpoint", "delivered"] }));
    expect({ faults, uncovered }).toEqual({ faults: [], uncovered: 1 });
    expect(rows).toBeGreaterThan(4);
  });

  test.each<[string, (lines: string[]) => string[], string]>([
    ["a fact changed", (lines) => lines.with(3, (lines[3] ?? "").replace(/"at":\d/, '"at":9')), "changed"],
    ["a row left out", (lines) => lines.toSpliced(4, 1), "removed"],
    ["two rows swapped", (lines) => lines.with(3, lines[4] ?? "").with(4, lines[3] ?? ""), "misplaced"],
    ["a row twice", (lines) => lines.toSpliced(4, 0, lines[3] ?? ""), "inserted"],
    ["the end cut off", (lines) => lines.slice(0, -3), "unfinished"],
    ["a line of something else", (lines) => lines.toSpliced(4, 0, "{}"), "unreadable"],
  ])("of everything with %s is told", async (_, edit, kind) => {
    const { faults } = await verified(edit(await exported()));
    expect(faults.map((fault) => fault.kind)).toContain(kind);
  });

  test.each<[string, (lines: string[]) => string[], string]>([
    ["a fact changed", (lines) => lines.with(2, (lines[2] ?? "").replace(/"at":\d/, '"at":9')), "changed"],
    ["a path changed", (lines) => lines.with(2, (lines[2] ?? "").replace(/"path":\["(.)/, '"path":["+')), "unproven"],
    [
      "a path taken away",
      (lines) => lines.with(2, (lines[2] ?? "").replace(/"path":\[.*\]/, '"path":null')),
      "unproven",
    ],
    ["rows left out at the end", (lines) => lines.toSpliced(-2, 1), "unfinished"],
    [
      "the checkpoint changed",
      (lines) => lines.with(0, (lines[0] ?? "").replace(/\\n(\d+)\\n/, "\\n9$1\\n")),
      "forged",
    ],
  ])("of one message with %s is told", async (_, edit, kind) => {
    const { faults } = await verified(edit(await exported({ messageId: ids[1] as string })));
    expect(faults.map((fault) => fault.kind)).toContain(kind);
  });

  test("as OCSF is Email Activity with all the class requires, and no address", async () => {
    const rows = await world.postern.store.auditPage(1, 1000);
    const events = rows.map((row) => JSON.parse(ocsfLine(row, "1.2.3")) as Record<string, unknown>);
    for (const event of events) {
      const { class_uid: classUid, activity_id: activity } = event as { class_uid: number; activity_id: number };
      expect([4009, 6002]).toContain(classUid);
      expect(event).toMatchObject({
        category_uid: Math.floor(classUid / 1000),
        type_uid: classUid * 100 + activity,
        time: expect.any(Number) as number,
        severity_id: expect.any(Number) as number,
        metadata: { version: "1.7.0", product: { name: "Postern", vendor_name: "Postern" } },
      });
      if (classUid !== 4009) continue;
      expect(event).toMatchObject({ direction_id: 2, message_trace_uid: expect.any(String) as string });
      expect(event["email"]).toMatchObject({
        from: expect.stringMatching(/@sender\.invalid$/) as string,
        to: [expect.stringMatching(/@recipient\.invalid$/) as string],
      });
    }
    const activities = new Map(events.map((event, i) => [rows[i]?.kind, event["activity_id"]]));
    expect(activities.get("accepted")).toBe(2);
    expect(activities.get("inspected")).toBe(3);
    expect(activities.get("delivered")).toBe(1);
    expect(activities.get("planned")).toBe(4);
    expect(JSON.stringify(events)).not.toMatch(/@(?:clinic|friend)\.test/);
  });

  test("as CSV has no cell that a spreadsheet would run", () => {
    const row = {
      seq: 1,
      at: 0,
      messageId: "=1+1",
      recipientId: "@x",
      previousHash: "",
      hash: "-2",
      body: '{"a":"b"}',
    };
    expect(csvLine({ ...row, kind: "alert" })).toContain(`1,1970-01-01T00:00:00.000Z,'=1+1,'@x,alert,`);
    expect(csvLine({ ...row, kind: "alert" })).toMatch(/,"\{""a"":""b""\}",'-2\r$/);
  });
});

describe("retention", () => {
  let whole: string[];

  test("a legal hold keeps the message, its bodies and every row from its first on", async () => {
    const hold = await world.postern.store.addLegalHold({
      message_id: ids[0] as string,
      since: null,
      until: null,
      placed_at: world.now(),
      reason: "matter 1",
      by: { actor: "ada", uid: 1000 },
    });
    expect(hold?.id).toBe(1);
    await mails(45);
    world.advance(11 * DAY_MS);
    const { store } = world.postern;
    await store.reap(world.now(), 1000);
    expect((await world.recipients(ids[0] as string)).length).toBe(1);
    expect(await world.recipients(ids[1] as string)).toEqual([]);
    await world.postern.audit.removeOldRows(never);
    expect((await store.auditPage(1, 1))[0]?.seq).toBe(1);
    const told = await world.audit(ids[0] as string);
    expect(told.at(-1)?.event).toMatchObject({ kind: "legal_hold", action: "add", actor: "ada", uid: 1000 });
  });

  test("a hold placed when the message itself is forgotten keeps its rows, and so does one on the time", async () => {
    const { store } = world.postern;
    const facts = { placed_at: world.now(), reason: "matter 2", by: { actor: "ada" } };
    const at = (await world.audit(ids[1] as string))[0]?.at ?? 0;
    expect(
      await store.addLegalHold({ ...facts, message_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV", since: null, until: null }),
    ).toBeNull();
    await store.liftLegalHold({ id: 1, at: world.now(), reason: "closed", by: { actor: "ada" } });
    await store.reap(world.now(), 1000);
    expect(await world.recipients(ids[0] as string)).toEqual([]);
    const holds = [
      { message_id: ids[1] as string, since: null, until: null },
      { message_id: null, since: at, until: at + 1 },
    ];
    for (const scope of holds) {
      const hold = await store.addLegalHold({ ...facts, ...scope });
      await world.postern.audit.removeOldRows(never);
      expect((await store.auditPage(1, 1))[0]?.seq).toBe(1);
      await store.liftLegalHold({ id: hold?.id ?? 0, at: world.now(), reason: "closed", by: { actor: "ada" } });
    }
  });

  test("lifted, old rows go: into a file first, with an anchor that what is left hangs on", async () => {
    const { store } = world.postern;
    whole = await exported();
    await world.postern.audit.removeOldRows(never);
    const [first] = await store.auditPage(1, 1);
    expect(first?.seq).toBeGreaterThan(256);
    expect(((first?.seq ?? 0) - 1) % 256).toBe(0);
    const notes = notesIn(readFileSync(join(world.folder, "checkpoints"), "utf8")).map((note) => ({ note }));
    const result = await verifyChain(store, { verifiers, checkpoints: notes });
    expect(result).toMatchObject({ faults: [], firstSeq: first?.seq });
    await world.postern.audit.checkpoints.sign("asked");
    expect((await verifyChain(store, { verifiers })).signedThrough).toBeGreaterThan(first?.seq ?? 0);
  });

  test("the archive verifies by itself, and joins what was exported before and what is left", async () => {
    const [name] = readdirSync(join(world.folder, "archive"));
    expect(name).toMatch(/^audit-000000000001-\d{12}\.jsonl$/);
    const lines = readFileSync(join(world.folder, "archive", name ?? ""), "utf8")
      .trimEnd()
      .split("\n");
    const archive = await verified(lines);
    expect(archive).toMatchObject({ faults: [], tail: { kind: "not-provable" } });
    expect(archive.provenThrough).toBe(archive.rows);
    expect(lines.slice(1, -1)).toEqual(whole.slice(1, 1 + archive.rows));
    const [next] = await world.postern.store.auditPage(1, 1);
    expect(next).toMatchObject({ seq: archive.head.seq + 1, previousHash: archive.head.hash });
  });

  const left = (forge: Forgery): Promise<readonly ChainFault[]> => {
    const forgery = new ForgedDatabase(join(world.folder, "data", "gateway.db"), forge);
    return forgery
      .verify({ verifiers })
      .then(({ faults }) => faults)
      .finally(() => forgery.remove());
  };
  const anchorOf = (rows: readonly AuditRow[]): AuditRow => rows.find(({ kind }) => kind === "anchor") as AuditRow;
  const firstOf = (rows: readonly AuditRow[]): number => rows[0]?.seq ?? 0;

  test("the anchor changed, and everything after it made to fit, is told; so are further rows taken without one", async () => {
    let anchorSeq = 0;
    let first = 0;
    const changed = await left((rows) => {
      anchorSeq = anchorOf(rows).seq;
      first = firstOf(rows);
      return rows.map((row) =>
        row.seq === anchorSeq ? { ...row, body: row.body.replace('"rows":', '"rows":1') } : row,
      );
    });
    expect(changed).toContainEqual({ kind: "removed", seq: 1, lastSeq: first - 1 });
    expect(changed).toContainEqual({ kind: "changed", seq: anchorSeq });
    const refit = await left((rows) =>
      rows.map((row) =>
        row.seq === anchorSeq ? refitted(row, { body: row.body.replace('"rows":', '"rows":1') }) : row,
      ),
    );
    expect(refit).toContainEqual(expect.objectContaining({ kind: "forged", what: "anchor", seq: anchorSeq }));
    expect(refit).toContainEqual({ kind: "removed", seq: 1, lastSeq: first - 1 });
    expect(await left((rows) => rows.slice(3))).toEqual([{ kind: "removed", seq: first, lastSeq: first + 2 }]);
  });

  test("exports after a removal verify too, whole and in part", async () => {
    expect(await verified(await exported())).toMatchObject({ faults: [] });
    const part = await verified(await exported({ kinds: ["anchor", "legal_hold", "delivered"] }));
    expect(part.faults).toEqual([]);
    expect(part.rows - part.uncovered).toBeGreaterThan(0);
  });

  test("the database starts again with its first rows gone, and signs on", async () => {
    await world.stopGateway();
    await world.startGateway();
    expect(await verifyChain(world.postern.store, { verifiers })).toMatchObject({ faults: [] });
    expect(world.log.join("")).not.toContain("PST-AUD");
  });

  test("an archive that cannot be written keeps the rows and raises an alert", async () => {
    await mails(45);
    rmSync(join(world.folder, "archive"), { recursive: true });
    writeFileSync(join(world.folder, "archive"), "in the way");
    world.advance(11 * DAY_MS);
    const { store } = world.postern;
    await store.reap(world.now(), 1000);
    const [before] = await store.auditPage(1, 1);
    await world.postern.audit.removeOldRows(never);
    expect((await store.auditPage(1, 1))[0]?.seq).toBe(before?.seq);
    expect(world.log.join("")).toContain("PST-AUD-006");
  });
});

test("a checkpoint that cannot be written raises an alert and comes again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-outside-"));
  const { checkpointOutside } = await import("../../src/stages/audit/checkpoint-outside.ts");
  const outside = checkpointOutside(() => join(folder, "missing", "file"), {
    debug() {},
    info() {},
    warn() {},
    error() {},
  });
  await expect(outside.emit("note\n")).rejects.toMatchObject({ code: "ENOENT" });
  expect(await outside.last()).toBeNull();
  expect(existsSync(join(folder, "missing"))).toBe(false);
  rmSync(folder, { recursive: true });
});
