/** Documents that are one file of XML, as LibreOffice wrote them; see test/fixtures/office-97. */
import { expect, test } from "vitest";
import { madeFile } from "../../../parts/extraction/office-97.samples.ts";
import { base64, inspectMail, mixed } from "../inspect-mails.suite.ts";
import { recordTextOf } from "./record-text.ts";

const toldOf = (text: string): readonly string[] => recordTextOf(text).text.split("\n");

test.each<[string, string, readonly string[]]>([
  [
    "Word 2003",
    madeFile("letter.word.xml").toString(),
    ["Subject with MRN 00480001", "Body MRN 00480006 has diabetes", "Name: Anna Example MRN: 00480012", "Box 00480010"],
  ],
  [
    "Excel 2003",
    madeFile("visits.excel.xml").toString(),
    [
      "Name: Anna \u041c\u0438\u0440 MRN: 480032 DOB: 1950-02-03 SSN: 219099999 Weight: 71.25",
      "MRN 00480034 has diabetes",
    ],
  ],
  [
    "flat OpenDocument text",
    madeFile("letter.fodt").toString(),
    ["Body MRN 00480006 has diabetes, more.", "Footnote 00480007", "Name: Anna Example MRN: 00480012"],
  ],
  [
    "a flat OpenDocument sheet",
    madeFile("visits.fods").toString(),
    ["MRN: 00480032 DOB: 1950-02-03 SSN: 219-09-9999 Weight: 71.25", "MRN 00480034 has diabetes"],
  ],
  [
    "Word's package in one file",
    '<?xml version="1.0"?><?mso-application progid="Word.Document"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">' +
      '<pkg:part pkg:name="/word/document.xml"><pkg:xmlData><w:document xmlns:w="w"><w:body><w:p><w:r><w:t>MRN 0048</w:t></w:r><w:r><w:t>2913</w:t></w:r></w:p>' +
      "</w:body></w:document></pkg:xmlData></pkg:part><pkg:part><pkg:binaryData>QUJD</pkg:binaryData></pkg:part></pkg:package>",
    ["MRN 00482913"],
  ],
  [
    "cells of Excel 2003 that skip columns",
    '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet><Table><Row><Cell><Data>Name</Data></Cell><Cell><Data>Age</Data></Cell>' +
      '<Cell><Data>MRN</Data></Cell></Row><Row><Cell ss:MergeAcross="1"><Data>Anna</Data></Cell><Cell><Data>482913</Data></Cell></Row>' +
      '<Row><Cell ss:Index="3"><Data>482914</Data></Cell></Row></Table></Worksheet></Workbook>',
    ["Name: Anna MRN: 482913", "MRN: 482914"],
  ],
])("%s is told as its reader sees it", (_, text, expected) => {
  const told = toldOf(text);
  for (const line of expected) expect(told).toContain(line);
  expect(told).not.toContain("QUJD");
});

test.each([
  "",
  "<html><o:document xmlns:o='urn:schemas-microsoft-com:office:office'>x</html>",
  "<Workbook >MRN 1</Workbook>",
  "see <w:wordDocument ",
])("other markup is none of these (%#)", (text) => {
  expect(recordTextOf(text).text).toBe("");
});

test("what comes before damage is told", () => {
  const text = '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Data>MRN 482913</Data></b>';
  expect(toldOf(text)).toEqual(["MRN 482913"]);
});

test.each([
  ["application/vnd.ms-excel", "visits.xls", madeFile("visits.excel.xml")],
  ["application/msword", "letter.doc", madeFile("letter.word.xml")],
  ["application/vnd.oasis.opendocument.spreadsheet-flat-xml", "visits.fods", madeFile("visits.fods")],
  ["application/vnd.ms-excel", "visits.xls", Buffer.from("<html><td>MRN 00482913 has diabetes</html>")],
  [
    "application/x-anything",
    "visits",
    Buffer.from("\ufeff<?xml version='1.0'?><a>MRN 00482913 has diabetes</a>", "utf16le"),
  ],
])("%s named %s is read as the text it is", async (type, name, bytes) => {
  const part = [`Content-Type: ${type}; name=${name}`, "Content-Transfer-Encoding: base64", "", base64(bytes)];
  const { verdict, uninspectable } = await inspectMail(mixed([["", "hello"], part]));
  expect([verdict, uninspectable]).toEqual(["phi", []]);
});
