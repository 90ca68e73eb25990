import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readHere } from "./extraction.samples.ts";

async function read(rtf: string): Promise<{ readonly text: string; readonly unread: readonly string[] }> {
  const items = await readHere(Buffer.from(rtf, "latin1"));
  return {
    text: items.flatMap((item) => (item.kind === "text" ? [item.text] : [])).join(""),
    unread: items.flatMap((item) => (item.kind === "unread" ? [item.reason] : [])),
  };
}

const rtf = (body: string): string =>
  String.raw`{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}}{\colortbl;\red0\green0\blue0;}{\*\generator Word;}` +
  body +
  "}";

describe("a rich text", () => {
  test.each<[string, string, string]>([
    ["joins what styles part", String.raw`MRN {\b 00}48\i 29\i0 13\par`, "MRN 00482913\n"],
    ["joins lines of the source", "MRN 00\r\n482913\\par", "MRN 00482913\n"],
    ["parts paragraphs and lines", String.raw`a\par b\line c\tab d`, "a\nb\nc\td\n"],
    ["reads bytes of the code page", String.raw`M\'fcller`, "Müller\n"],
    ["reads raw bytes of the code page", "M\xfcller", "Müller\n"],
    ["reads bytes of a font's code page", String.raw`{\f1 \'cc\'e8\'f0}`, "Мир\n"],
    ["reads Unicode, and not what stands in for it", String.raw`M\u252?ller \uc2\u8364\'80\'80!`, "Müller €!\n"],
    ["reads negative Unicode", String.raw`\u-3913?`, "\n"],
    ["reads escapes", String.raw`\{a\\b\} 1\_2\~3`, "{a\\b} 1-2 3\n"],
    ["reads hidden and deleted text", String.raw`{\v MRN} {\deleted 482}`, "MRN 482\n"],
    [
      "tells a field's code behind the paragraph",
      String.raw`MRN {\field{\*\fldinst HYPERLINK "x:y"}{\fldrslt 482}} ok\par`,
      'MRN 482 ok\nHYPERLINK "x:y"\n',
    ],
    ["tells a footnote behind the paragraph", String.raw`MRN {\footnote see 9\par} 482\par`, "MRN  482\nsee 9\n"],
    ["reads properties", String.raw`{\info{\title Anna}{\*\company C}}body`, "Anna"],
    ["reads a header", String.raw`{\header MRN 482\par}body`, "MRN 482"],
    ["reads a destination nobody knows", String.raw`{\*\oddthing MRN 482}`, "MRN 482"],
    ["leaves out tables of fonts and colours", "body", "body\n"],
    ["leaves out a small picture", String.raw`{\pict\pngblip 89504e47}body`, "body\n"],
    ["passes over binary data", String.raw`{\pict\bin5 {}}{\}body`, "body\n"],
    [
      "lays a table out",
      String.raw`\trowd Name\cell MRN\cell\row\trowd Anna\cell 482913\cell\row after\par`,
      "Name\tMRN\nAnna\t482913\nName: Anna\tMRN: 482913\nafter\n",
    ],
  ])("%s", async (_, body, text) => {
    const said = await read(rtf(body));
    expect(said.text).toContain(text);
    expect(said.text).not.toMatch(/Arial|red0|89504e/);
    expect(said.unread).toEqual([]);
  });

  test.each<[string, string, readonly string[]]>([
    ["an embedded object", rtf(String.raw`body{\object{\*\objdata 0105}}`), ["unsupported_type"]],
    ["a large picture", rtf(String.raw`body{\pict ${"0".repeat(70_000)}}`), ["unsupported_type"]],
    ["a text behind the end", `${rtf("body")}MRN 482`, ["structure_defect"]],
    ["a cut one", rtf("body").slice(0, -1), ["damaged"]],
    ["groups within groups", `${rtf("body").slice(0, -1)}${"{".repeat(600)}`, ["damaged"]],
  ])("%s is told, and the rest is read", async (_, bytes, unread) => {
    const said = await read(bytes);
    expect(said.unread).toEqual(unread);
    expect(said.text).toContain("body");
  });

  test("whatever it holds, the reader says something and never throws", async () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "\\",
      "\\'",
      "\\'e4",
      "\\u-5",
      "\\uc9",
      "\\bin3",
      "\\par ",
      "\\cell",
      "\\row",
      "\\trowd",
      "\\pict",
      "\\footnote",
      "\\f1",
      "a",
      " ",
      "\xff",
      "\\*",
      "\\fonttbl",
      "\\ansicpg932",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 60 }), async (pieces) => {
        expect(Array.isArray(await readHere(Buffer.from(`{\\rtf1 ${pieces.join("")}}`, "latin1")))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("a long one takes time in proportion", async () => {
    const said = await read(rtf(String.raw`{\b a}\'e4\par `.repeat(200_000)));
    expect(said.unread).toEqual([]);
  });
});
