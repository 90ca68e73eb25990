import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fieldsIn, labelOf } from "./key-fields.ts";

test.each([
  ["JSON", '{"medicalRecordNumber":"4829","list":[{"icd10":"C50"}]}', "medical Record Number: 4829\nicd10: C50"],
  ["JSON on lines", '{\n "patientId": 4829,\n "codes": [\n  "C50"\n ]\n}', "patient Id: 4829\ncodes: C50"],
  ["a list", '{"icdCodes":["C50","E11"]}', "icd Codes: C50, E11"],
  ["settings", "[patient]\nrecordNumber=4829\nicd10=C50", "record Number: 4829"],
  ["a link", "https://a.example/?recordNumber=4829&visitReason=chemo", "record Number: 4829\nvisit Reason: chemo"],
  ["code", "const a = { patientName: 'Anna', 'last_name': 'Sample' };", "patient Name: Anna\nlast name: Sample"],
])("fields of %s are told behind their names", (_, text, expected) => {
  expect(fieldsIn(text, 10_000)).toBe(expected);
});

test.each([
  ["words", "Dear Anna: the list of the MRN = 4829 is ready"],
  ["a name of two capitals", "McDonald, Anna"],
  ["a key without value", '{"a":{}, "recordNumber": []}'],
])("%s tell nothing", (_, text) => {
  expect(fieldsIn(text, 10_000)).toBe("");
});

test.each([
  ["patientMRN", "patient MRN"],
  ["last_name", "last name"],
  ["icd10", "icd10"],
  ["visit.reason-code", "visit reason code"],
])("%s is the label %s", (key, label) => {
  expect(labelOf(key)).toBe(label);
});

test("what is told is no longer than it may be", () => {
  const told = fieldsIn('"recordNumber": 4829,'.repeat(100), 500);
  expect(told.length).toBeLessThanOrEqual(500);
  expect(told).toContain("record Number: 4829\nrecord Number: 4829");
});

test("whatever a text is, what is told is at most twice as long", () => {
  const piece = fc.constantFrom("aB", '"', "'", ":", "=", "{", "[", "]", "}", ",", " ", "\n", "x1", "_");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 100 }), (pieces) => {
      const text = pieces.join("");
      expect(fieldsIn(text, 10_000).length).toBeLessThanOrEqual(text.length * 2);
    }),
    { numRuns: 300 },
  );
});
