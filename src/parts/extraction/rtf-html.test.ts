import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { htmlInRtf } from "./rtf-html.ts";

const META = '<meta charset="utf-8">';
const rtf = (body: string): Buffer =>
  Buffer.from(
    String.raw`{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Cyr;}}` +
      body +
      "}",
    "latin1",
  );
const html = (body: string): string => (htmlInRtf(rtf(body))?.toString() ?? "").replace(META, "");

describe("HTML within a rich text", () => {
  test.each<[string, string, string]>([
    [
      "tags and the text between them",
      String.raw`{\*\htmltag64 <p>}MRN 00{\*\htmltag84 <b>}48{\*\htmltag92 </b>}2913`,
      "<p>MRN 00<b>48</b>2913",
    ],
    [
      "nothing that only readers of rich text see",
      String.raw`a\htmlrtf {\b hidden\htmlrtf0 b\htmlrtf }\htmlrtf0 c`,
      "abc",
    ],
    ["tags within what is switched off", String.raw`\htmlrtf x{\*\htmltag64 <p>}\htmlrtf0 y`, "<p>y"],
    ["bytes of code pages", String.raw`M\'fcller {\f1 \'cc\'e8\'f0}`, "Müller Мир"],
    ["Unicode, and not what stands in for it", String.raw`\u1052?\u1080?`, "Ми"],
    ["lines and tabs", String.raw`a\par b\tab c\line d`, "a\nb\tc\nd"],
    ["escapes", String.raw`\{a\\b\}\~c`, "{a\\b}\u00a0c"],
    ["no other group nobody knows", String.raw`a{\*\generator Word}{\*\mhtmltag64 <x>}b`, "ab"],
    ["text of a tag", String.raw`{\*\htmltag244 <!-- MRN 482 -->}`, "<!-- MRN 482 -->"],
  ])("gives %s", (_, body, wanted) => {
    expect(html(body)).toBe(wanted);
  });

  test("is none where the rich text does not say so", () => {
    expect(htmlInRtf(Buffer.from(String.raw`{\rtf1\ansi {\*\htmltag64 <p>}a}`))).toBeNull();
  });

  test("whatever it holds, there is an answer", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "\\",
      "\\'",
      "\\'e4",
      "\\u-5",
      "\\uc9",
      "\\*",
      "\\htmltag8 ",
      "\\htmlrtf ",
      "\\htmlrtf0 ",
      "<b>",
      "a",
      "\xff",
      "\\f1",
      "\\fonttbl",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        expect(html(pieces.join(""))).toBeTypeOf("string");
      }),
      { numRuns: 500 },
    );
  });

  test("a long one takes time in proportion", () => {
    expect(html("{".repeat(400_000) + String.raw`\b a\'e4`.repeat(200_000)).length).toBeGreaterThan(200_000);
  });
});
