import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lowerCase, normaliseText, normaliseValue } from "./normalise.ts";

describe("normaliseText", () => {
  test.each([
    ["full-width digits", "１２３", "123"],
    ["zero-width characters", "1\u200b2\u200d3\ufeff", "123"],
    ["a soft hyphen", "12\u00ad3", "123"],
    ["a no-break space", "a\u00a0b", "a b"],
    ["typographic hyphens", "12\u201134\u2013", "12-34-"],
    ["curly quotes", "\u2018a\u2019", "'a'"],
    ["Arabic-Indic digits", "\u0661\u0662", "12"],
    ["mathematical digits", "\u{1d7d8}\u{1d7d9}", "01"],
    ["line ends", "a\r\nb\rc\u2028d", "a\nb\nc\nd"],
    ["NUL", "1\u00002", "12"],
    ["other controls", "1\u00072\u007f3\u00904", "1234"],
    ["escape sequences of ISO 2022", "1\u001b(B2\u001b$B3", "123"],
    ["separators of HL7 and X12", "a\u001cb\u001fc", "a\nb\nc"],
    ["variation selectors and tags", "1\u{e0100}2\u{e0041}3", "123"],
    ["annotation marks", "1\ufff92\ufffb", "12"],
    ["direction marks", "1\u202e2\u2069", "12"],
  ])("reads %s", (_, given, expected) => {
    expect(normaliseText(given)).toBe(expected);
  });

  test("reads the digits of every script", () => {
    const unread: string[] = [];
    for (let code = 0x80; code <= 0x10ffff; code += 1) {
      const character = String.fromCodePoint(code);
      if (/\p{Nd}/u.test(character) && !/^[0-9]$/.test(normaliseText(character))) unread.push(code.toString(16));
    }
    expect(unread).toEqual([]);
  });

  test("reads a text of ASCII alike whatever stands behind it", () => {
    const piece = fc.constantFrom(
      "a",
      "7",
      " ",
      "\t",
      "\r\n",
      "\r",
      "\n",
      "\f",
      "~",
      "\x00",
      "\x1b(B",
      "\x1c",
      "\x7f",
      "\x1f",
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join("");
        expect(`${normaliseText(text)}é`).toBe(normaliseText(`${text}é`));
      }),
    );
  });

  test("is idempotent", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const once = normaliseText(text);
        expect(normaliseText(once)).toBe(once);
      }),
    );
  });
});

test("lower case keeps every offset", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(lowerCase(text)).toHaveLength(text.length);
    }),
  );
});

test("a value counts by its letters and digits", () => {
  expect(normaliseValue("219-43 8855")).toBe("219438855");
  expect(normaliseValue("ab 12")).toBe(normaliseValue("AB-12"));
});
