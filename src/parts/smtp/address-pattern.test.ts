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

test("the null sender is among nobody but itself, and nobody is among nobody", () => {
  expect([isAmong(null, ["<>"]), isAmong(null, ["clinic.example", ".example"]), isAmong(mailbox, [])]).toEqual([
    true,
    false,
    false,
  ]);
});
