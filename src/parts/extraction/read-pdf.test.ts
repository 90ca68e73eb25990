import { deflateSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EARLIER_MAX } from "./pdf-revisions.ts";
import { readHere } from "./extraction.samples.ts";
import { FIRST_OBJECT, pdfOf, streamOf, textAt } from "./pdf.samples.ts";
import { zipOf } from "./zip.samples.ts";

async function read(
  bytes: Buffer,
  budgets = {},
): Promise<{ readonly text: string; readonly unread: readonly string[] }> {
  const items = await readHere(bytes, budgets);
  return {
    text: items.flatMap((item) => (item.kind === "text" || item.kind === "name" ? [item.text] : [])).join("\n"),
    unread: items.flatMap((item) => (item.kind === "unread" ? [`${item.place}:${item.reason}`] : [])),
  };
}

const PAGE = textAt(72, 700, "The quick brown fox jumps over the lazy dog, and over the fence.");
const [A, B] = [`${FIRST_OBJECT} 0 R`, `${FIRST_OBJECT + 1} 0 R`];
const widget = (name: string, value: string): string =>
  `<< /Type /Annot /Subtype /Widget /FT /Tx /T (${name}) /V (${value}) /Rect [0 0 9 9] >>`;

describe("a PDF", () => {
  test("gives the text of each page", async () => {
    const said = await read(pdfOf({ pages: [PAGE, PAGE + textAt(72, 600, "second page")] }));
    expect(said).toEqual({ text: expect.stringContaining("second page") as string, unread: [] });
    expect(said.text).toContain("quick brown fox");
  });

  test("tells what stands side by side on the page side by side, wherever it stands in the file", async () => {
    const form =
      textAt(72, 700, "MRN") +
      textAt(72, 650, "Diagnosis of the patient") +
      textAt(300, 700, "00482913") +
      textAt(300, 650, "diabetes");
    expect((await read(pdfOf({ pages: [PAGE + form] }))).text).toMatch(
      /MRN\t00482913\nDiagnosis of the patient\tdiabetes/,
    );
  });

  test.each<[string, Parameters<typeof pdfOf>[0]]>([
    [
      "a form field",
      { pages: [PAGE], annotations: A, catalog: `/AcroForm << /Fields [${A}] >>`, objects: [widget("mrn", "secret")] },
    ],
    [
      "a remark",
      {
        pages: [PAGE],
        annotations: A,
        objects: ["<< /Type /Annot /Subtype /Text /Contents (secret) /Rect [0 0 9 9] >>"],
      },
    ],
    [
      "a link",
      {
        pages: [PAGE],
        annotations: A,
        objects: ["<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI (https://x.example/secret) >> >>"],
      },
    ],
    ["a property", { pages: [PAGE], info: "/Title (secret)" }],
    ["a property of its own", { pages: [PAGE], info: "/Mrn (secret)" }],
    [
      "a heading of the outline",
      {
        pages: [PAGE],
        catalog: `/Outlines ${A}`,
        objects: [`<< /First ${B} /Last ${B} /Count 1 >>`, `<< /Title (secret) /Parent ${A} >>`],
      },
    ],
    [
      "what stands for a picture",
      {
        pages: [`/Figure << /MCID 0 >> BDC ${PAGE} EMC`],
        catalog: `/MarkInfo << /Marked true >> /StructTreeRoot ${A}`,
        objects: [
          `<< /Type /StructTreeRoot /K [${B}] /ParentTree << /Nums [0 [${B}]] >> >>`,
          `<< /Type /StructElem /S /Figure /P ${A} /Pg 100 0 R /K 0 /Alt (secret) >>`,
        ],
        pageEntries: "/StructParents 0",
      },
    ],
    [
      "a name of a file within",
      {
        pages: [PAGE],
        catalog: `/Names << /EmbeddedFiles << /Names [(secret) ${A}] >> >>`,
        objects: [`<< /Type /Filespec /F (secret.txt) /EF << /F ${B} >> >>`, streamOf("", "x")],
      },
    ],
  ])("gives %s", async (_, pdf) => {
    const said = await read(pdfOf(pdf));
    expect(said.text).toContain("secret");
    expect(said.unread).toEqual([]);
  });

  test("names the field before its value", async () => {
    const catalog = `/AcroForm << /Fields [${A}] >>`;
    const pdf = pdfOf({ pages: [PAGE], annotations: A, catalog, objects: [widget("mrn", "482913")] });
    expect((await read(pdf)).text).toContain("mrn: 482913");
  });

  test("gives a file within as what it is", async () => {
    const inner = zipOf([{ name: "note.txt", content: "secret" }]).toString("latin1");
    const pdf = pdfOf({
      pages: [PAGE],
      catalog: `/Names << /EmbeddedFiles << /Names [(a) ${A}] >> >>`,
      objects: [`<< /Type /Filespec /F (a.zip) /EF << /F ${B} >> >>`, streamOf("", inner)],
    });
    expect(await readHere(pdf)).toContainEqual({
      kind: "file",
      place: "1>1",
      name: "note.txt",
      bytes: Buffer.from("secret"),
    });
  });

  test.each([
    ["as it is", streamOf("/Type /EmbeddedFile", "MRN 00482913")],
    [
      "deflated",
      streamOf("/Type/EmbeddedFile /Filter [ /FlateDecode ]", deflateSync("MRN 00482913").toString("latin1")),
    ],
  ])("gives a file that no list of attachments names: %s", async (_, stream) => {
    const objects = [`<< /Type /Filespec /F (a.txt) /EF << /F ${B} >> >>`, stream];
    const items = await readHere(pdfOf({ pages: [PAGE], catalog: `/AF [${A}]`, objects }));
    expect(items).toContainEqual({ kind: "file", place: "file1", name: "", bytes: Buffer.from("MRN 00482913") });
    const listed = {
      pages: [PAGE],
      catalog: `/AF [${A}] /Names << /EmbeddedFiles << /Names [(a) ${A}] >> >>`,
      objects,
    };
    expect((await readHere(pdfOf(listed))).filter(({ kind }) => kind === "file")).toHaveLength(1);
  });

  test("tells a file that no list names and whose coding nobody here knows", async () => {
    const objects = [streamOf("/Type /EmbeddedFile /Filter /LZWDecode", "x")];
    expect((await read(pdfOf({ pages: [PAGE], objects }))).unread).toEqual(["file1:unsupported_type"]);
  });

  test.each([
    ["named without end", "/EmbeddedFile "],
    ["begun without end", "/Type/EmbeddedFile\nstream\n"],
  ])("reads files within that are %s in time that grows with the file alone", async (_, piece) => {
    const said = await read(Buffer.concat([pdfOf({ pages: [PAGE] }), Buffer.from(piece.repeat(200_000))]));
    expect(said.text).toContain("quick brown fox");
  });

  test("gives a file that no list names beside a listed one without a type", async () => {
    const objects = [
      `<< /Type /Filespec /F (a.txt) /EF << /F ${B} >> >>`,
      streamOf("", "the quick brown fox"),
      streamOf("/Type /EmbeddedFile", "MRN 00482913"),
    ];
    const catalog = `/Names << /EmbeddedFiles << /Names [(a) ${A}] >> >>`;
    const items = await readHere(pdfOf({ pages: [PAGE], objects, catalog }));
    const files = items.flatMap((item) => (item.kind === "file" ? [item.bytes.toString()] : []));
    expect(files).toEqual(["the quick brown fox", "MRN 00482913"]);
  });

  test("with a blank page is whole", async () => {
    expect((await read(pdfOf({ pages: [PAGE, ""] }))).unread).toEqual([]);
  });

  test("with a page that is only clipped is whole", async () => {
    expect((await read(pdfOf({ pages: [PAGE, "q 0 0 600 700 re W n Q"] }))).unread).toEqual([]);
  });

  test("with few words is whole", async () => {
    expect(await read(pdfOf({ pages: [textAt(72, 700, "Hello.")] }))).toEqual({
      text: expect.stringContaining("Hello.") as string,
      unread: [],
    });
  });

  test("is told by its header wherever readers take it", async () => {
    const said = await read(Buffer.concat([Buffer.from("MRN 00482913\n"), pdfOf({ pages: [PAGE] })]));
    expect(said.text).toContain("quick brown fox");
    expect(said.text).toContain("MRN 00482913");
  });
});

describe("what was changed since is read", () => {
  const before = { pages: [PAGE + textAt(72, 600, "secret")], annotations: A, objects: [widget("mrn", "482913")] };
  const changed = (base: Buffer, page: string): Buffer => {
    const object = `101 0 obj\n${streamOf("", page)}\nendobj\n`;
    const table = `xref\n101 1\n${String(base.length + 1).padStart(10, "0")} 00000 n \n`;
    const start = base.lastIndexOf("xref", base.lastIndexOf("startxref") - 1);
    const end = `trailer << /Size 200 /Root 1 0 R /Prev ${start} >>\nstartxref\n${base.length + 1 + object.length}\n%%EOF`;
    return Buffer.concat([base, Buffer.from(`\n${object}${table}${end}\n`, "latin1")]);
  };
  const count = (text: string, word: string): number => text.split(word).length - 1;

  test("of an earlier state, whole pages", async () => {
    const said = await read(changed(pdfOf(before), PAGE));
    expect(said.unread).toEqual([]);
    expect(said.text).toContain("secret");
    expect(count(said.text, "quick brown fox")).toBe(2);
  });

  test("and what is as it was, once", async () => {
    const said = await read(changed(pdfOf({ pages: [PAGE] }), PAGE));
    expect([count(said.text, "quick brown fox"), said.unread]).toEqual([1, []]);
  });

  test("of a file within that was taken out", async () => {
    const files = `/Names << /EmbeddedFiles << /Names [(a) ${A}] >> >>`;
    const objects = [`<< /Type /Filespec /F (a.txt) /EF << /F ${B} >> >>`, streamOf("", "secret")];
    const first = pdfOf({ pages: [PAGE], catalog: files, objects });
    const items = await readHere(Buffer.concat([first, Buffer.from("\n"), pdfOf({ pages: [PAGE] })]));
    expect(items.flatMap((item) => (item.kind === "file" ? [item.bytes.toString()] : []))).toEqual(["secret"]);
  });

  test("but for the first ones of very many, which is told", async () => {
    let pdf = pdfOf(before);
    for (let at = 0; at <= EARLIER_MAX; at += 1) pdf = changed(pdf, PAGE + textAt(72, 600, `state ${at}`));
    const said = await read(pdf);
    expect([said.text.includes("state 7"), said.text.includes("secret"), said.unread]).toEqual([
      true,
      false,
      [":over_budget"],
    ]);
  });

  test("and an end that is none tells nothing", async () => {
    const said = await read(pdfOf({ pages: [PAGE], objects: [streamOf("", "%%EOF"), streamOf("", "x %%EOF y")] }));
    expect([count(said.text, "quick brown fox"), said.unread]).toEqual([1, []]);
  });
});

describe("a PDF that cannot be read is told as such", () => {
  test.each<[string, Buffer, readonly string[]]>([
    ["a page that is a picture", pdfOf({ pages: [PAGE, "q 600 0 0 700 0 0 cm /Im1 Do Q"] }), [":image_only"]],
    [
      "a picture with a stamp",
      pdfOf({ pages: [`q 600 0 0 700 0 0 cm /Im1 Do Q ${textAt(9, 9, "Scan 7")}`] }),
      [":image_only"],
    ],
    [
      "a scan in strips with a line of the fax above",
      pdfOf({
        pages: [
          `${"q 600 0 0 30 0 0 cm /Im1 Do Q ".repeat(20)}${textAt(9, 9, "Fax from the Elm Street Family Clinic, Monday May 4, page one of three")}`,
        ],
        picture: { width: 500, height: 40, grey: Buffer.alloc(20_000, "x") },
      }),
      [":image_only"],
    ],
    ["a text drawn as shapes", pdfOf({ pages: ["0 0 m 100 100 l 50 70 l f"] }), [":image_only"]],
    [
      "one with a password",
      pdfOf({
        pages: [PAGE],
        trailer: `/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <${"00".repeat(32)}> /U <${"00".repeat(32)}> >> /ID [<00> <00>]`,
      }),
      [":encrypted"],
    ],
    [
      "one encrypted to certificates",
      pdfOf({
        pages: [PAGE],
        trailer: "/Encrypt << /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s5 /V 4 >> /ID [<00> <00>]",
      }),
      [":encrypted"],
    ],
  ])("%s", async (_, bytes, unread) => {
    expect((await read(bytes)).unread).toEqual(unread);
  });

  test("a damaged one, and what is left of it is read", async () => {
    const whole = pdfOf({ pages: [PAGE] }).toString("latin1");
    const said = await read(Buffer.from(whole.replace(/startxref[^]*$/, ""), "latin1"));
    expect(said.text).toContain("quick brown fox");
    expect((await read(Buffer.from("%PDF-1.7 nothing"))).unread).toContain(":damaged");
  });

  test("one of too many pages, and the first ones are read", async () => {
    const said = await read(pdfOf({ pages: [PAGE, PAGE, PAGE] }), { pdfPagesMax: 2 });
    expect(said.unread).toEqual([":over_budget"]);
    expect(said.text).toContain("quick brown fox");
  });

  test("one that takes too long", async () => {
    expect((await read(pdfOf({ pages: [PAGE] }), { timeMsMax: -1 })).unread).toEqual([":over_budget"]);
  });
});

test("whatever happens to a PDF, the reader says something and never throws", { timeout: 60_000 }, async () => {
  const base = pdfOf({ pages: [PAGE], info: "/Title (x)", annotations: A, objects: [widget("a", "b")] });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(base.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
      async (changes) => {
        const bytes = Buffer.from(base);
        for (const [at, value] of changes) if (at > 7) bytes[at] = value;
        expect(Array.isArray(await readHere(bytes))).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});
