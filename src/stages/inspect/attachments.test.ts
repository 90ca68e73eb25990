/** Attachments through the whole stage, with real reader processes. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import type { Findings } from "../../core/findings.ts";
import { compoundOf } from "../../parts/extraction/compound.samples.ts";
import { dicomOf, PATIENT, PIXELS } from "../../parts/extraction/dicom.samples.ts";
import { doc, propertySet, record, textValue, xls, narrow, atom } from "../../parts/extraction/office-97.samples.ts";
import { lzfuOf, msgOf, tnefOf } from "../../parts/extraction/outlook.samples.ts";
import type { SampleMessage } from "../../parts/extraction/outlook.samples.ts";
import {
  docx,
  odf,
  packageOf,
  paragraph,
  row,
  run,
  sheet,
  slide,
  strings,
  wordPart,
  workbook,
  xlsx,
} from "../../parts/extraction/package.samples.ts";
import { pdfOf, textAt } from "../../parts/extraction/pdf.samples.ts";
import { zipOf } from "../../parts/extraction/zip.samples.ts";
import { base64, inspectMail, mixed, startReaders, unreadOf } from "./inspect-mails.suite.ts";

const extraction = startReaders();
afterAll(() => extraction.close());

const PHI = "MRN 00482913 has diabetes";

function attach(bytes: Buffer, type = "application/octet-stream", name = "paper"): Promise<Findings> {
  const part = [`Content-Type: ${type}; name="${name}"`, "Content-Transfer-Encoding: base64", "", base64(bytes)];
  return inspectMail(mixed([["", "Hello."], part]), { extract: (request) => extraction.extract(request) });
}

const partsOf = ({ findings }: Findings): readonly string[] => [...new Set(findings.map(({ part }) => part))];

describe("PHI in an archive is found", () => {
  test.each<[string, Buffer, string]>([
    ["in a text", zipOf([{ name: "a.txt", content: PHI }]), "2>1"],
    ["in a table", zipOf([{ name: "a.csv", content: "Note,MRN\ndiabetes,00482913" }]), "2>1"],
    ["in a page", zipOf([{ name: "a.html", content: "<p>MRN 00<b>48</b>2913 diabetes" }]), "2>1"],
    ["in UTF-16", zipOf([{ name: "a.txt", content: Buffer.from(`\ufeff${PHI}`, "utf16le") }]), "2>1"],
    ["in UTF-16 without a mark", zipOf([{ name: "a.txt", content: Buffer.from(PHI, "utf16le") }]), "2>1"],
    [
      "in UTF-16, the other way round",
      zipOf([{ name: "a.txt", content: Buffer.from(PHI, "utf16le").swap16() }]),
      "2>1",
    ],
    ["in a name", zipOf([{ name: `${PHI}.txt`, content: "" }]), "2>1:filename"],
    ["in a remark", zipOf([], { comment: PHI }), "2:filename"],
    ["in an archive within", zipOf([{ name: "b.zip", content: zipOf([{ name: "a.txt", content: PHI }]) }]), "2>1>1"],
    ["in a mail", zipOf([{ name: "a.eml", content: `Subject: x\r\n\r\n${PHI}` }]), "2>1>1"],
  ])("%s", async (_, bytes, part) => {
    const findings = await attach(bytes, "application/zip", "a.zip");
    expect(findings).toMatchObject({ verdict: "phi", uninspectable: [] });
    expect(partsOf(findings)).toEqual([part]);
  });

  test("in an archive within a mail within an archive, with the mail's subject beside it", async () => {
    const inner = zipOf([{ name: "a.txt", content: "diabetes" }]);
    const eml = `Subject: MRN 00482913\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(inner)}`;
    const findings = await attach(zipOf([{ name: "a.eml", content: eml }]), "application/zip", "a.zip");
    expect(findings.verdict).toBe("phi");
    expect(partsOf(findings)).toEqual(["2>1>header:subject", "2>1>1>1"]);
  });

  test("whatever the archive is called, and the lie is told", async () => {
    const zip = zipOf([{ name: "a.txt", content: PHI }]);
    for (const [type, name] of [
      ["text/plain", "a.txt"],
      ["application/pdf", "a.pdf"],
      ["application/octet-stream", "a.csv"],
    ] as const) {
      const findings = await attach(zip, type, name);
      expect(findings.verdict).toBe("phi");
      expect(findings.findings).toContainEqual(expect.objectContaining({ detector: "content.misdeclared", part: "2" }));
    }
  });
});

describe("PHI in what is packed otherwise is found", () => {
  const zip = zipOf([{ name: "a.txt", content: PHI }]);
  const mail = `From: a@example.org\nSubject: x\n\n${PHI}\n`;
  const plain = "From: a@example.org\nSubject: y\n\nhello\n";
  test.each<[string, Buffer, string]>([
    ["a compressed text", gzipSync(PHI), "2>1"],
    ["a compressed archive", zstdCompressSync(zip), "2>1>1"],
    ["a mail by itself", Buffer.from(mail), "2>1"],
    ["a mail behind another one in a mailbox", Buffer.from(`From a Mon\n${plain}\nFrom b Tue\n${mail}`), "2>2>1"],
  ])("%s", async (_, bytes, part) => {
    const findings = await attach(bytes);
    expect(findings).toMatchObject({ verdict: "phi", uninspectable: [] });
    expect(partsOf(findings)).toEqual([part]);
  });

  test.each<[string, string, string]>([
    [
      "a calendar",
      "text/calendar",
      `BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:${base64(zip)}\r\nEND:VCALENDAR`,
    ],
    ["a page", "text/html", `<a href="data:application/zip;base64,${base64(zip)}">here</a>`],
    ["a record", "text/plain", `MSH|^~\\&|L\rOBX|1|ED|1^Report||^application^zip^Base64^${base64(zip)}`],
  ])("an archive within %s", async (_, type, text) => {
    const findings = await attach(Buffer.from(text), type, "paper");
    expect(findings).toMatchObject({ verdict: "phi", uninspectable: [] });
    expect(partsOf(findings)).toEqual(["2>1>1"]);
  });

  test("the attributes of a DICOM file, and its picture is told", async () => {
    const findings = await attach(dicomOf([...PATIENT, PIXELS]), "application/dicom", "IM0001");
    expect(findings.verdict).toBe("uninspectable");
    const text = dicomOf([[0x00104000, "LT", PHI]]);
    expect(await attach(text, "application/dicom", "IM0001")).toMatchObject({ verdict: "phi", uninspectable: [] });
  });
});

describe("a file of another kind than its name or type says is told", () => {
  test.each<[string, Buffer, string, string]>([
    ["an archive as DICOM", zipOf([{ name: "a.txt", content: "x" }]), "application/dicom", "a.dcm"],
    ["a text as a compressed file", Buffer.from("hello"), "application/gzip", "a.gz"],
    ["DICOM as a picture", dicomOf(PATIENT), "image/jpeg", "a.jpg"],
    ["an archive as a film", zipOf([{ name: "a.txt", content: "x" }]), "video/mp4", "a.mp4"],
    ["a document as a tar archive", pdfOf({ pages: [textAt(72, 700, "hello")] }), "application/x-tar", "a.tar"],
    ["a compressed file as a table", gzipSync("hello"), "text/csv", "a.csv"],
  ])("%s", async (_, bytes, type, name) => {
    const { findings } = await attach(bytes, type, name);
    expect(findings).toContainEqual(expect.objectContaining({ detector: "content.misdeclared", part: "2" }));
  });

  test("and none where both are true", async () => {
    for (const [bytes, type, name] of [
      [gzipSync("hello"), "application/gzip", "a.txt.gz"],
      [dicomOf([]), "application/dicom", "IM0001"],
      [Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"), "image/svg+xml", "a.svg"],
    ] as const) {
      expect((await attach(bytes, type, name)).findings).toEqual([]);
    }
  });
});

describe("PHI in a document is found", () => {
  const [identifier, health] = ["MRN 00482913", "diabetes"];
  const body = paragraph(run("Hello."));
  test.each<[string, Buffer, string]>([
    ["in its text, split over runs", docx(paragraph(run("MRN 00"), run("48"), run("2913 has dia"), run("betes"))), "2"],
    [
      "in a header, with the illness in the text",
      docx(paragraph(run(health)), { "word/header1.xml": wordPart("hdr", paragraph(run(identifier))) }),
      "2",
    ],
    ["in a comment", docx(body, { "word/comments.xml": wordPart("comments", paragraph(run(PHI))) }), "2"],
    ["in its properties", docx(body, { "docProps/core.xml": `<c><dc:subject>${PHI}</dc:subject></c>` }), "2"],
    [
      "in a custom property",
      docx(body, {
        "docProps/custom.xml": `<Properties><property name="MRN"><vt:lpwstr>00482913</vt:lpwstr></property><property name="Note"><vt:lpwstr>diabetes</vt:lpwstr></property></Properties>`,
      }),
      "2",
    ],
    ["in custom XML", docx(body, { "customXml/item1.xml": `<record note="${PHI}"/>` }), "2"],
    [
      "in a hidden sheet, below its headings",
      xlsx(row("x"), {
        "xl/workbook.xml": workbook('<sheet name="b" state="veryHidden"/>'),
        "xl/worksheets/sheet2.xml": sheet(row("MRN", "Illness") + row("00482913", "diabetes")),
      }),
      "2>sheet2",
    ],
    [
      "in shared strings",
      xlsx('<row><c t="s"><v>0</v></c></row>', { "xl/sharedStrings.xml": strings(`<t>${PHI}</t>`) }),
      "2>sheet1",
    ],
    [
      "in the notes of a slide",
      packageOf({ "ppt/slides/slide1.xml": slide("hello"), "ppt/notesSlides/notesSlide1.xml": slide(PHI) }),
      "2",
    ],
    ["in an OpenDocument text", odf(`<text:p>MRN 00<text:span>482</text:span>913 has diabetes</text:p>`), "2"],
    ["in a PDF", pdfOf({ pages: [textAt(72, 700, PHI)] }), "2"],
    ["in the properties of a PDF", pdfOf({ pages: [textAt(72, 700, "Hello.")], info: `/Subject (${PHI})` }), "2"],
    ["in a rich text", Buffer.from(String.raw`{\rtf1\ansi MRN 00{\b 482}913 has {\v diabetes}}`), "2"],
    [
      "in a document within a document within an archive",
      zipOf([{ name: "a.docx", content: docx(body, { "word/embeddings/b.xlsx": xlsx(row(PHI)) }) }]),
      "2>1>3>sheet1",
    ],
  ])("%s", async (_, bytes, part) => {
    const findings = await attach(bytes);
    expect(findings).toMatchObject({ verdict: "phi", uninspectable: [] });
    expect(partsOf(findings)).toEqual([part]);
  });

  test("a document without any is clean", async () => {
    const type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    expect(await attach(docx(body), type, "a.docx")).toMatchObject({ verdict: "clean", findings: [] });
  });
});

describe("an archive that cannot be read needs protection", () => {
  test.each<[string, Buffer, readonly string[]]>([
    ["an encrypted one", zipOf([{ name: "a.txt", content: "x", flags: 1 }]), ["2>1: encrypted"]],
    ["a damaged one", zipOf([{ name: "a.txt", content: "hello" }]).subarray(0, 60), ["2: damaged"]],
    ["a bomb", zipOf([{ name: "a.txt", content: Buffer.alloc(30 * 1024 * 1024) }]), ["2: over_budget"]],
    [
      "one with a file nobody reads",
      zipOf([{ name: "a.7z", content: Buffer.from("377abcaf271c", "hex") }]),
      ["2>1: unsupported_type"],
    ],
  ])("%s", async (_, bytes, unread) => {
    const findings = await attach(bytes, "application/zip", "a.zip");
    expect(findings.verdict).toBe("uninspectable");
    expect(unreadOf(findings)).toEqual(unread);
  });

  test("mails in archives in mails in archives, beyond the depth that is read", async () => {
    let zip = zipOf([{ name: "a.txt", content: PHI }]);
    for (let depth = 0; depth < 6; depth += 1) {
      const eml = `Subject: x\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(zip)}`;
      zip = zipOf([{ name: "a.eml", content: eml }]);
    }
    const { verdict, uninspectable } = await attach(zip, "application/zip", "a.zip");
    expect(verdict).toBe("uninspectable");
    expect(uninspectable.map(({ reason }) => reason)).toEqual(["over_budget"]);
  });

  test("and what can be read of it is", async () => {
    const zip = zipOf([
      { name: "a.txt", content: "x", flags: 1 },
      { name: "b.txt", content: PHI },
    ]);
    expect(await attach(zip, "application/zip", "a.zip")).toMatchObject({
      verdict: "phi",
      uninspectable: [{ part: "2>1", reason: "encrypted" }],
    });
  });

  test("one that is read and holds nothing is clean", async () => {
    const zip = zipOf([{ name: "a.txt", content: "hello" }]);
    expect(await attach(zip, "application/zip", "a.zip")).toMatchObject({ verdict: "clean", findings: [] });
  });
});

describe.each<[string, (message: SampleMessage) => Buffer, string]>([
  ["a message file of Outlook", msgOf, "application/vnd.ms-outlook"],
  ["winmail.dat", tnefOf, "application/ms-tnef"],
])("PHI in %s is found", (_, write, type) => {
  const [identifier, health] = ["MRN 00482913", "diabetes"];
  const html = String.raw`{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}MRN 00{\*\htmltag84 <b>}48{\*\htmltag92 </b>}2913\htmlrtf {\b\htmlrtf0  has dia{\*\htmltag148 <i>}betes\htmlrtf }\htmlrtf0}`;
  const file = (name: string, content: string | Buffer) => ({
    properties: [
      [0x3707, name],
      [0x3705, 1],
      [0x3701, Buffer.from(content)],
    ] as const,
  });
  test.each<[string, SampleMessage, readonly string[]]>([
    ["in its subject", { properties: [[0x37, PHI]] }, ["2>header:subject"]],
    [
      "in its subject and its text",
      {
        properties: [
          [0x37, identifier],
          [0x1000, health],
        ],
      },
      ["2>header:subject", "2>1"],
    ],
    ["in its text only", { properties: [[0x1000, PHI]] }, ["2>1"]],
    [
      "in its HTML only, within a word",
      {
        properties: [
          [0x1000, "hello"],
          [0x1013, Buffer.from("<p>MRN 00<b>48</b>2913 diabetes")],
        ],
      },
      ["2>2"],
    ],
    [
      "in its rich text only",
      {
        properties: [
          [0x1000, "hello"],
          [0x1009, lzfuOf(String.raw`{\rtf1\ansi MRN 00{\b 48}2913 diabetes}`)],
        ],
      },
      ["2>2"],
    ],
    ["in HTML within its rich text only, within words", { properties: [[0x1009, lzfuOf(html)]] }, ["2>1"]],
    ["in a property only", { named: { MRN: "00482913", Illness: "diabetes" } }, ["2>1"]],
    ["in an attachment's name only", { attachments: [file(`${PHI}.txt`, "x")] }, ["2>header:other@1", "2>1:filename"]],
    ["in a recipient's name only", { recipients: [[[0x3001, PHI]]] }, ["2>header:names"]],
    ["in an attached table", { attachments: [file("a.csv", "Note,MRN\ndiabetes,00482913")] }, ["2>1"]],
    ["in an attached document", { attachments: [file("a.docx", docx(paragraph(run(PHI))))] }, ["2>1"]],
    [
      "in a message within a message",
      { attachments: [{ message: { attachments: [{ message: { properties: [[0x1000, PHI]] } }] } }] },
      ["2>deep"],
    ],
    [
      "in a message file attached to it",
      { attachments: [file("a.msg", msgOf({ properties: [[0x37, PHI]] }))] },
      ["2>1>header:subject"],
    ],
  ])("%s", async (_name, message, parts) => {
    const findings = await attach(write(message), type, "paper");
    expect(findings).toMatchObject({ verdict: "phi", uninspectable: [] });
    expect(partsOf(findings).map((part) => part.replace(/^2>1\.1\..*/, "2>deep"))).toEqual(parts);
  });

  test("whatever it is called, and the lie is told", async () => {
    for (const [declared, name] of [
      ["text/plain", "a.txt"],
      ["image/png", "a.png"],
      ["application/pdf", "a.pdf"],
    ] as const) {
      const findings = await attach(write({ properties: [[0x37, PHI]] }), declared, name);
      expect(findings.verdict).toBe("phi");
      expect(findings.findings).toContainEqual(expect.objectContaining({ detector: "content.misdeclared", part: "2" }));
    }
  });

  test("beside an attachment that nobody can read", async () => {
    const findings = await attach(write({ attachments: [file("a.bin", Buffer.alloc(500))] }), type, "paper");
    expect(findings.verdict).toBe("uninspectable");
    expect(unreadOf(findings)).toEqual(["2>1: unsupported_type"]);
  });
});

describe("PHI in a document before Office 2007 is found", () => {
  const label = narrow("MRN");
  test.each<[string, Buffer, string]>([
    [
      "in a text, fast-saved in pieces",
      doc([{ text: "MRN 00" }, { text: "482913", isWide: true }, { text: " has diabetes\r" }]),
      "2",
    ],
    ["with label and number in two cells of a text", doc([{ text: "MRN\x0700482913\x07diabetes\x07\x07" }]), "2"],
    [
      "with label and number in two cells of a sheet",
      xls(
        [],
        [
          record(0x204, 0, 0, 0, label),
          record(0x204, 0, 1, 0, narrow("00482913")),
          record(0x204, 0, 2, 0, narrow("diabetes")),
        ],
      ),
      "2>sheet1",
    ],
    [
      "below the headings of a sheet",
      xls(
        [],
        [
          record(0x204, 0, 0, 0, narrow("Note")),
          record(0x204, 0, 1, 0, label),
          record(0x204, 1, 0, 0, narrow("diabetes")),
          record(0x204, 1, 1, 0, narrow("00482913")),
        ],
      ),
      "2>sheet1",
    ],
    [
      "with label and number in two boxes of a slide",
      compoundOf({
        "PowerPoint Document": Buffer.concat(
          ["MRN", "00482913", "diabetes"].map((text) => atom(0x0fa8, Buffer.from(text))),
        ),
      }),
      "2",
    ],
    [
      "in a property only",
      compoundOf({
        Workbook: Buffer.concat([record(0x809, 0x600, 5), record(0x0a)]),
        "\x05SummaryInformation": propertySet([[3, textValue(PHI)]]),
      }),
      "2>settings",
    ],
  ])("%s", async (_, bytes, part) => {
    const findings = await attach(bytes);
    expect(findings).toMatchObject({ verdict: "phi", uninspectable: [] });
    expect(partsOf(findings)).toEqual([part]);
  });
});
