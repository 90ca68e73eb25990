import { expect, test } from "vitest";
import { isAmong } from "../../core/address-pattern.ts";
import { readAddressPattern } from "./address-pattern.ts";

test.each([
  ["Nurse@Clinic.Example", "nurse@clinic.example"],
  ["clinic.example.", "clinic.example"],
  [".Clinic.example", ".clinic.example"],
  ["räume@bücher.example", "räume@xn--bcher-kva.example"],
  [".bücher.example", ".xn--bcher-kva.example"],
  ["a@b@clinic.example", "a@b@clinic.example"],
  ["<>", "<>"],
  [".GOV", ".gov"],
  ["gov", null],
  ["", null],
  ["clinic", null],
  [".", null],
  ["@clinic.example", null],
  ["*.example.org", null],
  ["*@example.org", null],
  ["a b@example.org", null],
  ["a@.example.org", null],
  ["a@b.example, c@d.example", null],
])("%j is read as %j", (text, pattern) => {
  expect(readAddressPattern(text)).toBe(pattern);
});

const mailbox = { address: "Nurse@clinic.example", localPart: "Nurse", domain: "clinic.example", isUtf8: false };

test.each([
  ["nurse@clinic.example", true],
  ["clinic.example", true],
  [".example", true],
  [".clinic.example", false],
  ["example", false],
  ["urse@clinic.example", false],
  ["linic.example", false],
  ["<>", false],
])("nurse@clinic.example among %s: %s", (pattern, is) => {
  expect(isAmong(mailbox, [pattern])).toBe(is);
});

test.each([
  ['"nurse"', "nurse", true],
  [String.raw`"n\urse"`, "nurse", true],
  ['"NURSE"', "nurse", true],
  ["ZOE\u0308", "zo\u00eb", true],
  ["zo\u00eb", "Zoe\u0308", true],
  ["nurse+rota", "nurse", false],
  ['"nurse "', "nurse", false],
  ["nur\u0455e", "nurse", false],
])("%s@ among %s@: %s", (localPart, pattern, is) => {
  const written = { address: `${localPart}@clinic.example`, localPart, domain: "clinic.example", isUtf8: true };
  expect(isAmong(written, [readAddressPattern(`${pattern}@clinic.example`) ?? ""])).toBe(is);
});

test("the null sender is among nobody but itself, and nobody is among nobody", () => {
  expect([isAmong(null, ["<>"]), isAmong(null, ["clinic.example", ".example"]), isAmong(mailbox, [])]).toEqual([
    true,
    false,
    false,
  ]);
});
