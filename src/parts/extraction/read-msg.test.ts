/** Messages of Outlook, as files (MS-OXMSG) and as TNEF (MS-OXTNEF): both give the same mail. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readHere } from "./extraction.samples.ts";
import { attribute, lzfuAround, lzfuBomb, lzfuOf, msgOf, tnefOf } from "./outlook.samples.ts";
import type { SampleMessage, SampleProperty } from "./outlook.samples.ts";

type Said = { readonly mail: string; readonly unread: readonly string[] };

async function read(bytes: Buffer, budgets = {}): Promise<Said> {
  const items = await readHere(bytes, budgets);
  return {
    mail: items.flatMap((item) => (item.kind === "file" ? [item.bytes.toString("utf8")] : [])).join("\n---\n"),
    unread: items.flatMap((item) => (item.kind === "unread" ? [`${item.place}:${item.reason}`] : [])),
  };
}

const WRITERS = [
  ["a message file", msgOf],
  ["TNEF", tnefOf],
] as const;
const SUBJECT = 0x37;
const BODY = 0x1000;
const RTF = 0x1009;
const HTML = 0x1013;
const file = (name: string, content: string | Buffer, ...more: readonly SampleProperty[]) => ({
  properties: [[0x3707, name], [0x3705, 1], [0x3701, Buffer.from(content)], ...more] as readonly SampleProperty[],
});
const nested = (depth: number): SampleMessage =>
  depth === 0
    ? { properties: [[BODY, "deepest"]] }
    : { properties: [[SUBJECT, `depth ${depth}`]], attachments: [{ message: nested(depth - 1) }] };

describe.each(WRITERS)("%s", (_, write) => {
  test.each<[string, SampleMessage, readonly string[]]>([
    ["its subject", { properties: [[SUBJECT, "MRN 482"]] }, ["Subject: MRN 482\r\n"]],
    ["its text", { properties: [[BODY, "MRN 482\r\nÜmlaut"]] }, ["charset=utf-8", "\r\n\r\nMRN 482\r\nÜmlaut\r\n--"]],
    [
      "its HTML",
      { properties: [[HTML, Buffer.from("<p>MRN 482")]] },
      ["text/html; charset=windows-1252", "<p>MRN 482"],
    ],
    [
      "its HTML in the code page it says",
      {
        properties: [
          [HTML, Buffer.from("x")],
          [0x3fde, 65_001],
        ],
      },
      ["text/html; charset=utf-8"],
    ],
    ["its rich text", { properties: [[RTF, lzfuOf("{\\rtf1 MRN 482}")]] }, ["application/rtf", "{\\rtf1 MRN 482}"]],
    [
      "a rich text as it is",
      { properties: [[RTF, stored("{\\rtf1 MRN 482}")]] },
      ["application/rtf", "{\\rtf1 MRN 482}"],
    ],
    [
      "who wrote it",
      {
        properties: [
          [0x0c1a, 'Anna "A" B'],
          [0x0c1f, "a@example.org"],
        ],
      },
      ['Sender: "Anna \\"A\\" B" <a@example.org>\r\n'],
    ],
    ["whom it was written for", { properties: [[0x42, "Dr. C"]] }, ['From: "Dr. C"\r\n']],
    [
      "recipients",
      {
        recipients: [
          [
            [0x3001, "Otto Müller"],
            [0x39fe, "o@example.org"],
            [0x0c15, 2],
          ],
        ],
      },
      ['Cc: "Otto Müller" <o@example.org>\r\n'],
    ],
    [
      "the header it came with",
      { properties: [[0x7d, "X-Note: MRN\r\n 482\r\nSubject: a"]] },
      ["X-Note: MRN 482\r\nSubject: a\r\n"],
    ],
    [
      "no field that says how to read it",
      { properties: [[0x7d, "Content-Type: text/plain\r\nX-A: b\r\nMIME-Version: 1.0\r\nno field"]] },
      [
        "X-A: b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed",
        "Content-Type: text/plain\nMIME-Version: 1.0\nno field",
      ],
    ],
    [
      "a line break in a subject as a blank",
      { properties: [[SUBJECT, "a\r\nSubject: b"]] },
      ["Subject: a Subject: b\r\n"],
    ],
    ["properties of people's own, with their names", { named: { MRN: "00482913" } }, ["MRN: 00482913"]],
    ["other properties", { properties: [[0x3a16, "Clinic of the example"]] }, ["Clinic of the example"]],
    [
      "numbers of people with what they are",
      { properties: [[0x3a07, "078-05-1120"]] },
      ["Government ID number: 078-05-1120"],
    ],
    ["a birthday", { properties: [[0x3a42, new Date("1950-02-03")]] }, ["Date of birth: 02/03/1950"]],
    [
      "an attachment with its name",
      { attachments: [file("MRN 482 ü.txt", "hello")] },
      ["filename*=utf-8''MRN%20482%20%C3%BC.txt", "\r\n\r\nhello\r\n--"],
    ],
    [
      "an attachment with its type",
      { attachments: [file("a", "x,y", [0x370e, "text/csv"])] },
      ["Content-Type: text/csv\r\n"],
    ],
    [
      "a picture with its Content-ID",
      { attachments: [file("a.png", "\x89PNG\r\n\x1a\n", [0x370e, "image/png"], [0x3712, "<logo@x>"])] },
      ["Content-Type: image/png\r\n", "Content-ID: <logo@x>"],
    ],
    [
      "no type that takes a mail apart otherwise",
      { attachments: [file("a", "x", [0x370e, "multipart/mixed"])] },
      ["Content-Type: application/octet-stream\r\n"],
    ],
    [
      "a mail attached as a file",
      { attachments: [file("a.eml", "Subject: MRN 482\r\n\r\nx")] },
      ["Content-Type: message/rfc822\r\n"],
    ],
    [
      "a message within",
      {
        attachments: [
          {
            properties: [[0x3001, "inner"]],
            message: { properties: [[SUBJECT, "MRN 482"]], attachments: [file("deep.txt", "deep")] },
          },
        ],
      },
      ["Content-Type: message/rfc822", "Subject: MRN 482\r\n", "filename*=utf-8''deep.txt"],
    ],
    [
      "texts in a code page",
      {
        properties: [[BODY, "Мир"]],
        codePage: 1251,
        encode: (text) =>
          Buffer.from(
            Array.from(text, (one) => (one.charCodeAt(0) > 255 ? one.charCodeAt(0) - 0x350 : one.charCodeAt(0))),
          ),
      },
      ["Мир"],
    ],
  ])("gives %s", async (_name, message, wanted) => {
    const said = await read(write(message));
    for (const text of wanted) expect(said.mail).toContain(text);
    expect(said.unread).toEqual([]);
  });

  test("tells a code page nobody knows, and reads what is ASCII in it", async () => {
    const encode = (text: string): Buffer => Buffer.from(text, "latin1");
    const said = await read(write({ properties: [[BODY, "MRN 482 \xff"]], codePage: 37, encode }));
    expect(said.mail).toContain("MRN 482");
    expect(said.unread).toEqual([":unknown_charset"]);
  });

  test.each<[string, Buffer, string]>([
    ["a rich text with another checksum", lzfuOf("{\\rtf1 MRN 482}", { crc: 1 }), "MRN 482"],
    ["a rich text of another length", lzfuOf("{\\rtf1 MRN 482}", { rawBytes: 4_000_000_000 }), "MRN 482"],
    ["a cut rich text", lzfuOf("{\\rtf1 MRN 482 }").subarray(0, 34), "MRN 4"],
  ])("tells %s, and reads it", async (_name, rtf, text) => {
    const said = await read(write({ properties: [[RTF, rtf]] }));
    expect(said.mail).toContain(text);
    expect(said.unread).toEqual([":damaged"]);
  });

  test("a rich text that inflates is over the budget, and the rest is read", async () => {
    const content = lzfuBomb(20_000);
    const message = {
      properties: [
        [BODY, "MRN 482"],
        [RTF, lzfuAround(content, { rawBytes: 1 })],
      ],
    } as const;
    const said = await read(write(message), { inflatedBytesMax: 1_000_000 });
    expect(said.unread).toEqual([":over_budget"]);
    expect(said.mail).toContain("MRN 482");
  });

  test("a rich text larger than what may be handed on is told, and the text is", async () => {
    const rtf = lzfuOf(`{\\rtf1 ${"a".repeat(9_000)}}`);
    const said = await read(
      write({
        properties: [
          [BODY, "MRN 482"],
          [RTF, rtf],
        ],
      }),
      { fileBytesMax: 8_000 },
    );
    expect(said.unread).toEqual([":over_budget"]);
    expect(said.mail).toContain("MRN 482");
  });

  test("messages within one another end at the depth of the budget", async () => {
    const said = await read(write(nested(10)));
    expect(said.mail).toContain("Subject: depth 8");
    expect(said.mail).not.toContain("deepest");
    expect(said.unread).toEqual(["1>1>1>1:over_budget"]);
  });

  test("more attachments than the budget has are over it", async () => {
    const attachments = Array.from({ length: 20 }, (_each, index) => file(`${index}.txt`, "x"));
    expect((await read(write({ attachments }), { archiveEntriesMax: 10 })).unread).toEqual([":over_budget"]);
  });

  test("attachments larger than what may be handed on are told, and the text is", async () => {
    const attachments = [file("a.txt", "a".repeat(5_000)), file("b.txt", "b".repeat(5_000))];
    const said = await read(write({ properties: [[BODY, "MRN 482"]], attachments }), { fileBytesMax: 8_000 });
    expect(said.unread).toEqual([":over_budget"]);
    expect(said.mail).toContain("MRN 482");
    expect(said.mail).toContain("a".repeat(5_000));
  });
});

describe("TNEF", () => {
  test("of the old kind, with attributes instead of properties, is read", async () => {
    const bytes = Buffer.concat([
      Buffer.from([0x78, 0x9f, 0x3e, 0x22, 1, 0]),
      attribute(1, 0x0001_8004, Buffer.from("MRN 482\0")),
      attribute(1, 0x0002_800c, Buffer.from("the body\0")),
      attribute(1, 0x0000_8000, Buffer.from("\x04\0\x10\0Anna Example\0a@example.org\0")),
      attribute(2, 0x0006_9002, Buffer.alloc(14)),
      attribute(2, 0x0001_8010, Buffer.from("a.txt\0")),
      attribute(2, 0x0006_800f, Buffer.from("the file")),
    ]);
    const { mail, unread } = await read(bytes);
    for (const text of ["Subject: MRN 482", "the body", "Anna Example", "filename*=utf-8''a.txt", "the file"])
      expect(mail).toContain(text);
    expect(unread).toEqual([]);
  });

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ["another checksum", (bytes) => Buffer.concat([bytes.subarray(0, -2), Buffer.from([1, 2])])],
    ["an end before its end", (bytes) => bytes.subarray(0, -8)],
    ["a length of 4 GiB", (bytes) => Buffer.concat([bytes, Buffer.from([1, 3, 0x90, 6, 0, 255, 255, 255, 255])])],
  ])("with %s is damaged, and read", async (_, strike) => {
    const said = await read(
      strike(
        tnefOf({
          properties: [
            [SUBJECT, "MRN 482"],
            [BODY, "x"],
          ],
        }),
      ),
    );
    expect(said.mail).toContain("MRN 482");
    expect(said.unread).toContain(":damaged");
  });
});

describe("a message file", () => {
  test("gives the file within an object, and tells an object nobody knows", async () => {
    const packed = Buffer.concat([
      Buffer.alloc(4),
      Buffer.from("\x02\0a.txt\0c:\\a.txt\0\0\0\x03\0"),
      Buffer.from([2, 0, 0, 0, 120, 0, 7, 0, 0, 0]),
      Buffer.from("MRN 482"),
    ]);
    const known = await read(msgOf({ attachments: [{ object: { "\x01Ole10Native": packed } }] }));
    expect(known.mail).toContain("MRN 482");
    expect(known.unread).toEqual([]);
    const odd = await read(msgOf({ attachments: [{ object: { Odd: Buffer.alloc(20) } }] }));
    expect(odd.unread).toEqual(["1>s1:unsupported_type"]);
  });
});

function stored(rtf: string): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(rtf.length + 12, 0);
  head.writeUInt32LE(rtf.length, 4);
  head.write("MELA", 8);
  return Buffer.concat([head, Buffer.from(rtf)]);
}

test("whatever happens to a message, the reader says something and never throws", async () => {
  const message: SampleMessage = {
    properties: [
      [SUBJECT, "a"],
      [BODY, "b"],
      [RTF, lzfuOf("{\\rtf1 c}")],
    ],
    named: { d: "e" },
    attachments: [file("f", "g"), { message: { properties: [[BODY, "h"]] } }],
  };
  const samples = [msgOf(message), tnefOf(message)];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...samples),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 10 }),
      async (sample, strikes) => {
        const bytes = Buffer.from(sample);
        for (const [at, value] of strikes) bytes[8 + (at % (bytes.length - 8))] = value;
        expect((await readHere(bytes)).length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 500 },
  );
});
