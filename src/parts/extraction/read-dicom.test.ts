import { describe, expect, test } from "vitest";
import { dataSetOf, dicomOf, PATIENT, PIXELS } from "./dicom.samples.ts";
import type { SampleElement } from "./dicom.samples.ts";
import { readHere } from "./extraction.samples.ts";
import type { ExtractedItem } from "./extraction-types.ts";
import { zipOf } from "./zip.samples.ts";

const LINES = [
  "DICOM record of a patient",
  "Study Date: 2024-01-05",
  "Accession Number: ACC4829130",
  "Institution: Lakeside Clinic",
  "Study Description: MRI brain with contrast",
  "Patient Name: Anna M Sample",
  "Patient Name: SAMPLE ANNA M",
  "Patient ID: 00482913",
  "Date of birth: 1961-03-14",
  "Patient History: type 2 diabetes",
];
const textOf = (items: readonly ExtractedItem[]): string =>
  items.map((item) => (item.kind === "text" ? item.text : "")).join("\n");
const unreadOf = (items: readonly ExtractedItem[]): readonly string[] =>
  items.flatMap((item) => (item.kind === "unread" ? [`${item.place}: ${item.reason}`] : []));

describe("a DICOM file is read", () => {
  test.each(["implicit", "explicit", "big", "deflated"] as const)("in %s transfer syntax", async (syntax) => {
    const items = await readHere(dicomOf(PATIENT, syntax));
    expect(textOf(items).split("\n")).toEqual(LINES);
    expect(unreadOf(items)).toEqual([]);
  });

  test.each(["implicit", "explicit", "big"] as const)("without preamble, in %s transfer syntax", async (syntax) => {
    expect(textOf(await readHere(dataSetOf(PATIENT, syntax))).split("\n")).toEqual(LINES);
  });

  test("where its meta information lies about its syntax", async () => {
    const lying = Buffer.concat([dicomOf([], "implicit"), dataSetOf(PATIENT, "explicit")]);
    expect(textOf(await readHere(lying)).split("\n")).toEqual(LINES);
  });

  test("inside an archive", async () => {
    const items = await readHere(zipOf([{ name: "IM0001", content: dicomOf(PATIENT) }]));
    expect(items).toContainEqual({ kind: "text", place: "1", text: LINES.join("\n") });
  });

  test("with its private text, in text and in bytes, and unknown representations", async () => {
    const elements: readonly SampleElement[] = [
      [0x00091001, "LO", "on metformin"],
      [0x00091002, "OB", Buffer.from("\0\x01\x02 sister of 00482913 \0\xff", "latin1")],
      [0x00091003, "UN", "asked for an interpreter"],
    ];
    const text = textOf(await readHere(dicomOf(elements)));
    for (const each of ["on metformin", "sister of 00482913", "asked for an interpreter"]) expect(text).toContain(each);
  });

  test("with the findings of a structured report behind their concepts", async () => {
    const concept = (meaning: string): SampleElement => [0x0040a043, "SQ", [[[0x00080104, "LO", meaning]]]];
    const finding: readonly SampleElement[] = [concept("Finding"), [0x0040a160, "UT", "mass in the left breast"]];
    const observer: readonly SampleElement[] = [concept("Observer"), [0x0040a123, "PN", "DOE^JOHN"]];
    const text = textOf(await readHere(dicomOf([concept("Report"), [0x0040a730, "SQ", [finding, observer]]])));
    expect(text).toContain("Finding: mass in the left breast");
    expect(text).toContain("Observer: John Doe");
  });

  test("with its directory records", async () => {
    const record: readonly SampleElement[] = [
      [0x00041430, "CS", "PATIENT"],
      [0x00100010, "PN", "SAMPLE^ANNA"],
    ];
    const text = textOf(await readHere(dicomOf([[0x00041220, "SQ", [record]]])));
    expect(text).toContain("DICOM record of a patient");
    expect(text).toContain("Patient Name: Anna Sample");
  });

  test("with the document in it", async () => {
    const document = Buffer.from("{\\rtf1 MRN 00482913 has diabetes}");
    expect(await readHere(dicomOf([[0x00420011, "OB", document]]))).toContainEqual({
      kind: "text",
      place: "1",
      text: expect.stringContaining("MRN 00482913 has diabetes"),
    });
  });
});

describe("character sets", () => {
  const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
  // PS3.5 annexes H, I and J give these names in these bytes.
  test.each<[string, string, Buffer, string]>([
    ["UTF-8", "ISO_IR 192", Buffer.from("Wang^XiaoDong=王^小东"), "XiaoDong Wang, 小东 王"],
    ["GB18030", "GB18030", hex("57616e675e5869616f446f6e673dcdf55ed0a1b6ab"), "XiaoDong Wang, 小东 王"],
    ["Latin 1", "ISO_IR 100", hex("4275635e4ae972f46d65"), "Jérôme Buc"],
    ["Cyrillic", "ISO_IR 144", hex("bbee5ed8d2d0dd"), "иван Лю"],
    [
      "Japanese with escapes",
      "\\ISO 2022 IR 87",
      hex("59616d6164615e5461726f753d1b2442 3b334544 1b2842 5e 1b2442 42404f3a 1b2842"),
      "Tarou Yamada, 太郎 山田",
    ],
    [
      "Korean with escapes",
      "\\ISO 2022 IR 149",
      hex("486f6e675e47696c646f6e673d1b2429 43 fbf3 5e 1b2429 43 d1ced4d7"),
      "Gildong Hong, 吉洞 洪",
    ],
  ])("%s", async (_, term, name, shown) => {
    const items = await readHere(
      dicomOf([
        [0x00080005, "CS", term],
        [0x00100010, "PN", name],
      ]),
    );
    expect(textOf(items)).toContain(`Patient Name: ${shown}`);
    expect(unreadOf(items)).toEqual([]);
  });

  test("none of the standard's is told", async () => {
    const items = await readHere(
      dicomOf([
        [0x00080005, "CS", "KLINGON"],
        [0x00100010, "PN", "SAMPLE^ANNA"],
      ]),
    );
    expect(textOf(items)).toContain("Anna Sample");
    expect(unreadOf(items)).toEqual([": unknown_charset"]);
  });
});

describe("what could hide something is told", () => {
  test("a picture, whatever the file says of what is burned into it", async () => {
    const items = await readHere(dicomOf([...PATIENT, [0x00280301, "CS", "NO"], PIXELS]));
    expect(unreadOf(items)).toEqual([": unsupported_type"]);
  });

  test("an anonymous picture is no record of a patient, and still a picture", async () => {
    const items = await readHere(dicomOf([[0x00080060, "CS", "MR"], [0x00100010, "PN", ""], PIXELS]));
    expect(textOf(items)).toContain("DICOM file without a patient");
    expect(unreadOf(items)).toEqual([": unsupported_type"]);
  });

  test("a cut file keeps what was read", async () => {
    const items = await readHere(dicomOf(PATIENT).subarray(0, -5));
    expect(textOf(items)).toContain("Patient ID: 00482913");
    expect(unreadOf(items)).toEqual([": damaged"]);
  });

  test("a deflated bomb ends at the budget", async () => {
    const bomb: readonly SampleElement[] = [...PATIENT, [0x00091001, "UT", Buffer.alloc(40 * 1024 * 1024, 32)]];
    const items = await readHere(dicomOf(bomb, "deflated"), { inflatedBytesMax: 1024 * 1024 });
    expect(unreadOf(items)).toEqual([": over_budget"]);
  });

  test("sequences within sequences without end end at a depth", async () => {
    const deep = Array.from({ length: 200 }).reduce<readonly SampleElement[]>(
      (inner) => [[0x00081111, "SQ", [inner]]],
      [[0x00100010, "PN", "SAMPLE^ANNA"]],
    );
    expect(unreadOf(await readHere(dicomOf(deep)))).toEqual([": over_budget"]);
  });
});
