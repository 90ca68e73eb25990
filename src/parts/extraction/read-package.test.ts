import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compoundOf } from "./compound.samples.ts";
import { readHere } from "./extraction.samples.ts";
import {
  document,
  docx,
  odf,
  packageOf,
  paragraph,
  row,
  run,
  sheet,
  slide,
  strings,
  styles,
  wordPart,
  workbook,
  xlsx,
} from "./package.samples.ts";
import { zipOf } from "./zip.samples.ts";

type Said = { readonly text: string; readonly unread: readonly string[] };

async function read(bytes: Buffer, budgets = {}): Promise<Said> {
  const items = await readHere(bytes, budgets);
  return {
    text: items.flatMap((item) => (item.kind === "text" ? [item.text] : [])).join("\n---\n"),
    unread: items.flatMap((item) => (item.kind === "unread" ? [`${item.place}:${item.reason}`] : [])),
  };
}

describe("a text document", () => {
  test.each<[string, string, string]>([
    ["joins a number split over runs", paragraph(run("MRN 00"), run("48"), run("2913")), "MRN 00482913\n"],
    ["parts paragraphs", paragraph(run("MRN")) + paragraph(run("482")), "MRN\n482\n"],
    ["parts lines and tabs", paragraph("<w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:tab/><w:t>c</w:t></w:r>"), "a\nb\tc\n"],
    ["resolves entities", paragraph(run("&lt;A &amp; B&gt; &#65;&#x42;")), "<A & B> AB\n"],
    ["reads CDATA", paragraph(run("<![CDATA[a<b]]>")), "a<b\n"],
    [
      "keeps a field code out of the sentence",
      paragraph(run("MRN "), "<w:r><w:instrText>DATE 7</w:instrText></w:r>", run("482")),
      "MRN 482\nDATE 7\n",
    ],
    [
      "keeps deleted text out of the sentence, and reads it",
      paragraph(run("12"), "<w:del><w:r><w:delText>99</w:delText></w:r></w:del>", run("34")),
      "1234\n99\n",
    ],
    [
      "keeps a text box out of the sentence, and reads it",
      paragraph(
        run("MRN "),
        `<w:r><w:pict><w:txbxContent>${paragraph(run("box"))}</w:txbxContent></w:pict></w:r>`,
        run("482"),
      ),
      "MRN 482\nbox\n",
    ],
    [
      "reads what a picture is said to show",
      paragraph('<w:r><w:drawing><wp:docPr id="1" name="x" descr="MRN 482"/></w:drawing></w:r>'),
      "MRN 482",
    ],
    [
      "leaves out where a picture stands",
      paragraph(run("MRN "), "<wp:posOffset>914400</wp:posOffset>", run("482")),
      "MRN 482\n",
    ],
    [
      "reads a hyphen that does not break",
      paragraph("<w:r><w:t>078</w:t><w:noBreakHyphen/><w:t>05</w:t></w:r>"),
      "078-05\n",
    ],
    ["reads a form field's choice", '<w:sdt><w:sdtPr><w:alias w:val="MRN"/></w:sdtPr></w:sdt>', "MRN"],
  ])("%s", async (_, body, text) => {
    const said = await read(docx(body));
    expect(said.text).toContain(text);
    expect(said.unread).toEqual([]);
  });

  const cell = (text: string): string => `<w:tc>${paragraph(run(text))}</w:tc>`;
  const table = (...rows: readonly (readonly string[])[]): string =>
    `<w:tbl>${rows.map((cells) => `<w:tr>${cells.map(cell).join("")}</w:tr>`).join("")}</w:tbl>`;

  test("a table tells each cell beside its neighbours, and behind its heading", async () => {
    const { text } = await read(docx(table(["Name", "MRN"], ["Anna", "482913"])));
    expect(text).toContain("Name\tMRN\nAnna\t482913\nName: Anna\tMRN: 482913\n");
  });

  test("a table within a cell is read", async () => {
    const { text } = await read(docx(`<w:tbl><w:tr><w:tc>${table(["a", "b"])}</w:tc>${cell("c")}</w:tr></w:tbl>`));
    expect(text).toContain("a\tb\tc\n");
  });

  test.each<[string, string, string]>([
    ["header", "word/header1.xml", wordPart("hdr", paragraph(run("secret")))],
    ["footer", "word/footer1.xml", wordPart("ftr", paragraph(run("secret")))],
    [
      "comment",
      "word/comments.xml",
      wordPart("comments", `<w:comment w:author="A">${paragraph(run("secret"))}</w:comment>`),
    ],
    ["author of a comment", "word/comments.xml", wordPart("comments", '<w:comment w:author="secret"/>')],
    ["footnote", "word/footnotes.xml", wordPart("footnotes", `<w:footnote>${paragraph(run("secret"))}</w:footnote>`)],
    ["endnote", "word/endnotes.xml", wordPart("endnotes", `<w:endnote>${paragraph(run("secret"))}</w:endnote>`)],
    ["building block", "word/glossary/document.xml", document(paragraph(run("secret")))],
    ["title", "docProps/core.xml", "<cp:coreProperties><dc:title>secret</dc:title></cp:coreProperties>"],
    [
      "custom property",
      "docProps/custom.xml",
      '<Properties><property name="MRN"><vt:lpwstr>secret</vt:lpwstr></property></Properties>',
    ],
    ["custom XML", "customXml/item1.xml", '<patient mrn="secret"/>'],
    [
      "document variable",
      "word/settings.xml",
      wordPart("settings", '<w:docVars><w:docVar w:name="a" w:val="secret"/></w:docVars>'),
    ],
    [
      "link",
      "word/_rels/document.xml.rels",
      '<Relationships><Relationship Target="https://x.example/?mrn=secret"/></Relationships>',
    ],
    ["chart", "word/charts/chart1.xml", "<c:chartSpace><c:v>secret</c:v></c:chartSpace>"],
    ["part of a name nobody knows", "odd/thing.xml", "<thing>secret</thing>"],
    ["comment in the source", "odd/thing.xml", "<thing><!-- secret --></thing>"],
    ["drawing of an older program", "word/drawing.vml", "<xml><div>secret<br>two</div></xml>"],
    ["name of a part", "odd/secret.xml", "<thing/>"],
    [
      "printer setting",
      "word/printerSettings1.bin",
      Buffer.concat([Buffer.alloc(40, 1), Buffer.from("secret", "utf16le")]) as unknown as string,
    ],
  ])("its %s is read", async (_, name, part) => {
    const said = await read(docx(paragraph(run("body")), { [name]: part }));
    expect(said.text).toContain("secret");
    expect(said.text).toContain("body");
    expect(said.unread).toEqual([]);
  });

  test("a property's value follows its name", async () => {
    const custom = '<Properties><property name="MRN"><vt:lpwstr>482</vt:lpwstr></property></Properties>';
    expect((await read(docx("", { "docProps/custom.xml": custom }))).text).toContain("MRN: 482\n");
  });

  test("values of a list stand apart", async () => {
    const app =
      "<Properties><TitlesOfParts><vt:vector><vt:lpstr>12</vt:lpstr><vt:lpstr>34</vt:lpstr></vt:vector></TitlesOfParts></Properties>";
    expect((await read(docx("", { "docProps/app.xml": app }))).text).toContain("12\n34\n");
  });

  test("UTF-16 is read", async () => {
    const xml = document(paragraph(run("secret"))).replace("UTF-8", "UTF-16");
    expect((await read(packageOf({ "word/document.xml": Buffer.from(`\ufeff${xml}`, "utf16le") }))).text).toContain(
      "secret",
    );
  });

  test("a file within is read by what it is", async () => {
    const inner = docx(paragraph(run("secret")));
    expect((await read(docx("", { "word/embeddings/a.docx": inner }))).text).toContain("secret");
    const items = await readHere(docx("", { "word/afchunk.htm": "<html>secret</html>" }));
    expect(items).toContainEqual(expect.objectContaining({ kind: "file", name: "word/afchunk.htm" }));
  });
});

describe("a workbook", () => {
  test("cells follow the headings of their columns, wherever those stand", async () => {
    const rows = row("Clinic list") + row("Name", "MRN") + row("Anna", "482913") + row("", "555111");
    expect((await read(xlsx(rows))).text).toContain(
      "Clinic list\nName\tMRN\nAnna\t482913\nName: Anna\tMRN: 482913\n555111\nMRN: 555111\n",
    );
  });

  test("shared strings join their runs, and one that no cell shows is read too", async () => {
    const shared = strings("<t>MRN</t>", "<r><t>48</t></r><r><t>2913</t></r>", "<t>orphan</t>");
    const cells = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>';
    const { text } = await read(xlsx(cells, { "xl/sharedStrings.xml": shared }));
    expect(text).toContain("MRN\t482913\n");
    expect(text).toContain("orphan");
  });

  test.each<[string, number, string, string, string]>([
    ["a date", 14, "", "22483", "07/21/1961"],
    ["a date of the file's own format", 170, "yyyy\\-mm\\-dd", "22483", "07/21/1961"],
    ["a social security number", 171, "000\\-00\\-0000", "78051120", "078-05-1120"],
    ["a telephone number", 172, "[&lt;=9999999]###\\-####;\\(###\\)\\ ###\\-####", "5551234", "555-1234"],
    ["a plain number", 0, "", "48210377", "48210377"],
    ["an amount", 173, "#,##0.00", "1234.5", "1234.5"],
  ])("shows %s as a reader sees it", async (_, id, code, value, shown) => {
    const look = styles(`<numFmt numFmtId="${id}" formatCode="${code}"/>`, `<xf numFmtId="0"/><xf numFmtId="${id}"/>`);
    const { text } = await read(xlsx(`<row><c s="1"><v>${value}</v></c></row>`, { "xl/styles.xml": look }));
    expect(text.split("\n")).toContain(shown);
  });

  test.each<[string, string, string]>([
    ["a hidden sheet", "xl/worksheets/sheet2.xml", sheet(row("secret"))],
    ["a name of a sheet", "xl/workbook.xml", workbook('<sheet name="secret" sheetId="1" state="veryHidden"/>')],
    ["a comment", "xl/comments1.xml", '<comments><comment ref="A1"><text><t>secret</t></text></comment></comments>'],
    ["a formula", "xl/worksheets/sheet2.xml", sheet('<row><c><f>"sec"&amp;"secret"</f><v>1</v></c></row>')],
    ["a header", "xl/worksheets/sheet2.xml", sheet("", "<headerFooter><oddHeader>secret</oddHeader></headerFooter>")],
    [
      "a header with codes",
      "xl/worksheets/sheet2.xml",
      sheet(
        "",
        '<headerFooter><firstFooter>&amp;R&amp;"Arial,Bold"se&amp;12&amp;K00FF00cret&amp;B</firstFooter></headerFooter>',
      ),
    ],
    ["a cell with escapes", "xl/worksheets/sheet2.xml", sheet(row("se_x0063_ret"))],
    ["a note on entering", "xl/worksheets/sheet2.xml", sheet("", '<dataValidation prompt="secret"/>')],
    ["a text box", "xl/drawings/drawing1.xml", "<wsDr><a:p><a:r><a:t>secret</a:t></a:r></a:p></wsDr>"],
    [
      "a cache of a pivot table",
      "xl/pivotCache/records1.xml",
      '<pivotCacheRecords><r><s v="secret"/></r></pivotCacheRecords>',
    ],
  ])("%s is read", async (_, name, part) => {
    const said = await read(xlsx(row("body"), { [name]: part }));
    expect(said.text).toContain("secret");
    expect(said.unread).toEqual([]);
  });
});

test("a presentation gives slides, notes and comments", async () => {
  const parts = {
    "ppt/slides/slide1.xml": slide("one"),
    "ppt/slides/slide10.xml": slide("ten"),
    "ppt/slides/slide2.xml": slide("two"),
    "ppt/notesSlides/notesSlide1.xml": slide("note"),
    "ppt/comments/comment1.xml": "<p:cmLst><p:cm><p:text>remark</p:text></p:cm></p:cmLst>",
  };
  const { text } = await read(packageOf(parts));
  expect(text).toMatch(/one\ntwo\nten\n/);
  expect(text).toContain("note\n");
  expect(text).toContain("remark\n");
});

describe("an OpenDocument file", () => {
  test.each<[string, string, string]>([
    ["joins spans", "<text:p>MRN 00<text:span>48</text:span>2913</text:p>", "MRN 00482913\n"],
    [
      "parts paragraphs, tabs and lines",
      "<text:h>a</text:h><text:p>b<text:tab/>c<text:line-break/>d</text:p>",
      "a\nb\tc\nd\n",
    ],
    ["counts spaces", '<text:p>a<text:s text:c="3"/>b</text:p>', "a   b\n"],
    [
      "keeps a remark out of the sentence",
      "<text:p>MRN <office:annotation><text:p>why</text:p></office:annotation>482</text:p>",
      "MRN 482\nwhy\n",
    ],
    [
      "lays a table out",
      '<table:table><table:table-row><table:table-cell><text:p>Name</text:p></table:table-cell><table:table-cell table:number-columns-repeated="2"/><table:table-cell><text:p>MRN</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell table:number-columns-repeated="3"/><table:table-cell><text:p>482</text:p></table:table-cell></table:table-row></table:table>',
      "Name\tMRN\n482\nMRN: 482\n",
    ],
  ])("%s", async (_, body, text) => {
    const said = await read(odf(body));
    expect(said.text).toContain(text);
    expect(said.unread).toEqual([]);
  });

  test("its properties, headers and pictures' names are read", async () => {
    const { text } = await read(
      odf("", {
        "meta.xml": '<m><meta:user-defined meta:name="MRN">482</meta:user-defined></m>',
        "styles.xml": "<s><style:header><text:p>head</text:p></style:header></s>",
      }),
    );
    expect(text).toContain("MRN: 482");
    expect(text).toContain("head");
  });

  test("an encrypted one is told as such", async () => {
    const manifest = "<manifest><file-entry><manifest:encryption-data/></file-entry></manifest>";
    expect((await read(odf("", { "META-INF/manifest.xml": manifest }))).unread).toEqual([":encrypted"]);
  });
});

describe("a package that harms or hides", () => {
  const text = paragraph(run("body"));
  test.each<[string, Buffer, readonly string[]]>([
    [
      "entities that multiply",
      docx(text, { "odd.xml": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "cc"><!ENTITY c "&b;&b;">]><a>&c;</a>' }),
      ["3:damaged"],
    ],
    [
      "a document type that names a file",
      docx(text, { "odd.xml": '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>' }),
      ["3:damaged"],
    ],
    ["elements within elements", docx(text, { "odd.xml": "<a>".repeat(300) }), ["3:damaged"]],
    [
      "a tag without an end",
      packageOf({ "word/document.xml": document(text) }, [
        { name: "odd.xml", content: `<a b="${"x".repeat(1_200_000)}`, isStored: true },
      ]),
      ["3:damaged"],
    ],
    ["tags that cross", docx(text, { "odd.xml": "<a><b></a></b>" }), ["3:damaged"]],
    [
      "a charset nobody knows",
      docx(text, { "odd.xml": '<?xml version="1.0" encoding="x-odd"?><a/>' }),
      ["3:unknown_charset"],
    ],
    [
      "a large picture",
      docx(text, { "word/media/a.png": Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(40_000)]) }),
      ["3:unsupported_type"],
    ],
    [
      "a macro",
      docx(text, { "word/vbaProject.bin": compoundOf({ PROJECT: "", VBA: { dir: "x" } }) }),
      ["3:unsupported_type"],
    ],
    [
      "a part that is encrypted",
      packageOf({ "word/document.xml": document(text) }, [{ name: "odd.xml", content: "x", flags: 1 }]),
      ["3:encrypted"],
    ],
  ])("%s: it is told, and the rest is read", async (_, bytes, unread) => {
    const said = await read(bytes);
    expect(said.unread).toEqual(unread);
    expect(said.text).toContain("body");
  });

  test("a bomb of XML stops at its budget, and what came before is told", async () => {
    const bomb = docx(text, { "zzz.xml": `<a>${"<b></b>".repeat(4_000_000)}</a>` });
    const said = await read(bomb, { inflateRatioMax: 10_000, inflatedBytesMax: 5 * 1024 * 1024 });
    expect(said.unread).toEqual([":over_budget"]);
    expect(said.text).toContain("body");
  });

  test("a long text shown by many cells stops at the budget of characters", async () => {
    const shared = strings(`<t>${"x".repeat(20_000)}</t>`);
    const cells = '<row><c t="s"><v>0</v></c></row>'.repeat(2_000);
    expect((await read(xlsx(cells, { "xl/sharedStrings.xml": shared }))).unread).toEqual([":over_budget"]);
  });

  test("a compound file with an encrypted package is encrypted, any other is not read", async () => {
    const locked = compoundOf({ EncryptionInfo: "x", EncryptedPackage: "y" });
    expect((await read(locked)).unread).toEqual([":encrypted"]);
    expect((await read(compoundOf({ Odd: Buffer.alloc(9) }))).unread).toEqual(["s1:unsupported_type"]);
  });
});

test("whatever happens to a part, the reader says something and never throws", async () => {
  const xml = [document(paragraph(run("a & b"))), sheet(row("a", "b"), "<x y='1'/>")];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...xml),
      fc.array(
        fc.tuple(fc.nat(400), fc.constantFrom("<", ">", "/", '"', "&", "<!--", "<![CDATA[", "]]>", "\0", "w:p")),
      ),
      async (text, changes) => {
        let changed = text;
        for (const [at, piece] of changes) changed = changed.slice(0, at) + piece + changed.slice(at);
        const items = await readHere(packageOf({ "a.xml": changed }, []));
        expect(items.length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 300 },
  );
});

test("an archive that only looks like a package is read as an archive", async () => {
  const items = await readHere(zipOf([{ name: "word/document.xml", content: "<a>b</a>" }]));
  expect(items).toContainEqual(expect.objectContaining({ kind: "file", place: "1" }));
});
