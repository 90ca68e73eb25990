import { assert as holds, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { kindOfHeading } from "./edm-fields.ts";
import { addressValue, dateValue, emailValue, fold, fullNameWords, nameWords, numberValue } from "./edm-values.ts";
import { phoneValue, ssnValue, zipValue } from "./edm-values.ts";

describe("one form for every way to write", () => {
  test.each([
    ["a number with separators", numberValue, ["00-123 456", "123456", "0123.456"], "123456"],
    ["a number with letters", numberValue, ["MR-77 88", "mr7788", "ＭＲ７７８８"], "mr7788"],
    ["an SSN, whose zeros a spreadsheet took", ssnValue, ["012-34-5678", "012 34 5678", "12345678"], "012345678"],
    ["a telephone", phoneValue, ["(217) 555-0143", "+1 217.555.0143", "12175550143", "217-555-0143 x12"], "2175550143"],
    ["an address of mail", emailValue, ["A.B@Example.org", " a.b@example.org "], "a.b@example.org"],
    ["a ZIP code", zipValue, ["02115", "2115", "02115-1234"], "02115"],
    ["a house", addressValue, ["12 N. Elm Street, Apt 4", "12 elm st", "12 ELM ST #4", "12 North Elm"], "12 elm"],
    ["a house in a street called like a type", addressValue, ["5 Court Street", "5 Court St."], "5 court"],
  ] as const)("%s", (_, read, texts, value) => {
    expect(texts.map((text) => read(text))).toEqual(texts.map(() => value));
  });

  test.each(["1962-03-04", "03/04/1962", "3/4/62", "3.4.1962", "March 4, 1962", "4 Mar 1962", "4th of March 1962"])(
    "the date %s",
    (text) => expect(dateValue(text, "mdy", 2026)).toBe("19620304"),
  );

  test("the order of day and month is told, the century is the last one that has been", () => {
    expect(dateValue("04/03/1962", "dmy", 2026)).toBe("19620304");
    expect([dateValue("1/2/26", "mdy", 2026), dateValue("1/2/27", "mdy", 2026)]).toEqual(["20260102", "19270102"]);
  });

  test.each([
    ["31 days in June", () => dateValue("6/31/1990", "mdy", 2026)],
    ["a month of 13", () => dateValue("13/1/1990", "mdy", 2026)],
    ["a word for a date", () => dateValue("unknown", "mdy", 2026)],
    ["a number of three characters", () => numberValue("123")],
    ["one digit again and again", () => numberValue("0000000")],
    ["a filled-in SSN", () => ssnValue("999-99-9999")],
    ["a post box", () => addressValue("P.O. Box 12")],
  ])("%s says nothing to look for", (_, read) => expect(read()).toBeNull());
});

describe("the words of a name", () => {
  test("each part of a double name and both as one; titles and particles do not count", () => {
    expect(nameWords("Dr. Anna María", "Smith-O'Brien Jr.")).toEqual({
      given: ["anna", "maria", "annamaria"],
      surname: ["smith", "brien", "obrien", "smithobrien"],
    });
    expect(nameWords("Juan", "de la Cruz").surname).toEqual(["cruz", "delacruz"]);
  });

  test.each(["Novák, Jiří", "Jiří Novák", "NOVAK, JIRI", "Mr. Jiri Novak Jr."])("%s is one name", (text) => {
    expect(fullNameWords(text)).toEqual({ given: ["jiri"], surname: ["novak"] });
  });

  test("one word is no name", () => expect(fullNameWords("Madonna").surname).toEqual([]));
});

test("folding is idempotent and leaves no accent", () => {
  holds(
    property(string({ unit: "grapheme" }), (text) => {
      expect(fold(fold(text))).toBe(fold(text));
    }),
  );
  expect(fold("Ångström Łódź straße")).toBe("angstrom lodz strasse");
});

test("every reader of values takes any text", () => {
  holds(
    property(string({ unit: "binary", maxLength: 200 }), (text) => {
      const readers = [numberValue, ssnValue, phoneValue, emailValue, zipValue, addressValue];
      const values = [...readers.map((read) => read(text)), dateValue(text, "dmy", 2026)];
      expect(values.every((value) => value === null || value.length > 3)).toBe(true);
      expect(fullNameWords(text).given).toBeInstanceOf(Array);
    }),
  );
});

test.each([
  ["First Name", "given_name"],
  ["patient_last_name", "surname"],
  ["D.O.B.", "birth_date"],
  ["Patient ID", "mrn"],
  ["Member ID", "member_id"],
  ["E-Mail", "email"],
  ["Home Phone", "phone"],
  ["Zip Code", "zip"],
  ["Ward", null],
])("a column called %s holds %s", (heading, kind) => expect(kindOfHeading(heading)).toBe(kind));
