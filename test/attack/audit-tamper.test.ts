/**
 * Everything somebody can do to the audit who may write the database but has no signing key, on the database of a real gateway.
 * With a checkpoint kept outside each of it is found, and named by row; the table says what is found without one too.
 */
import { copyFileSync, readFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AuditRow } from "../../src/core/event.ts";
import { nodeConfigEnvironment } from "../../src/parts/config/config-environment.ts";
import { loadAuditVerifiers } from "../../src/parts/config/config.ts";
import { notesIn, NoteSigner, NoteVerifiers, readSigningKey } from "../../src/parts/keys/signed-note.ts";
import { chainRow, EMPTY_CHAIN } from "../../src/parts/store/audit-chain.ts";
import type { ChainHead } from "../../src/parts/store/audit-chain.ts";
import { Frontier } from "../../src/parts/store/audit-tree.ts";
import type { ChainFault } from "../../src/stages/audit/chain-faults.ts";
import { checkpointText, originOf, parseCheckpoint } from "../../src/stages/audit/checkpoint-note.ts";
import type { GivenCheckpoint } from "../../src/stages/audit/verify.ts";
import { ForgedDatabase, refitted, rehashed } from "../support/audit-forger.ts";
import type { Forgery } from "../support/audit-forger.ts";
import { mail, World } from "../support/world.ts";

let world: World;
let database: string;
/** As it was after the first life: an older backup. */
let backup: string;
let verifiers: NoteVerifiers;
let notes: readonly string[];
let rows: readonly AuditRow[];
const forgeries: ForgedDatabase[] = [];

beforeAll(async () => {
  world = await World.start({
    zone: { "friend.test": { MX: [[10, "mx.friend.test"]] } },
    servers: [{ name: "mx.friend.test", address: "127.12.0.1", certificate: "valid" }],
    config: { audit: { checkpoint_file: "checkpoints", checkpoint_rows: 10 } },
  });
  database = join(world.folder, "data", "gateway.db");
  backup = join(world.folder, "backup.db");
  await lives(2);
  copyFileSync(database, backup);
  await world.startGateway();
  await lives(3);
  const environment = nodeConfigEnvironment({ variables: {}, hostname: "test.invalid", now: Date.now() });
  const loading = loadAuditVerifiers(world.configPath, environment);
  verifiers = new NoteVerifiers(loading.ok ? loading.verifiers : []);
  notes = notesIn(readFileSync(join(world.folder, "checkpoints"), "utf8"));
  rows = rowsOf(database);
});
afterAll(async () => {
  for (const forgery of forgeries) forgery.remove();
  await world.close();
});

/** So many mails, a checkpoint after each, then the end of the service. */
async function lives(mails: number): Promise<void> {
  for (let n = 0; n < mails; n += 1) {
    const bytes = mail(["From: a@clinic.test", "To: b@friend.test", `Subject: note ${n}`, "", "See you at noon."]);
    const id = await world.accept({ mailFrom: "a@clinic.test", rcptTo: ["b@friend.test"], bytes });
    await world.settled(id, ["delivered"]);
    await world.postern.audit.checkpoints.sign("asked");
  }
  await world.stopGateway();
}

function rowsOf(path: string): readonly AuditRow[] {
  const db = new Database(path, { readonly: true });
  const read = db.prepare(
    "SELECT seq, at, message_id AS messageId, recipient_id AS recipientId, kind, body, previous_hash AS previousHash, hash FROM audit ORDER BY seq",
  );
  const all = read.all() as AuditRow[];
  db.close();
  return all;
}

function forged(forge: Forgery, from = database): ForgedDatabase {
  const forgery = new ForgedDatabase(from, forge);
  forgeries.push(forgery);
  return forgery;
}

const given = (): readonly GivenCheckpoint[] => notes.map((note) => ({ note }));
const last = (): AuditRow => rows.at(-1) as AuditRow;
/** Rows that carry a checkpoint, in order. */
const marks = (): readonly AuditRow[] => rows.filter(({ kind }) => kind === "checkpoint");
/** Rows covered by the nth checkpoint. */
const sizeOf = (n: number): number => parseCheckpoint(notes.at(n) ?? "")?.size ?? 0;

describe("an untouched audit", () => {
  test("is proven to its end by the checkpoints in the file, and by those in the log", async () => {
    const honest = forged((all) => all);
    const proven = await honest.verify({ verifiers, checkpoints: given() });
    expect(proven).toMatchObject({ faults: [], rows: last().seq, tail: { kind: "proven" }, signatures: "checked" });
    const logged = world.log.flatMap((line) => {
      const { event, note } = JSON.parse(line) as { readonly event: string; readonly note?: string };
      return event === "audit_checkpoint" && note !== undefined ? [note] : [];
    });
    expect(logged).toEqual(notes);
    expect(notes.length).toBe(marks().length);
    expect(notes.length).toBeGreaterThanOrEqual(9);
  });

  test("without one from outside is signed up to its last checkpoint, and its end is not called proven", async () => {
    const seen = await forged((all) => all).verify({ verifiers });
    expect(seen).toMatchObject({ faults: [], signedThrough: sizeOf(-1), tail: { kind: "not-provable", afterSeq: 0 } });
  });
});

type Case = {
  readonly what: string;
  readonly forge: Forgery;
  /** With the checkpoints from outside. */
  readonly found: () => readonly ChainFault[];
  /** Without; where left out the same. */
  readonly alone?: () => readonly ChainFault[];
  /** The database it is done to. */
  readonly from?: () => string;
};

const body = (row: AuditRow, changes: object): string => {
  const changed: object = { ...(JSON.parse(row.body) as object), ...changes };
  return JSON.stringify(Object.fromEntries(Object.entries(changed).toSorted(([a], [b]) => (a < b ? -1 : 1))));
};
const replaced = (all: readonly AuditRow[], seq: number, change: (row: AuditRow) => AuditRow): readonly AuditRow[] =>
  all.map((row) => (row.seq === seq ? change(row) : row));
const intruder = (at: number): AuditRow => ({
  ...(rows[4] as AuditRow),
  at,
  kind: "operator",
  body: '{"action":"release","actor":"nobody","kind":"operator","reason":"I was never here"}',
});

const CASES: readonly Case[] = [
  {
    what: "a field of a row changed",
    forge: (all) => replaced(all, 6, (row) => ({ ...row, at: row.at + 1 })),
    found: () => [{ kind: "changed", seq: 6 }],
  },
  {
    what: "the fact of a row changed, its own hash made to fit",
    forge: (all) => replaced(all, 6, (row) => refitted(row, { at: row.at + 1 })),
    found: () => [{ kind: "unlinked", seq: 7 }],
  },
  {
    what: "the fact of a row changed, every hash after it made to fit",
    forge: (all) =>
      rehashed(
        replaced(all, 6, (row) => ({ ...row, at: row.at + 1 })),
        6,
      ),
    // The row of the first checkpoint follows what it signs: the note from outside proves that row too.
    found: () => [{ kind: "rewritten", seq: sizeOf(0) + 2, lastSeq: sizeOf(1) }],
    alone: () => [{ kind: "rewritten", seq: sizeOf(0) + 1, lastSeq: sizeOf(1) }],
  },
  {
    what: "a row in the middle deleted",
    forge: (all) => all.filter(({ seq }) => seq !== 9),
    found: () => [{ kind: "removed", seq: 9, lastSeq: 9 }],
  },
  {
    what: "a row in the middle deleted and the gap closed by renumbering",
    forge: (all) => all.flatMap((row) => (row.seq === 9 ? [] : [row.seq < 9 ? row : { ...row, seq: row.seq - 1 }])),
    found: () => [
      { kind: "removed", seq: 9, lastSeq: 9 },
      { kind: "reordered", seq: 9, lastSeq: last().seq - 1, writtenAs: 10 },
    ],
  },
  {
    what: "a row in the middle deleted, the rest renumbered and every hash made to fit",
    forge: (all) =>
      rehashed(
        all.filter(({ seq }) => seq !== 9),
        9,
      ),
    found: () => [{ kind: "rewritten", seq: sizeOf(0) + 2, lastSeq: sizeOf(1) }],
    alone: () => [{ kind: "rewritten", seq: sizeOf(0) + 1, lastSeq: sizeOf(1) }],
  },
  {
    what: "the first rows deleted",
    forge: (all) => all.filter(({ seq }) => seq > 4),
    found: () => [{ kind: "removed", seq: 1, lastSeq: 4 }],
  },
  {
    what: "the tail cut",
    forge: (all) => all.slice(0, -3),
    found: () => [{ kind: "cut", seq: last().seq - 2, lastSeq: sizeOf(-1) }],
    alone: () => [],
  },
  {
    what: "two rows swapped",
    forge: (all) =>
      all
        .map((row) => (row.seq === 5 ? { ...row, seq: 8 } : row.seq === 8 ? { ...row, seq: 5 } : row))
        .toSorted((a, b) => a.seq - b.seq),
    found: () => [
      { kind: "reordered", seq: 5, lastSeq: 5, writtenAs: 8 },
      { kind: "reordered", seq: 8, lastSeq: 8, writtenAs: 5 },
    ],
  },
  {
    what: "a forged row put in, those after it renumbered",
    forge: (all) => {
      const place = all[7] as AuditRow;
      const put = chainRow(intruder(place.at), { seq: place.seq - 1, hash: place.previousHash });
      return [...all.slice(0, 7), put, ...all.slice(7).map((row) => ({ ...row, seq: row.seq + 1 }))];
    },
    found: () => [
      { kind: "inserted", seq: 8, lastSeq: 8 },
      { kind: "reordered", seq: 9, lastSeq: last().seq + 1, writtenAs: 8 },
    ],
  },
  {
    what: "a forged row put in, every hash after it made to fit",
    forge: (all) => rehashed([...all.slice(0, 7), intruder(1), ...all.slice(7)], 8),
    found: () => [{ kind: "rewritten", seq: sizeOf(0) + 2, lastSeq: sizeOf(1) }],
    alone: () => [{ kind: "rewritten", seq: sizeOf(0) + 1, lastSeq: sizeOf(1) }],
  },
  {
    what: "the whole chain replaced by a consistent one without checkpoints",
    forge: () => {
      let head: ChainHead = EMPTY_CHAIN;
      return Array.from({ length: 80 }, (_, n) => {
        const row = chainRow(intruder(n), head);
        head = row;
        return row;
      });
    },
    found: () => given().map(() => expect.objectContaining({ kind: "foreign", seq: null }) as ChainFault),
    alone: () => [],
  },
  {
    what: "the whole chain replaced by a consistent one, signed by another key",
    forge: (all) => signedAnew(all),
    found: () => [
      ...given().map(() => expect.objectContaining({ kind: "foreign", seq: null }) as ChainFault),
      { kind: "forged", what: "checkpoint", seq: 5, size: 4, why: "unknown-key" },
    ],
    alone: () => [{ kind: "forged", what: "checkpoint", seq: 5, size: 4, why: "unknown-key" }],
  },
  {
    what: "an older backup put in its place",
    from: () => backup,
    forge: (all) => all,
    found: () => [{ kind: "cut", seq: rowsOf(backup).length + 1, lastSeq: sizeOf(-1) }],
    alone: () => [],
  },
  {
    what: "a checkpoint in the chain swapped for an earlier one, every hash after it made to fit",
    forge: (all) => {
      const [earlier, later] = [marks()[1] as AuditRow, marks()[2] as AuditRow];
      return rehashed(
        replaced(all, later.seq, (row) => ({ ...row, body: earlier.body })),
        later.seq,
      );
    },
    found: () =>
      [
        { kind: "forged", what: "checkpoint", seq: marks()[2]?.seq ?? 0, size: sizeOf(1), why: "wrong-place" },
        { kind: "rewritten", seq: sizeOf(2) + 1, lastSeq: sizeOf(3) },
      ].slice(0, 1) as ChainFault[],
  },
  {
    what: "the root within a checkpoint row changed, every hash after it made to fit",
    forge: (all) => {
      const mark = marks()[2] as AuditRow;
      const note = notes[2] as string;
      const root = parseCheckpoint(note)?.root ?? "";
      const other = body(mark, { note: note.replace(root, randomBytes(32).toString("base64")) });
      return rehashed(
        replaced(all, mark.seq, (row) => ({ ...row, body: other })),
        mark.seq,
      );
    },
    found: () => [{ kind: "forged", what: "checkpoint", seq: marks()[2]?.seq ?? 0, size: sizeOf(2), why: "signature" }],
  },
  {
    what: "the frontier beside a checkpoint changed, so that the service would sign on from another tree",
    forge: (all) => {
      const mark = marks().at(-1) as AuditRow;
      const peaks = [...(JSON.parse(mark.body) as { readonly peaks: readonly string[] }).peaks];
      peaks[0] = randomBytes(32).toString("base64");
      return rehashed(
        replaced(all, mark.seq, (row) => ({ ...row, body: body(row, { peaks }) })),
        mark.seq,
      );
    },
    found: () => [{ kind: "forged", what: "checkpoint", seq: last().seq, size: sizeOf(-1), why: "contradicts-itself" }],
  },
];

/** A chain of somebody with a key of his own, of the same name. */
function signedAnew(all: readonly AuditRow[]): readonly AuditRow[] {
  const key = readSigningKey(randomBytes(32));
  if (key === null) throw new Error("no key");
  const signer = new NoteSigner("gateway.clinic.test/audit", key);
  const forgedRows = [
    ...rehashed(
      all
        .filter(({ kind }) => kind !== "checkpoint")
        .slice(0, 4)
        .map((row) => ({ ...row, at: row.at + 1 })),
      1,
    ),
  ];
  const frontier = forgedRows.reduce((tree, { hash }) => tree.append(hash), Frontier.empty);
  const head = forgedRows.at(-1) as AuditRow;
  const text = {
    origin: originOf(signer.name, forgedRows[0]?.hash ?? ""),
    size: 4,
    root: frontier.root().toString("base64"),
  };
  const note = signer.sign(checkpointText({ ...text, extensions: [] }));
  const mark = body(marks()[0] as AuditRow, { note, verifier: signer.verifier, peaks: frontier.peaks() });
  return [...forgedRows, chainRow({ ...(marks()[0] as AuditRow), body: mark }, head)];
}

describe.each(CASES)("$what", ({ forge, found, alone, from }) => {
  test("is found and named with a checkpoint from outside", async () => {
    const { faults, tail } = await forged(forge, from?.()).verify({ verifiers, checkpoints: given() });
    expect(faults).toEqual(found());
    expect(tail).toEqual({ kind: "not-provable", afterSeq: 0 });
  });

  test("without one the finding is what the table says", async () => {
    const { faults, tail } = await forged(forge, from?.()).verify({ verifiers });
    expect(faults).toEqual((alone ?? found)());
    expect(tail.kind).toBe("not-provable");
  });
});

describe("checkpoints that prove nothing here", () => {
  const honest = (checkpoints: readonly GivenCheckpoint[]): Promise<readonly ChainFault[]> =>
    forged((all) => all)
      .verify({ verifiers, checkpoints })
      .then(({ faults }) => faults);

  test("one that was changed is forged, one of an unknown key is told apart", async () => {
    const note = notes[3] as string;
    const size = sizeOf(3);
    expect(await honest([{ note: note.replace(`\n${size}\n`, `\n${size - 1}\n`) }])).toEqual([
      { kind: "forged", what: "checkpoint", seq: null, size: size - 1, why: "signature" },
    ]);
    const key = readSigningKey(randomBytes(32));
    if (key === null) throw new Error("no key");
    const { origin, root } = parseCheckpoint(note) ?? { origin: "", root: "" };
    const other = new NoteSigner("gateway.clinic.test/audit", key).sign(
      checkpointText({ origin, size, root, extensions: [] }),
    );
    expect(await honest([{ note: other }])).toEqual([
      { kind: "forged", what: "checkpoint", seq: null, size, why: "unknown-key" },
    ]);
  });

  test("one of another chain of the same gateway and key is told to be of another chain", async () => {
    const signer = new NoteSigner("gateway.clinic.test/audit", keyOf(world.folder));
    const root = Frontier.empty.append("ab".repeat(32)).root().toString("base64");
    const origin = originOf(signer.name, "cd".repeat(32));
    const note = signer.sign(checkpointText({ origin, size: 1, root, extensions: [] }));
    expect(await honest([{ note }])).toEqual([{ kind: "foreign", seq: null, size: 1, origin }]);
  });
});

function keyOf(folder: string): NonNullable<ReturnType<typeof readSigningKey>> {
  const key = readSigningKey(readFileSync(join(folder, "keys", "audit.key")));
  if (key === null) throw new Error("no key");
  return key;
}
