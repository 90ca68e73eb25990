import { describe, expect, test } from "vitest";
import { VALIDATORS } from "./validators.ts";
import type { ValidatorName } from "./validators.ts";

const TABLE: readonly [ValidatorName, readonly string[], readonly string[]][] = [
  [
    "us_ssn",
    ["219-43-8855", "219438855"],
    ["000-43-8855", "666-43-8855", "900-43-8855", "219-00-8855", "219-43-0000", "078-05-1120", "21943885"],
  ],
  ["us_mbi", ["1EG4-TE5-MK73", "1EG4TE5MK73"], ["1SG4TE5MK73", "0EG4TE5MK73", "1EG4TE5MK7"]],
  ["us_npi", ["1234567893"], ["1234567890", "3234567893", "123456789"]],
  ["us_dea", ["AB1234563"], ["AB1234564", "A1234563"]],
  ["us_phone", ["(212) 555-0147", "+1 212 555 0147"], ["112-555-0147", "212-155-0147", "911-555-0147"]],
  [
    "card",
    ["4111 1111 1111 1111", "378282246310005", "5555555555554444"],
    ["4111 1111 1111 1112", "0000000000000000", "1234567812345670"],
  ],
  ["luhn", ["79927398713"], ["79927398710", "7"]],
  ["iban", ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"], ["GB82WEST12345698765433", "XX00"]],
  ["aba", ["021000021"], ["021000022", "991000021"]],
  ["vin", ["1M8GDM9AXKP042788"], ["1M8GDM9AXKP042789", "1M8GDM9AXKP04278O"]],
  [
    "date",
    ["03/14/1961", "14.3.1961", "1961-03-14", "2/29/2024", "March 14, 1961", "19610314"],
    ["13/32/1961", "2/30/2024", "0/1/2000", "1850-01-01", "19611314", "20230229"],
  ],
  ["three_digits", ["A-1B23"], ["AB12", "none"]],
  ["has_digit", ["a1"], ["a"]],
  ["not_repeated", ["1112"], ["1111", "00-00"]],
  ["not_date", ["123-45-6789", "A12"], ["03/14/1961", "2021-03-04"]],
];

describe.each(TABLE)("%s", (name, good, bad) => {
  test.each(good)("accepts %s", (value) => expect(VALIDATORS[name](value)).toBe(true));
  test.each(bad)("refuses %s", (value) => expect(VALIDATORS[name](value)).toBe(false));
});
