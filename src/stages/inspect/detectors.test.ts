import { describe, expect, test } from "vitest";
import type { Segment } from "./compiled-pack.ts";
import { scanSegment } from "./detectors.ts";
import { packOf } from "./inspect-mails.suite.ts";
import { normaliseText, normaliseValue } from "./normalise.ts";

type Found = readonly [value: string, confidence: number];

function found(detector: string, text: string, senderNames: readonly string[] = []): readonly Found[] {
  const pack = packOf(
    `version: 1\npack: p\ndetectors:\n  - { id: d, ${detector} }\nrules: [{ id: r, action: tag, when: { any_of: [d] } }]`,
  );
  const segment: Segment = { part: "1", kind: "body", message: 0, text: normaliseText(text) };
  const context = { senderNames: new Set(senderNames.map(normaliseValue)), isLate: () => false, matchesMax: 100 };
  return scanSegment(pack, { segment, index: 0 }, context).map((match) => [match.value, match.confidence]);
}

describe("a label finds its value", () => {
  const after = "type: label_id, labels: [mrn, medical record], value: '[A-Z]{0,2}-?\\d{4,8}'";
  const both = `${after}, side: both`;
  test.each<[string, string, string, readonly string[]]>([
    ["directly after it", after, "MRN 12345", ["12345"]],
    ["after a colon and a hash", after, "mrn: #12345", ["12345"]],
    ["after filler words", after, "Medical record number is: AB-12345", ["AB12345"]],
    ["in the next line", after, "MRN\n12345", ["12345"]],
    ["in the next cell", after, "MRN\t12345", ["12345"]],
    ["in brackets", after, "(MRN [12345])", ["12345"]],
    ["before it", both, "12345 (MRN)", ["12345"]],
    ["not before it when not asked", after, "12345 (MRN)", []],
    ["not after other words", after, "MRN of every patient 12345", []],
    ["not beyond a sentence end", after, "We lost it (the MRN). 12345 people came", []],
    ["not too far away", after, `MRN ${"-".repeat(40)}12345`, []],
    ["not inside a longer number", after, "MRN 1234567890", []],
    ["not from the middle of a word", after, "MRN x12345y", []],
    ["each one", after, "MRN 12345, MRN 67890", ["12345", "67890"]],
    ["after a label written as one word", after, '{"medicalRecord": "12345"}', ["12345"]],
    ["after a label with underscores", after, "medical_record=12345", ["12345"]],
  ])("%s", (_, detector, text, values) => {
    expect(found(detector, text).map(([value]) => value)).toEqual(values);
  });
});

describe("confidence climbs a ladder", () => {
  const ladder = `type: regex, pattern: 'AB\\d{4}', confidence: [{ level: 40 }, { level: 85, near: { words: [chart, medical record], within: 20 } },
    { adjust: -30, near: { words: [order], within: 20, side: before } }, { adjust: 10, near: { words: [urgent], within: 20, side: after } }]`;
  test.each([
    ["its ground level", "x AB1234", 40],
    ["a level with its word before", "chart AB1234", 85],
    ["a level with its word after", "AB1234 (medical record)", 85],
    ["whole words only", "flowchart AB1234", 40],
    ["words too far away", `chart ${".".repeat(30)} AB1234`, 40],
    ["an adjustment on its side", "order AB1234", 10],
    ["no adjustment on the other side", "AB1234 order", 40],
    ["level and adjustments together", "chart order AB1234 urgent", 65],
  ])("%s", (_, text, confidence) => {
    expect(found(ladder, text)).toEqual([["AB1234", confidence]]);
  });

  test("the highest level counts, in whatever order they stand", () => {
    const detector = `type: regex, pattern: 'AB\\d{4}', confidence: [{ level: 85, near: { words: [chart], within: 20 } }, { level: 40 }]`;
    expect(found(detector, "chart AB1234")).toEqual([["AB1234", 85]]);
  });

  test("without any level reached nothing is found", () => {
    expect(
      found(
        "type: regex, pattern: 'AB\\d{4}', confidence: [{ level: 85, near: { words: [chart], within: 20 } }]",
        "AB1234",
      ),
    ).toEqual([]);
  });
});

describe("dictionaries", () => {
  test.each<[string, string, string, readonly string[]]>([
    [
      "count plurals as their singular",
      "type: dictionary, terms: [fracture, biopsy, rash]",
      "fractures, biopsies, rashes, fracture",
      ["FRACTURE", "BIOPSY", "RASH", "FRACTURE"],
    ],
    ["keep plurals apart where told", "type: dictionary, plurals: false, terms: [fracture]", "fractures", []],
    [
      "mind case where told",
      "type: dictionary, case: sensitive, terms: [AIDS, MRI]",
      "aids MRI mri AIDS",
      ["MRI", "AIDS"],
    ],
  ])("%s", (_, detector, text, values) => {
    expect(found(detector, text).map(([value]) => value)).toEqual(values);
  });
});

describe("built-in shapes stand alone", () => {
  test.each<[string, readonly string[]]>([
    ["219-43-8855", ["219438855"]],
    ["219 43 8855.", ["219438855"]],
    ["0219-43-8855", []],
    ["219-43-8855-1", []],
    ["7.219-43-8855", []],
    ["a1b2-219-43-8855", []],
  ])("%s", (text, values) => {
    expect(found("type: validator, validator: us_ssn", text).map(([value]) => value)).toEqual(values);
  });
});

test("a pattern with keywords runs only where one stands", () => {
  const detector = "type: regex, pattern: '\\d{4}', keywords: [chart]";
  expect(found(detector, "1234")).toEqual([]);
  expect(found(detector, "chart of the year 1234")).toHaveLength(1);
});

describe("names", () => {
  const names =
    "type: name, given_names: [Anna, Mary, Grace], labels: [patient, patient name], not_surnames: [hospital, period]";
  test.each<[string, string, readonly Found[]]>([
    ["given name and surname", "we saw Anna Sample today", [["ANNASAMPLE", 65]]],
    ["an initial", "we saw Anna S. today", [["ANNAS", 65]]],
    ["a middle initial", "Mary K. Sample", [["MARYKSAMPLE", 65]]],
    ["a hyphenated surname's first part", "Anna Sample-Jones", [["ANNASAMPLE", 65]]],
    ["capitals", "ANNA SAMPLE", [["ANNASAMPLE", 50]]],
    ["surname first", "Sample, Anna", [["SAMPLEANNA", 50]]],
    ["after a label, unknown given name too", "Patient: Zorblax Quux", [["ZORBLAXQUUX", 85]]],
    ["after an honorific", "saw Mrs. Sample", [["SAMPLE", 65]]],
    ["after Dr. only weakly", "saw Dr. Sample", [["SAMPLE", 40]]],
    ["after Dr. only weakly, however full", "saw Dr. Anna Sample", [["ANNASAMPLE", 40]]],
    ["only weakly of who did it", "recorded by Anna Sample", [["ANNASAMPLE", 40]]],
    [
      "after an honorific of other languages",
      "saw Frau Quux Zorblax and Senora Sample",
      [
        ["QUUXZORBLAX", 65],
        ["SAMPLE", 65],
      ],
    ],
    ["after a label, an initial and a surname", "patient: Z. Quux", [["ZQUUX", 85]]],
    ["after a label in capitals", "PATIENT ZORBLAX QUUX", [["ZORBLAXQUUX", 85]]],
    ["no command in capitals", "alter table patient ADD COLUMN", []],
    ["with inner capitals", "Anna McSample", [["ANNAMCSAMPLE", 65]]],
    ["no place named after somebody", "Mary Hospital", []],
    ["no sentence that begins like a name", "Grace period ends", []],
    ["no name in lower case", "anna sample", []],
    ["no lone given name", "Anna called", []],
    ["no quoted header", "> From: Anna Sample\nCc: Mary Sample", []],
    ["no attribution line", "On Monday Anna Sample wrote:", []],
  ])("%s", (_, text, expected) => {
    expect(found(names, text)).toEqual(expected);
  });

  test("the sender's own name is left out", () => {
    expect(found(names, "Regards, Anna Sample", ["Anna Sample"])).toEqual([]);
  });
});

describe("names by their shape", () => {
  const shape = "type: name_shape, labels: [son, patient], not_names: [clinic, the, monday, new, york]";
  test.each<[string, string, readonly Found[]]>([
    ["an initial and a surname", "saw T. Zorblax today", [["TZORBLAX", 55]]],
    ["a surname and an initial", "Zorblax, T. - stable", [["ZORBLAXT", 55]]],
    ["two words", "then Quux Zorblax left", [["QUUXZORBLAX", 45]]],
    ["after a relation", "my son Quux fell", [["QUUX", 60]]],
    ["with an apostrophe", "met Quux O'Zorb", [["QUUXOZORB", 45]]],
    ["at the head of an entry", "07:30 Zorblax - hernia", [["ZORBLAX", 35]]],
    ["after a bed", "Bed 3: Zorblax, weaning", [["ZORBLAX", 35]]],
    [
      "a surname first, before a number or an identifier",
      "Zorblax, Quux, 66; Zorb, Q",
      [
        ["ZORBLAXQUUX", 50],
        ["ZORBQ", 55],
      ],
    ],
    ["no enumeration turned round", "with Zorblax, Quux, Zorb", [["ZORBLAX", 25]]],
    ["one word amid a sentence", "We saw Zorblax", [["ZORBLAX", 25]]],
    ["one word that does what people do", "Today. Zorblax has said so", [["ZORBLAX", 25]]],
    ["the one word of a subject", "RE: Zorblax", [["ZORBLAX", 25]]],
    ["a syllable in lower case behind a hyphen", "of Quux-ho Zorblax", [["QUUXHOZORBLAX", 45]]],
    ["no other word behind a hyphen", "The Quux-off Zorblax!", [["ZORBLAX", 25]]],
    ["no lone word at the head of a sentence", "Zorblax! Quux arrives.", []],
    ["no first word of a house", "at Zorblax Clinic today", []],
    ["no word behind a mark", "saw: Zorblax, then; Quux.", []],
    ["no word of the lists", "New York, the Clinic on Monday", []],
    ["no capitals", "SELECT FROM ZORBLAX QUUX", []],
  ])("%s", (_, text, expected) => {
    expect(found(shape, text)).toEqual(expected);
  });

  test("the sender's own name is left out", () => {
    expect(found(shape, "seen by Quux Zorblax", ["Quux Zorblax"])).toEqual([]);
    expect(found(shape, "Quux Zorblax has seen it", ["Quux Zorblax"])).toEqual([]);
  });
});
