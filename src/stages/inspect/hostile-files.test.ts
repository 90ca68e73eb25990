/** Files made so that a person sees what inspection might miss, or that reading them costs more than it may. */
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import type { Findings } from "../../core/findings.ts";
import { compoundOf } from "../../parts/extraction/compound.samples.ts";
import { msgOf, tnefOf } from "../../parts/extraction/outlook.samples.ts";
import {
  docx,
  odf,
  packageOf,
  paragraph,
  row,
  run,
  slide,
  styles,
  wordPart,
  xlsx,
} from "../../parts/extraction/package.samples.ts";
import { pdfOf, streamOf, textAt } from "../../parts/extraction/pdf.samples.ts";
import { zipOf } from "../../parts/extraction/zip.samples.ts";
import { base64, inspectMail, mixed, startReaders, unreadOf } from "./inspect-mails.suite.ts";
import type { Setting } from "./inspect-mails.suite.ts";

const extraction = startReaders();
afterAll(() => extraction.close());

const PHI = "MRN 00482913 has diabetes";

const inspect = (mail: readonly string[], options: Setting["options"] = {}): Promise<Findings> =>
  inspectMail(mail, { extract: (request) => extraction.extract(request), options });
const attachment = (bytes: Buffer, name = "paper"): readonly string[] => [
  `Content-Type: application/octet-stream; name="${name}"`,
  "Content-Transfer-Encoding: base64",
  "",
  base64(bytes),
];
const html = (body: string): readonly string[] => ["From: a@example.org", "Content-Type: text/html", "", body];

describe("what reading costs is counted for the whole message", () => {
  const link = (zip: Buffer): string => `<a href="data:application/zip;base64,${base64(zip)}">x</a>`;

  test("archives in pages in archives, each within its own depth", async () => {
    let zip = zipOf([{ name: "a.txt", content: PHI }]);
    for (let depth = 0; depth < 8; depth += 1) zip = zipOf([{ name: "a.html", content: link(zip) }]);
    expect(unreadOf(await inspect(html(link(zip))))).toEqual(["1>1>1>1>1>1: over_budget"]);
  });

  test("mails in archives, whose attachments lie as deep as the archives around them", async () => {
    const inner = `Subject: x\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
    const archive = (content: string): Buffer =>
      zipOf([{ name: "b.zip", content: zipOf([{ name: "a.eml", content }]) }]);
    const zip = archive(inner + base64(archive(inner + base64(archive(`Subject: y\r\n\r\n${PHI}`)))));
    expect(unreadOf(await inspect(mixed([attachment(zip)])))).toEqual(["1>1>1>1>1: over_budget"]);
  });

  test("files of several archives", async () => {
    const zip = zipOf(Array.from({ length: 30 }, (_, index) => ({ name: `${index}.txt`, content: "x" })));
    const mail = mixed([attachment(zip), attachment(zip), attachment(zip)]);
    expect(unreadOf(await inspect(mail, { archiveEntriesMax: 90 }))).toEqual([]);
    expect(unreadOf(await inspect(mail, { archiveEntriesMax: 80 }))).toEqual(["3: over_budget"]);
  });

  test("what several archives inflate to", async () => {
    const zip = zipOf([{ name: "a.txt", content: "word ".repeat(100_000) }]);
    const mail = mixed([attachment(zip), attachment(zip), attachment(zip)]);
    expect(unreadOf(await inspect(mail, { inflatedBytesMax: 1_500_000 }))).toEqual([]);
    expect(unreadOf(await inspect(mail, { inflatedBytesMax: 1_400_000 }))).toEqual(["3: over_budget"]);
  });
});

test("a format of cells longer than any costs no more than its length", async () => {
  const sheet = xlsx(`<row><c s="1" t="str"><v>${PHI}</v></c></row>`, {
    "xl/styles.xml": styles(
      `<numFmt numFmtId="170" formatCode="${"[".repeat(500_000)}"/>`,
      '<xf/><xf numFmtId="170"/>',
    ),
  });
  expect(await inspect(mixed([attachment(sheet)]))).toMatchObject({ verdict: "phi", uninspectable: [] });
});

test("a picture within a page costs no more than its bytes, and hides nothing beside it", async () => {
  const picture = `<img src="data:image/png;base64,${"A".repeat(8_000_000)}">`;
  expect(await inspect(html(`${picture}<p>${PHI}</p>`))).toMatchObject({ verdict: "phi" });
});

/** The beginning of a picture, and bytes that look like nothing behind it. */
const PICTURE = Buffer.concat([
  Buffer.from("89504e470d0a1a0a", "hex"),
  Buffer.from(Array.from({ length: 20_000 }, (_, index) => (index * 7_919 + ((index * index) >> 3)) & 255)),
]);
const ARCHIVE = zipOf([{ name: "a.txt", content: PHI }]);
const INNOCENT = "Nothing of note stands in this paper, which is about the garden behind the house.";
const page = textAt(72, 700, INNOCENT);
const drawing = streamOf(
  "/Type /XObject /Subtype /Form /BBox [0 0 400 100] /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>",
  textAt(5, 5, PHI),
);
const unicodeName = Buffer.concat([Buffer.from("75700a000100000000", "hex"), Buffer.from("a.txt")]);
const format = (code: string, cell: string): Buffer =>
  xlsx(`<row>${cell}<c t="inlineStr"><is><t>diabetes</t></is></c></row>`, {
    "xl/styles.xml": styles(`<numFmt numFmtId="170" formatCode="${code}"/>`, '<xf numFmtId="0"/><xf numFmtId="170"/>'),
  });
const number = (value: string): Buffer =>
  xlsx(row("MRN", "Note") + `<row><c><v>${value}</v></c><c><f>"diabetes"</f></c></row>`);

describe("what a person sees is found", () => {
  test.each<[string, Buffer]>([
    ["letters of a drawing in Word", docx(`<w:p><w:r><w:pict><v:textpath string="${PHI}"/></w:pict></w:r></w:p>`)],
    [
      "digits that are signs of a font",
      docx(
        `<w:p>${run("MRN ")}${Array.from("00482913", (digit) => `<w:r><w:sym w:font="Arial" w:char="F03${digit}"/></w:r>`).join("")}${run(" diabetes")}</w:p>`,
      ),
    ],
    [
      "what stands before the entries of a list",
      docx(paragraph(run("x")), {
        "word/numbering.xml": wordPart("numbering", `<w:lvl><w:lvlText w:val="${PHI}"/></w:lvl>`),
      }),
    ],
    ["the code of a field", docx(`<w:p><w:fldSimple w:instr="QUOTE ${PHI}">${run("x")}</w:fldSimple></w:p>`)],
    ["a page within a document", docx("", { "word/a.htm": "<p>MRN 0048<b>2913</b> dia<i>betes</i></p>" })],
    ["a page within a document, by no name", docx("", { "word/a.dat": "<p>MRN 0048<b>2913</b> dia<i>betes</i></p>" })],
    [
      "a drawing within a document",
      docx("", { "a.svg": "<svg><text>MRN 0048<a>2913</a> dia<a>betes</a></text></svg>" }),
    ],
    ["a page of XPS", packageOf({ "1.fpage": `<FixedPage><Glyphs UnicodeString="${PHI}"/></FixedPage>` })],
    ["words that the format of a cell writes", format("&quot;MRN &quot;0", '<c s="1"><v>482913</v></c>')],
    ["words that the format of a text writes", format("\\M\\R\\N @", '<c s="1" t="str"><v>482913</v></c>')],
    ["words that a format writes for any value", format(`&quot;${PHI}&quot;`, '<c s="1"><v>1</v></c>')],
    ["a number in exponents", number("4.82913E5")],
    ["a number beside the one that is shown", number("482913.00000000006")],
    ["a text that a formula puts together", xlsx('<row><c><f>"MRN 004"&amp;"82913 dia" &amp; "betes"</f></c></row>')],
    [
      "what stands before the entries of a list of OpenDocument",
      odf(`<text:list-level-style-number style:num-prefix="${PHI}"/>`),
    ],
    ["the value of a field of OpenDocument", odf(`<form:text form:value="${PHI}"/>`)],
    [
      "a stream that goes with a document",
      compoundOf({ "PowerPoint Document": "", "Current User": Buffer.from(PHI, "utf16le") }),
    ],
    ["rich text that only says so to Word", Buffer.from(String.raw`{\rt1\ansi MRN \'30\'30482913 dia\'62etes\par}`)],
    ["the name of a file that most programs show", zipOf([{ name: `${PHI}.txt`, content: "x", extra: unicodeName }])],
    [
      "a script of a PDF",
      pdfOf({ pages: [page], catalog: `/OpenAction << /S /JavaScript /JS (app.alert\\("${PHI}"\\)) >>` }),
    ],
    ["the labels of its pages", pdfOf({ pages: [page], catalog: `/PageLabels << /Nums [0 << /P (${PHI}) >>] >>` })],
    [
      "a stamp on it",
      pdfOf({
        pages: [page],
        annotations: "20 0 R",
        objects: ["<< /Type /Annot /Subtype /Stamp /Rect [0 0 400 100] /AP << /N 21 0 R >> >>", drawing],
      }),
    ],
    [
      "a file pinned to it",
      pdfOf({
        pages: [page],
        annotations: "20 0 R",
        objects: [
          "<< /Type /Annot /Subtype /FileAttachment /Rect [0 0 20 20] /FS << /Type /Filespec /F (a.txt) /EF << /F 21 0 R >> >> >>",
          streamOf("/Type /EmbeddedFile", PHI),
        ],
      }),
    ],
    [
      "a mail in an archive in TNEF in a message of Outlook",
      msgOf({
        attachments: [
          {
            properties: [
              [
                0x3701,
                tnefOf({
                  attachments: [
                    { properties: [[0x3701, zipOf([{ name: "a.eml", content: `Subject: x\r\n\r\n${PHI}` }])]] },
                  ],
                }),
              ],
            ],
          },
        ],
      }),
    ],
  ])("%s", async (_, bytes) => {
    expect(await inspect(mixed([attachment(bytes)]))).toMatchObject({ verdict: "phi", uninspectable: [] });
  });
});

describe("what nobody could read, or what another program shows, is told", () => {
  const xfa = streamOf("", `<xdp:xdp xmlns:xdp="x"><template><text>${PHI}</text></template></xdp:xdp>`);
  test.each<[string, Buffer, readonly string[]]>([
    ["a small picture in an archive", zipOf([{ name: "a.png", content: PICTURE }]), ["1>1: unsupported_type"]],
    ["a folder with a content", zipOf([{ name: "a/", content: PHI, sizeBytes: 0 }]), ["1>1: damaged"]],
    ["a small picture, packed", gzipSync(PICTURE), ["1>1: unsupported_type"]],
    ["a document of nothing but a picture", docx("", { "word/media/a.png": PICTURE }), ["1: image_only"]],
    ["a slide with a title and a picture", packageOf({ "s.xml": slide("Scan"), "a.png": PICTURE }), ["1: image_only"]],
    [
      "rich text of nothing but a picture",
      Buffer.from(`{\\rtf1{\\pict ${PICTURE.toString("hex")}}}`),
      ["1: image_only"],
    ],
    ["rich text that readers pass over in part", Buffer.from(`{\\rtf1 a \\bin25 ${PHI} b}`), ["1: structure_defect"]],
    ["an archive behind a PDF", Buffer.concat([pdfOf({ pages: [page] }), ARCHIVE]), ["1: structure_defect"]],
    [
      "an archive behind a picture of a document",
      docx(paragraph(run(INNOCENT)), { "a.png": Buffer.concat([PICTURE, ARCHIVE]) }),
      ["1>3: structure_defect"],
    ],
    [
      "a form in the place of the pages",
      pdfOf({ pages: [page], catalog: "/AcroForm << /Fields [] /XFA 20 0 R >>", objects: [xfa] }),
      ["1: unsupported_type"],
    ],
    [
      "a page of a PDF with a title and a picture as large as a text",
      pdfOf({
        pages: [`${page} q 600 0 0 700 0 0 cm /Im1 Do Q`],
        picture: { width: 800, height: 800, grey: Buffer.alloc(640_000) },
      }),
      ["1: image_only"],
    ],
    [
      "a page whose letters are none",
      pdfOf({
        pages: [[1, 2, 3, 4, 5, 6].map((line) => textAt(72, 700 - 20 * line, "KLM NPQRST VWXYZ ".repeat(4))).join("")],
      }),
      ["1: image_only"],
    ],
  ])("%s", async (_, bytes, unread) => {
    expect(unreadOf(await inspect(mixed([attachment(bytes)])))).toEqual(unread);
  });

  test("small pictures that a document shows beside its text are logos", async () => {
    const letter = docx(paragraph(run(INNOCENT)), { "word/media/logo.png": PICTURE });
    expect(await inspect(mixed([attachment(letter)]))).toMatchObject({ verdict: "clean" });
  });
});
