import { describe, expect, test } from "vitest";
import { EdmBuilder } from "../../parts/edm/edm-builder.ts";
import { COLUMN_KINDS, fieldsOfKinds } from "../../parts/edm/edm-fields.ts";
import type { ColumnKind, EdmField } from "../../parts/edm/edm-fields.ts";
import { EdmKey } from "../../parts/edm/edm-hash.ts";
import { EdmIndex } from "../../parts/edm/edm-index.ts";
import { addRow } from "../../parts/edm/patient-row.ts";
import { indexesOf } from "./compile-edm.ts";
import type { Match } from "./compiled-pack.ts";
import { matchPack } from "./match-pack.ts";
import { normaliseText } from "./normalise.ts";
import { NO_KNOWN_PACKS } from "./built-packs.ts";
import { compilePackSource } from "./pack-file.ts";

type Patient = Readonly<Partial<Record<ColumnKind, string>>>;

function indexFor(patients: readonly Patient[], oneIn: Readonly<Partial<Record<EdmField, number>>> = {}): EdmIndex {
  const keys = new EdmKey(Buffer.alloc(32, 3)).lookupKeys();
  const builder = new EdmBuilder(keys, patients.length * 20);
  const kinds = COLUMN_KINDS;
  for (const patient of patients) {
    const cells = kinds.map((kind) => patient[kind] ?? "");
    addRow(builder, cells, { kinds, dates: "mdy", yearMax: 2026, onUnreadable: () => expect.unreachable() });
  }
  const { sections, values } = builder.finish();
  const fields = fieldsOfKinds(kinds);
  return new EdmIndex(
    { created: 0, keyId: "0", rows: patients.length, columns: [], fields, values, oneIn },
    sections,
    keys,
  );
}

function matchesIn(text: string, index: EdmIndex, keys = ""): readonly Match[] {
  const pack = `version: 1
pack: p
detectors: [{ id: patient, type: edm, index: patients${keys} }]
rules: [{ id: r, action: tag, when: { any_of: [patient] } }]
`;
  const loading = compilePackSource(
    { text: pack, fileName: "p.yaml" },
    { indexes: indexesOf(new Map([["patients", index]])), known: NO_KNOWN_PACKS },
  );
  if (!loading.ok) throw new Error(JSON.stringify(loading.errors));
  const segment = { part: "1", kind: "body", message: 0, text: normaliseText(text) } as const;
  return matchPack(loading.pack, [segment], { senderNames: new Set(), isLate: () => false, matchesMax: 1_000 }).matches;
}

const ANNA: Patient = {
  given_name: "Anna",
  surname: "Smith",
  birth_date: "3/4/1962",
  mrn: "4821037",
  phone: "2175550143",
};
const BOB: Patient = {
  given_name: "Bob",
  surname: "Long",
  birth_date: "12/1/1980",
  mrn: "4821038",
  zip: "62704",
  address: "5 Oak Ave",
};
const index = indexFor([ANNA, BOB]);

describe("two things known of one person", () => {
  test.each([
    "Anna Smith, 3/4/1962",
    "ANNA SMITH\nDate of birth: March 4, 1962",
    "Smith,Anna;1962-03-04",
    "A\u200bnna Sm\u00adith, 3\u200b/4/1962",
    "Ａｎｎａ Ｓｍｉｔｈ ３/４/１９６２",
    "Ánna Smíth 04.03.1962",
    "Anna Q. Smith MRN 482-10-37",
    "0004821037: Smith (Anna)",
    "call 217-555-0143 for Anna Smith",
    "+1 217 555 0143 / MRN 4821037",
  ])("%j is found", (text) => expect(matchesIn(text, index)).toHaveLength(1));

  test.each([
    [{ mrn: "CLINIC-123456" }, "Anna Smith CLINIC-123456"],
    [{ mrn: "CLINIC-123456" }, "Anna Smith, MRN 123456"],
    [{ mrn: "ABC 123456" }, "Anna Smith abc 123456"],
    [{ mrn: "H#123456" }, "H#123456 Anna Smith"],
    [{ mrn: "MRN: AB-123456" }, "MRN: AB-123456, Anna Smith"],
    [{ mrn: "no. 123456" }, "no. 123456 (Anna Smith)"],
    [{ mrn: "PT_123456" }, "PT_123456 Anna Smith"],
    [{ mrn: "123456_01" }, "Anna Smith 123456_01"],
    [{ birth_date: "3/4/1962" }, "Anna Smith 1962-03-04T00:00:00"],
    [{ birth_date: "3/4/1962" }, "Anna Smith 3 / 4 / 1962"],
    [{ birth_date: "3/4/1962" }, "Anna Smith 3\u20444\u20441962"],
    [{ given_name: "Md", surname: "Rahman", mrn: "123456" }, "Md Rahman 123456"],
    [{ given_name: "Van", surname: "Le", mrn: "123456" }, "Le Van, 123456"],
    [{ given_name: "\u4f1f\u660e", surname: "\u738b", mrn: "123456" }, "\u738b \u4f1f\u660e 123456"],
  ])("what stands in the list as %j is found in %j", (patient, text) => {
    const row = { given_name: "Anna", surname: "Smith", ...patient };
    expect(matchesIn(text, indexFor([row]))).toHaveLength(1);
  });

  test.each([
    [{ mrn: "CLINIC-123456" }, "Anna Smith 1234567"],
    [{ birth_date: "3/4/1962" }, "Anna Smith 1962-03-04x00"],
    [{ birth_date: "3/4/1962" }, "Anna Smith 3 4 - 1962"],
  ])("what stands in the list as %j is not found in %j", (patient, text) => {
    expect(matchesIn(text, indexFor([{ given_name: "Anna", surname: "Smith", ...patient }]))).toEqual([]);
  });

  test.each([
    "Anna Smith",
    "Anna Smith, 12/1/1980",
    "Anna Long, 3/4/1962",
    "Anna Smith, 3/4/1963",
    "4821037",
    "Anna Smith, MRN 14821037",
    "Anna Smith, version 14.821037",
    "3/4/1962 and 4821038",
    "5 Oak Ave, 62704",
    `Anna Smith ${"and so on ".repeat(30)} 3/4/1962`,
  ])("%j is not", (text) => expect(matchesIn(text, index)).toEqual([]));

  test("what is found stretches from the first to the last of them, and is sure", () => {
    expect(matchesIn("Dear Anna Smith, born on 3/4/1962.", index)).toMatchObject([
      { start: 5, end: 33, confidence: 95 },
    ]);
  });

  test("however often one person is named, the value is the same, and of two persons it differs", () => {
    const twice = matchesIn("Anna Smith 3/4/1962. Again: 4821037, Smith, Anna.", index);
    expect(new Set(twice.map(({ value }) => value)).size).toBe(1);
    const both = matchesIn("Anna Smith 3/4/1962\nBob Long 12/1/1980\n", index);
    expect(new Set(both.map(({ value }) => value)).size).toBe(2);
  });

  test("three may be asked for, and the window may be narrow", () => {
    expect(matchesIn("Anna Smith, 3/4/1962", index, ", min_fields: 3")).toEqual([]);
    expect(matchesIn("Anna Smith, 3/4/1962, 4821037", index, ", min_fields: 3")).toHaveLength(1);
    expect(matchesIn("Anna Smith, whom we saw, 3/4/1962", index, ", within: 20")).toEqual([]);
  });

  test("only fields that are asked for count", () => {
    expect(matchesIn("Anna Smith, 3/4/1962", index, ", fields: [name, mrn]")).toEqual([]);
  });
});

describe("a surname in the place of a name", () => {
  const keys = ", fields: [name, surname, birth_date]";
  test("counts less, and only where it is written as a name", () => {
    expect(matchesIn("Mrs. Smith, 3/4/1962", index, keys)).toMatchObject([{ confidence: 75 }]);
    expect(matchesIn("mrs. smith, 3/4/1962", index, keys)).toEqual([]);
    expect(matchesIn("It took long, 12/1/1980", index, keys)).toEqual([]);
    expect(matchesIn("Smith, that is Anna Smith, 3/4/1962", index, keys)[0]?.confidence).toBe(95);
  });

  test("and not where so many are called so that one of them was born that day by chance", () => {
    const smiths = Array.from({ length: 60 }, (_, row): Patient => ({
      surname: "Smith",
      birth_date: `1/${1 + (row % 28)}/1990`,
    }));
    expect(matchesIn("Mrs. Smith, 3/4/1962", indexFor([ANNA, ...smiths]), keys)).toHaveLength(1);
    expect(matchesIn("Mrs. Smith, 1/4/1990", indexFor([ANNA, ...smiths]), keys)).toEqual([]);
  });
});

describe("one value alone", () => {
  const ssn = indexFor([{ ssn: "219-43-8855", email: "a@b.test", mrn: "4821037" }], { mrn: 12 });
  test.each([
    ["219-43-8855", "ssn", [85]],
    ["219438855", "ssn", []],
    ["A@B.test", "email", [85]],
    ["219-43-8855", "email", []],
    ["4821037", "mrn", [40]],
  ])("%s where %s may count alone: %j", (text, field, levels) => {
    expect(matchesIn(text, ssn, `, alone: [${field}]`).map(({ confidence }) => confidence)).toEqual(levels);
  });

  test("not where many share it", () => {
    const switchboard = indexFor(Array.from({ length: 20 }, (): Patient => ({ phone: "217-555-0100" })));
    expect(matchesIn("217-555-0100", switchboard, ", alone: [phone]")).toEqual([]);
  });

  test.each(["name", "birth_date", "zip", "address", "surname"])("%s can never be asked for alone", (field) => {
    expect(() => matchesIn("x", index, `, alone: [${field}]`)).toThrow(/alone/);
  });
});

test("a list of all patients is read in one go, each of them once", () => {
  const patients = Array.from({ length: 300 }, (_, row): Patient => ({
    name: `Given${"abcdefghij"[row % 10]} Sur${String.fromCharCode(97 + (row % 26))}${String.fromCharCode(97 + Math.floor(row / 26))}`,
    mrn: String(9_000_000 + row * 7),
  }));
  const text = patients.map(({ name, mrn }) => `${name}\t${mrn}`).join("\n");
  const found = matchesIn(text, indexFor(patients));
  expect(new Set(found.map(({ value }) => value)).size).toBe(300);
});

test("a text of nothing but common values ends soon", () => {
  const patients = Array.from({ length: 3_000 }, (): Patient => ({
    name: "Anna Smith",
    birth_date: "3/4/1962",
    zip: "62704",
  }));
  const text = "Anna Smith 3/4/1962 62704 ".repeat(2_000);
  expect(matchesIn(text, indexFor(patients))).toEqual([]);
});
