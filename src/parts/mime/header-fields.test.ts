import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressesOf } from "./addresses.ts";
import { decodeWords, readHeaders, readHeaderSection } from "./header-fields.ts";
import { parseParameterised } from "./header-params.ts";

describe("fields", () => {
  test("each field has its name, unfolded value and byte range", () => {
    const bytes = Buffer.from("A: one\r\n\ttwo\r\nB-b : \xc3\xa4\nC:\r\n\r\nD: body", "latin1");
    const fields = readHeaders(bytes);
    expect(fields.map(({ name, value }) => [name, value])).toEqual([
      ["A", "one\ttwo"],
      ["B-b", "ä"],
      ["C", ""],
    ]);
    expect(fields.map(({ start, end }) => [start, end])).toEqual([
      [0, 14],
      [14, 23],
      [23, 27],
    ]);
    expect(readHeaderSection(bytes)).toMatchObject({ bodyStart: 29, isMalformed: false });
  });

  test("a line that is no field is told and skipped", () => {
    const section = readHeaderSection(Buffer.from("A: 1\r\nnonsense\r\n more\r\nB: 2\r\n\r\n"));
    expect(section.isMalformed).toBe(true);
    expect(section.fields.map((field) => field.name)).toEqual(["A", "B"]);
  });

  test("ranges never overlap and nothing throws", () => {
    const piece = fc.constantFrom(
      "A: ",
      "\r\n",
      "\n",
      " ",
      ":",
      "=?utf-8?q?=zz?=",
      "=?x",
      "\u0000",
      "ä",
      "(",
      '"',
      ";",
      "a*0*=",
      "b",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join("");
        let at = 0;
        for (const field of readHeaders(Buffer.from(text))) {
          expect(field.start).toBeGreaterThanOrEqual(at);
          at = field.end;
        }
        expect(typeof decodeWords(text)).toBe("string");
        expect(parseParameterised(text).parameters).toBeInstanceOf(Map);
        expect(addressesOf(text, 5).length).toBeLessThanOrEqual(5);
      }),
    );
  });
});

test.each([
  ["=?utf-8?Q?a_=C3=A4?= b", "a ä b"],
  ["=?utf-8?B?w6Q=?= =?utf-8?q?=C3?=\r\n =?utf-8?q?=A4?=", "ää"],
  ["=?iso-2022-jp?B?GyRCRnwbKEI=?=", "日"],
  ["=?utf-8*en?q?x?=y", "xy"],
  ["=?x-unknown?q?abc?= z", "=?x-unknown?q?abc?= z"],
  ["=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"],
])("encoded words %j read as %j", (raw, text) => {
  expect(decodeWords(raw)).toBe(text);
});

test.each([
  ["text/plain; charset=utf-8", "text/plain", { charset: "utf-8" }],
  ['Text/HTML (c;d) ; Charset="a\\"b;c"; x = y z', "text/html", { charset: 'a"b;c', x: "y z" }],
  ["a; name*1=b; name*0*=utf-8''%C3%A4", "a", { name: "äb" }],
  ["a; name=plain; name*=iso-8859-1''%E4", "a", { name: "ä" }],
  ["attachment; filename=my file (1).pdf", "attachment", { filename: "my file (1).pdf" }],
  ["a;;junk;x=1", "a", { x: "1" }],
])("%j", (raw, value, parameters) => {
  const parsed = parseParameterised(raw);
  expect(parsed.value).toBe(value);
  expect(Object.fromEntries(parsed.parameters)).toEqual(parameters);
});

test("what readers disagree on is named", () => {
  expect(parseParameterised("a; x=1; x=2").duplicates).toEqual(new Set(["x"]));
  expect(parseParameterised('a; x="open').damaged).toEqual(new Set(["x"]));
  expect(parseParameterised("a; x=b c").damaged).toEqual(new Set(["x"]));
  expect(parseParameterised("a; x=1; x*=us-ascii''2").duplicates).toEqual(new Set(["x"]));
  expect(parseParameterised('a; x="b\\c"; y=d(e); z="f(g)"').damaged).toEqual(new Set(["x", "y"]));
  expect(parseParameterised('a; x="open; y=z').isBroken).toBe(true);
  expect(parseParameterised(`a${"; x=1".repeat(100)}`).isBroken).toBe(false);
  expect(parseParameterised(`a${"; x=1".repeat(101)}`).isBroken).toBe(true);
});

test.each([
  ['"Doe, J <x@y>" <a@example.org>, b@example.org (c@d)', ["a@example.org", "b@example.org"]],
  ["Group: a@b.example, C <c@d.example>;", ["a@b.example", "c@d.example"]],
  ["name only, <>, <no at>, a@b@c", []],
  ["Jürgen <jürgen@bücher.example>", ["jürgen@bücher.example"]],
])("addresses of %j", (value, expected) => {
  expect(addressesOf(value, 10)).toEqual(expected);
});
