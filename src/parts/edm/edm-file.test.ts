import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert as holds, asyncProperty, constantFrom, nat } from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildIndex } from "./build-index.ts";
import type { BuildOptions, BuiltIndex } from "./build-index.ts";
import { EdmError } from "./edm-error.ts";
import { indexOf, readHeader, readIndex, writeIndex } from "./edm-file.ts";
import { EdmKey } from "./edm-hash.ts";
import { hasRow } from "./edm-index.ts";
import type { EdmIndex } from "./edm-index.ts";
import { pairValue } from "./edm-values.ts";

const KEY = new EdmKey(Buffer.alloc(32, 1));
const OTHER = new EdmKey(Buffer.alloc(32, 2));
const CSV = [
  "MRN,First name,Last name,DOB,Phone,Ward",
  "0010001,Anna,Smith,3/4/1962,(217) 555-0143,7",
  '0010002,Bob,"Smith, Jr.",5/6/1990,(217) 555-0143,7',
  "0010003,Eve,O'Brien,3/4/1962,,8",
  "",
].join("\r\n");
let folder = "";
const file = (name: string): string => join(folder, name);
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "postern-edm-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function built(csv: string, changes: Partial<BuildOptions> = {}, pieceChars = 7): Promise<BuiltIndex> {
  async function* pieces(): AsyncGenerator<string> {
    for (let at = 0; at < csv.length; at += pieceChars) yield csv.slice(at, at + pieceChars);
  }
  return buildIndex(pieces(), {
    name: "p.csv",
    key: KEY,
    columns: new Map(),
    dates: "mdy",
    delimiter: null,
    rowsMax: 1_000,
    bytes: csv.length,
    now: Date.UTC(2026, 0, 1),
    onProgress: () => undefined,
    ...changes,
  });
}

async function written(name: string, csv = CSV): Promise<string> {
  const { facts, sections } = await built(csv);
  writeIndex(file(name), facts, { sections, key: KEY });
  return file(name);
}

const rowsOf = (index: EdmIndex, ...wanted: Parameters<EdmIndex["find"]>): readonly number[] => {
  const list = index.find(...wanted);
  return [0, 1, 2].filter((row) => list !== null && hasRow(list, row));
};
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof EdmError ? error.code : error),
  );

describe("an index", () => {
  test("says which rows hold a value, in whatever form it came", async () => {
    const index = indexOf(await readIndex(await written("a.edm"), KEY));
    expect(rowsOf(index, "mrn", "10001")).toEqual([0]);
    expect(rowsOf(index, "birth_date", "19620304")).toEqual([0, 2]);
    expect(rowsOf(index, "phone", "2175550143")).toEqual([0, 1]);
    expect(rowsOf(index, "name", pairValue("smith", "anna"))).toEqual([0]);
    expect(rowsOf(index, "name", pairValue("smith", "bob"))).toEqual([1]);
    expect(rowsOf(index, "surname", "smith")).toEqual([0, 1]);
    expect(index.find("mrn", "10004")).toBeNull();
    expect(index.find("account", "10001")).toBeNull();
  });

  test("its file is for its owner alone, and its header names columns, never a value", async () => {
    const path = await written("b.edm");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await readHeader(path)).toMatchObject({ version: 1, rows: 3, keyId: KEY.id, created: Date.UTC(2026, 0, 1) });
    const text = readFileSync(path, "latin1");
    for (const value of ["Smith", "smith", "10001", "555"]) expect(text).not.toContain(value);
  });

  test("two built of one CSV under one key differ in every byte of their table", async () => {
    const [one, two] = [readFileSync(await written("c.edm")), readFileSync(await written("d.edm"))];
    expect(one.length).toBe(two.length);
    expect(one.subarray(-64).equals(two.subarray(-64))).toBe(false);
  });

  test("with another key it is refused as made with another key", async () => {
    expect(await codeOf(readIndex(await written("e.edm"), OTHER))).toBe("PST-EDM-003");
  });

  test("a file that is not there, and one that is none", async () => {
    writeFileSync(file("text"), "name,dob\n");
    expect(await codeOf(readIndex(file("nowhere"), KEY))).toBe("PST-EDM-001");
    expect(await codeOf(readIndex(file("text"), KEY))).toBe("PST-EDM-002");
    expect(await codeOf(readHeader(file("text")))).toBe("PST-EDM-002");
  });

  test("cut anywhere, with any bit turned or bytes added it is damaged, and never crashes its reader", async () => {
    const bytes = readFileSync(await written("f.edm"));
    const path = file("g.edm");
    await holds(
      asyncProperty(nat(bytes.length - 1), nat(7), constantFrom("cut", "turn", "add"), async (at, bit, how) => {
        const harmed = how === "cut" ? bytes.subarray(0, at) : Buffer.from(how === "add" ? [...bytes, bit] : bytes);
        if (how === "turn") harmed[at] = (harmed[at] ?? 0) ^ (1 << bit);
        writeFileSync(path, harmed);
        expect(["PST-EDM-002", "PST-EDM-003"]).toContain(await codeOf(readIndex(path, KEY)));
      }),
      { numRuns: 300 },
    );
  });

  test("a header that promises much takes no memory before the file is as long", async () => {
    const bytes = readFileSync(await written("h.edm"));
    const text = bytes.toString("latin1").replace(/"lengths":\[\d+/, '"lengths":[900000000');
    const harmed = Buffer.from(text, "latin1");
    harmed.writeUInt32LE(bytes.readUInt32LE(8) + harmed.length - bytes.length, 8);
    writeFileSync(file("i.edm"), harmed);
    expect(await codeOf(readIndex(file("i.edm"), KEY))).toBe("PST-EDM-002");
  });

  test("an index of nothing that somebody made without the key is damaged", async () => {
    const bytes = readFileSync(await written("l.edm"));
    const end = 12 + bytes.readUInt32LE(8);
    const header = JSON.parse(bytes.subarray(12, end).toString("utf8")) as { readonly lengths: readonly number[] };
    const text = JSON.stringify({ ...header, lengths: header.lengths.map(() => 0) });
    const prefix = Buffer.from(bytes.subarray(0, 12));
    prefix.writeUInt32LE(text.length, 8);
    writeFileSync(file("m.edm"), Buffer.concat([prefix, Buffer.from(text)]));
    expect(await codeOf(readIndex(file("m.edm"), KEY))).toBe("PST-EDM-002");
  });

  test("is written beside what lies there, never through it, and takes away what a killed build left long ago", async () => {
    writeFileSync(file("victim"), "mine");
    symlinkSync(file("victim"), file("n.edm.new"));
    const [old, young, other] = ["n.edm.0123abcd.new", "n.edm.0123abce.new", "n.edm.of-somebody.new"].map(file);
    for (const path of [old, young, other]) writeFileSync(path ?? "", "cut");
    for (const path of [old, other]) utimesSync(path ?? "", 1, 1);
    await written("n.edm");
    expect(readFileSync(file("victim"), "utf8")).toBe("mine");
    expect([old, young, other].map((path) => existsSync(path ?? ""))).toEqual([false, true, true]);
    expect(await codeOf(readIndex(file("n.edm"), KEY))).toBe("no error");
  });

  test("where it cannot be written, the one before stays", async () => {
    const path = await written("j.edm");
    const before = readFileSync(path);
    const { facts, sections } = await built(CSV);
    expect(() => writeIndex(file("no-folder/k.edm"), facts, { sections, key: KEY })).toThrow(EdmError);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("the same rows come out however the text is cut, and with any line end and delimiter", async () => {
    const one = await built(CSV, {}, 1);
    const same = [
      await built(CSV, {}, 10_000),
      await built(CSV.replaceAll("\r\n", "\n")),
      await built(CSV.replaceAll("\r\n", "\r")),
    ];
    const tabs = await built(CSV.replaceAll(/,(?! )/g, "\t"));
    for (const each of [...same, tabs]) expect([each.facts.rows, each.facts.values]).toEqual([3, one.facts.values]);
  });
});

describe("a CSV is refused, by its line and never by its values, for", () => {
  test.each([
    ["a row with other cells", "MRN,DOB\n10001,3/4/1962\n10002\n", {}, "p.csv:3: 1 cells where the heading has 2"],
    ["a quote that does not end", 'MRN,DOB\n"10001,3/4/1962\n', {}, "p.csv:2: a quoted cell does not end"],
    ["text behind a quote", 'MRN,DOB\n"10001"x,3/4/1962\n', {}, "p.csv:2: a quoted cell goes on behind its quote"],
    [
      "dates in another order",
      "MRN,DOB\n10001,30/4/1962\n10002,29/4/1962\n",
      {},
      "p.csv: DOB: 2 of 2 cells are no birth_date",
    ],
    ["too many rows", "MRN,DOB\n10001,3/4/1962\n10002,3/4/1962\n", { rowsMax: 1 }, "p.csv has more than 1 rows"],
    [
      "a row without end",
      `MRN,DOB\n10001,${"9".repeat(70_000)}\n`,
      {},
      "p.csv:2: a row is longer than 65536 characters; a quote may be missing",
    ],
    ["nothing that is known", "Ward,Bed\n7,1\n", {}, "p.csv has too few columns of a known kind"],
    ["no patients", "MRN,DOB\n", {}, "p.csv holds no patients"],
    ["nothing", "", {}, "p.csv holds no patients"],
    [
      "a column that is not there",
      "MRN\n10001\n",
      { columns: new Map([["Pat", "mrn"]]) as never },
      'p.csv has no column "Pat"',
    ],
  ] as const)("%s", async (_, csv, changes, said) => {
    const error = await built(csv, changes).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(EdmError);
    const { message, lines } = error as EdmError;
    expect([message, ...lines]).toContain(said);
  });

  test("few cells that cannot be read are told, and the others of their rows are kept", async () => {
    const rows = Array.from({ length: 30 }, (_, row) => `${10_000 + row},${row === 4 ? "unknown" : "3/4/1962"}`);
    const { facts, unreadable } = await built(`MRN,DOB\n${rows.join("\n")}\n`);
    expect([facts.rows, unreadable]).toEqual([30, ["p.csv:6: DOB"]]);
  });
});

test.each([
  [10_000, 100],
  [1_000_000, 10_000],
])("of 900 numbers from %i on, one in %i is taken", async (first, oneIn) => {
  const rows = Array.from({ length: 900 }, (_, row) => `${first + row},3/4/1962`);
  const { facts } = await built(`MRN,DOB\n${rows.join("\n")}\n`);
  expect(facts.oneIn).toEqual({ mrn: oneIn });
});
