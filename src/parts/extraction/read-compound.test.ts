/** Documents of Word, Excel and PowerPoint before 2007. */
import * as fc from "fast-check";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { compoundOf } from "./compound.samples.ts";
import type { SampleTree } from "./compound.samples.ts";
import { readHere, readText as read } from "./extraction.samples.ts";
import {
  atom,
  BEGIN_BOOK,
  BEGIN_SHEET,
  doc,
  END,
  long,
  madeFile,
  narrow,
  picture,
  propertySet,
  record,
  sharedStrings,
  short,
  textValue,
  wide,
} from "./office-97.samples.ts";
import { zipOf } from "./zip.samples.ts";

describe("a document of Word", () => {
  test("that LibreOffice made gives its text, tables, notes, headers, remarks, boxes, links and properties", async () => {
    const { text, unread } = await read(madeFile("letter.doc"));
    expect(unread).toEqual([]);
    for (const part of [
      "Body MRN 00480006 has diabetes, more.\n",
      "Name\tMRN\tIllness\nAnna Example\t00480012\nName: Anna Example\tMRN: 00480012\n00480013\tasthma\nMRN: 00480013\tIllness: asthma\n",
      'Link here end\n HYPERLINK "http://portal.example/?id=00480011"\n',
      "Ümlaut and Мир at the end\n",
      "Patient: Custom 00480003",
    ])
      expect(text).toContain(part);
    for (let number = 1; number <= 13; number += 1) expect(text).toContain(`004800${String(number).padStart(2, "0")}`);
  });

  test.each<[string, Buffer, string]>([
    [
      "joins pieces of both widths",
      doc([{ text: "MRN 00" }, { text: "482", isWide: true }, { text: "913 has diabetes\r" }]),
      "MRN 00482913 has diabetes\n",
    ],
    ["parts a header from the text", doc([{ text: "diabetesMRN 482\r" }], { parts: [8, 0, 8] }), "diabetes\nMRN 482\n"],
    ["reads hyphens that do not break", doc([{ text: "078\x1e05\x1e1120 a\x1fb\r" }]), "078-05-1120 ab\n"],
    [
      "keeps a field's code out of the sentence",
      doc([{ text: "MRN \x13 QUOTE 9 \x14482\x15 ok\r" }]),
      "MRN 482 ok\n QUOTE 9 \n",
    ],
    [
      "lays a table out",
      doc([{ text: "Hi\rName\x07MRN\x07\x07Anna\x07482913\x07\x07end\r" }]),
      "Name\tMRN\nAnna\t482913\nName: Anna\tMRN: 482913\nend\n",
    ],
    ["reads a table whose rows differ", doc([{ text: "a\x07b\x07c\x07\x07d\x07e\x07\x07" }]), "a\tb\tc\nd\te\n"],
    ["reads what no piece refers to", unusedText(), "MRN 00482913"],
    ["of Word 6 reads its text", oldDocument(), "MRN 482\nMüller\n"],
  ])("%s", async (_, bytes, wanted) => {
    const said = await read(bytes);
    expect(said.text).toContain(wanted);
    expect(said.unread).toEqual([]);
  });

  test.each<[string, Buffer, string]>([
    ["a password", doc([{ text: "a" }], { flags: 0x300 }), ":encrypted"],
    ["no piece table", doc([{ text: "a" }], { flags: 0 }), ":damaged"],
    ["a piece outside of the file", longPiece(), ":damaged"],
    ["macros", compoundOf({ ...wordStreams(), Macros: { VBA: { dir: "x" } } }), ":unsupported_type"],
    ["nothing but a picture", docWithPicture("\x01"), ":image_only"],
    ["a large picture", compoundOf({ ...wordStreams(), Data: picture(40_000) }), ":unsupported_type"],
    [
      "an object nobody knows",
      compoundOf({ ...wordStreams(), ObjectPool: { _1: { CONTENTS: Buffer.alloc(90) } } }),
      "1>s1:unsupported_type",
    ],
  ])("with %s is told", async (_, bytes, reason) => {
    expect((await read(bytes)).unread).toEqual([reason]);
  });

  test("gives the documents within it, each by what it is", async () => {
    const book = {
      Workbook: Buffer.concat([BEGIN_BOOK, END, BEGIN_SHEET, record(0x204, 0, 0, 0, narrow("MRN 482")), END]),
    };
    const pool = { _1: book, _2: { Package: zipOf([{ name: "a.txt", content: "MRN 483" }]) }, _3: {} };
    const said = await read(compoundOf({ ...wordStreams(), ObjectPool: pool }));
    expect(said.text).toContain("MRN 482");
    expect(said.text).toContain("MRN 483");
    expect(said.unread).toEqual([]);
  });

  test("whose pieces repeat one text ends at the budget", async () => {
    const { unread } = await read(doc(Array.from({ length: 400 }, () => ({ text: "x".repeat(1_000) }))), {
      textCharsMax: 100_000,
    });
    expect(unread).toEqual([":over_budget"]);
  });
});

describe("a presentation of PowerPoint", () => {
  test("that LibreOffice made gives slides, tables and notes", async () => {
    const { text, unread } = await read(madeFile("slides.ppt"));
    expect(unread).toEqual([]);
    for (const part of ["Slide MRN 00480021 has diabetes\n", "Мир 00480022\n", "MRN\n00480023\n", "Note 00480024\n"])
      expect(text).toContain(part);
  });

  const ppt = (...atoms: readonly Buffer[]): Buffer =>
    compoundOf({ "PowerPoint Document": atom(0x03e8, Buffer.concat(atoms), { isContainer: true }) });
  const inner = compoundOf({ Workbook: Buffer.concat([BEGIN_BOOK, sharedStrings("MRN 482"), END]) });
  test.each<[string, Buffer, string]>([
    ["narrow text", ppt(atom(0x0fa8, Buffer.from("MRN\r482"))), "MRN\n482\n"],
    ["wide text", ppt(atom(0x0fa0, wide("MRN 482 Мир"))), "MRN 482 Мир\n"],
    ["names and remarks", ppt(atom(0x0fba, wide("MRN 482"))), "MRN 482\n"],
    ["a document within it", ppt(atom(0x1011, inner)), "MRN 482\n"],
    [
      "a document deflated within it",
      ppt(atom(0x1011, Buffer.concat([long(inner.length), deflateSync(inner)]), { instance: 1 })),
      "MRN 482\n",
    ],
  ])("gives %s", async (_, bytes, wanted) => {
    const said = await read(bytes);
    expect(said.text).toContain(wanted);
    expect(said.unread).toEqual([]);
  });

  test.each<[string, Buffer, string]>([
    ["a password", ppt(atom(0x2f14, Buffer.alloc(8), { isContainer: true })), ":encrypted"],
    ["a record beyond the end", ppt(Buffer.from([0, 0, 0xa8, 0x0f, 255, 255, 255, 127])), ":damaged"],
    ["macros", ppt(atom(0x1011, compoundOf({ PROJECT: "", VBA: { dir: "" } }))), "o1:unsupported_type"],
    [
      "a bomb within it",
      ppt(atom(0x1011, Buffer.concat([long(9), deflateSync(Buffer.alloc(300_000_000))]), { instance: 1 })),
      ":over_budget",
    ],
    [
      "a large picture",
      compoundOf({ "PowerPoint Document": atom(0x0fa8, Buffer.from("a")), Pictures: picture(40_000) }),
      ":unsupported_type",
    ],
  ])("with %s is told", async (_, bytes, reason) => {
    expect((await read(bytes)).unread).toEqual([reason]);
  });
});

describe("properties", () => {
  test("are read, those of people's own with their names", async () => {
    const dictionary = Buffer.concat([long(1), long(2), long(4), Buffer.from("MRN\0")]);
    const own = propertySet([[2, textValue("00482913")]], dictionary);
    const summary = propertySet([
      [3, textValue("Subject of it")],
      [9, Buffer.concat([long(3), long(482)])],
    ]);
    const { text, unread } = await read(
      compoundOf({ ...wordStreams(), "\x05SummaryInformation": summary, "\x05Own": own }),
    );
    expect(text).toContain("Subject of it\n482");
    expect(text).toContain("MRN: 00482913");
    expect(unread).toEqual([]);
  });

  test("that are damaged are told", async () => {
    const cut = propertySet([[3, textValue("a")]]).subarray(0, 40);
    expect((await read(compoundOf({ ...wordStreams(), "\x05SummaryInformation": cut }))).unread).toEqual([":damaged"]);
  });
});

test.each<[string, SampleTree, string]>([
  ["rights management", { "\tDRMContent": "x" }, ":encrypted"],
  ["nothing", {}, ":unsupported_type"],
  ["nothing but what goes with a document", { "1Table": "x", "\x01CompObj": "y" }, ":unsupported_type"],
  [
    "a large picture under the name of a preview",
    {
      WordDocument: "x",
      "\x02OlePres000": Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(40_000)]),
    },
    "s1:unsupported_type",
  ],
])("a compound file of %s is told", async (_, tree, reason) => {
  expect((await read(compoundOf(tree))).unread).toContain(reason);
});

test("a file under the name of a stream that shows nothing is read", async () => {
  const zip = zipOf([{ name: "a.txt", content: "MRN 482" }]);
  expect((await read(compoundOf({ ...wordStreams(), "\x01CompObj": zip }))).text).toContain("MRN 482");
});

test("compound files within one another end at the depth of the budget", async () => {
  let inner = compoundOf({ CONTENTS: "MRN 482" });
  for (let depth = 0; depth < 8; depth += 1) inner = compoundOf({ CONTENTS: inner });
  expect((await read(inner)).unread).toEqual(["s1>s1>s1>s1:over_budget"]);
});

test("a small picture beside a text is no matter", async () => {
  expect((await read(docWithPicture("a"))).unread).toEqual([]);
});

test("whatever happens to a document, the reader says something and never throws", async () => {
  const samples = [madeFile("letter.doc"), madeFile("visits.xls"), madeFile("slides.ppt").subarray(0, 60_000)];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...samples),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 12 }),
      async (sample, strikes) => {
        const bytes = Buffer.from(sample);
        for (const [at, value] of strikes) bytes[8 + (at % (bytes.length - 8))] = value;
        expect((await readHere(bytes)).length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 300 },
  );
});

function wordStreams(): { readonly WordDocument: Buffer; readonly "1Table": Buffer } {
  const table = Buffer.concat([
    Buffer.from([2]),
    long(16),
    long(0),
    long(1),
    short(0),
    long((1_024 * 2) | 0x4000_0000),
    short(0),
  ]);
  const head = Buffer.alloc(1_025, 0);
  for (const [at, value] of [
    [0, 0xa5ec],
    [2, 0xc1],
    [10, 0x200],
  ] as const)
    head.writeUInt16LE(value, at);
  head.writeUInt32LE(1, 0x4c);
  head.writeUInt32LE(table.length, 0x1a6);
  head.write("a", 1_024);
  return { WordDocument: head, "1Table": table };
}

function docWithPicture(text: string): Buffer {
  const { WordDocument, "1Table": table } = wordStreams();
  WordDocument.write(text, 1_024, "latin1");
  return compoundOf({ WordDocument, "1Table": table, Data: picture(2_000) });
}

function oldDocument(): Buffer {
  const text = Buffer.from("MRN 482\rM\xfcller\r", "latin1");
  const head = Buffer.alloc(1_024);
  head.writeUInt16LE(0xa5dc, 0);
  head.writeUInt16LE(101, 2);
  head.writeUInt32LE(1_024, 24);
  head.writeUInt32LE(1_024 + text.length, 28);
  return compoundOf({ WordDocument: Buffer.concat([head, text]) });
}

function longPiece(): Buffer {
  const { WordDocument, "1Table": table } = wordStreams();
  table.writeUInt32LE(0x7fff_ffff, 9);
  return compoundOf({ WordDocument, "1Table": table });
}

function unusedText(): Buffer {
  const { WordDocument, "1Table": table } = wordStreams();
  return compoundOf({ WordDocument: Buffer.concat([WordDocument, wide("MRN 00482913")]), "1Table": table });
}
