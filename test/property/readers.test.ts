/**
 * Files of every format the readers know, damaged anywhere: reading ends within its budget, never throws, tells places of its own only, and a
 * file that is cut or changed is not made of more text than the budget allows. The process around the readers is not needed for it.
 */
import { gzipSync, zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compoundOf } from "../../src/parts/extraction/compound.samples.ts";
import { dataSetOf, dicomOf, PATIENT, PIXELS } from "../../src/parts/extraction/dicom.samples.ts";
import { readHere } from "../../src/parts/extraction/extraction.samples.ts";
import { msgOf, tnefOf } from "../../src/parts/extraction/outlook.samples.ts";
import type { SampleMessage } from "../../src/parts/extraction/outlook.samples.ts";
import { docx, paragraph, row, run, xlsx } from "../../src/parts/extraction/package.samples.ts";
import { pdfOf, textAt } from "../../src/parts/extraction/pdf.samples.ts";
import { zipOf } from "../../src/parts/extraction/zip.samples.ts";
import { damage, damaged, fuzz, FUZZ_TIMEOUT_MS } from "../support/fuzz.ts";

const TEXT = "MRN 00482913 has diabetes";
const MESSAGE: SampleMessage = { properties: [[0x1000, TEXT]] };
const CHARS_MAX = 20_000;
const BUDGETS = {
  textCharsMax: CHARS_MAX,
  timeMsMax: 2_000,
  inflatedBytesMax: 4 * 1024 * 1024,
  archiveEntriesMax: 100,
  picturesMax: 2,
};
/** One header block by hand: name, size and checksum in octal. */
function tarOf(name: string, content: string): Buffer {
  const block = Buffer.alloc(512);
  block.write(name);
  block.write(content.length.toString(8).padStart(11, "0"), 124);
  block.write("        0ustar\u000000", 148);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return Buffer.concat([block, Buffer.from(content.padEnd(512, "\0")), Buffer.alloc(1024)]);
}
const CMS = Buffer.from(
  "30800609" +
    "2a864886f70d010702" +
    "a080" +
    "3080" +
    "020101" +
    "3100" +
    "3080" +
    "0609" +
    "2a864886f70d010701" +
    "a080" +
    "2480" +
    `0419${Buffer.from(TEXT).toString("hex")}` +
    "000000000000" +
    "3100" +
    "00000000" +
    "0000",
  "hex",
);

const SAMPLES: readonly (readonly [string, Buffer])[] = [
  [
    "ZIP",
    zipOf([
      { name: "a.txt", content: TEXT },
      { name: "b.zip", content: zipOf([{ name: "c.txt", content: TEXT }]) },
    ]),
  ],
  ["tar", tarOf("a.txt", TEXT)],
  ["gzip", gzipSync(tarOf("a.txt", TEXT))],
  ["Zstandard", zstdCompressSync(TEXT.repeat(50))],
  ["CMS", CMS],
  ["DICOM", dicomOf([...PATIENT, [0x0040a730, "SQ", [PATIENT, PATIENT]], PIXELS])],
  ["DICOM, implicit", dicomOf([...PATIENT, [0x0040a730, "SQ", [PATIENT, PATIENT]]], "implicit")],
  ["DICOM, deflated", dicomOf(PATIENT, "deflated")],
  ["DICOM without preamble", dataSetOf(PATIENT, "big")],
  ["Word", docx(paragraph(run(TEXT)))],
  ["Excel", xlsx(row("MRN", "Illness") + row("00482913", "diabetes"))],
  ["RTF", Buffer.from(`{\\rtf1\\ansi ${TEXT} {\\*\\generator x}\\par \\u1234? \\'e4}`)],
  ["compound file", compoundOf({ a: TEXT, b: { c: TEXT } })],
  ["Outlook", msgOf(MESSAGE)],
  ["TNEF", tnefOf(MESSAGE)],
];

async function readsWithinBounds(bytes: Buffer): Promise<boolean> {
  const items = await readHere(bytes, BUDGETS);
  const chars = items.reduce((sum, item) => sum + (item.kind === "text" ? item.text.length : 0), 0);
  return chars <= CHARS_MAX && items.every((item) => /^[a-z0-9>:]{0,100}$/.test(item.place));
}

describe("a reader survives whatever is done to its files", () => {
  test.each(SAMPLES)("%s", { timeout: FUZZ_TIMEOUT_MS }, async (_, sample) => {
    expect((await readHere(sample, BUDGETS)).length).toBeGreaterThan(0);
    const property = fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 6 }), (damages) =>
      readsWithinBounds(damaged(sample, damages)),
    );
    expect(fc.defaultReportMessage(await fc.check(property, fuzz(150)))).toBeUndefined();
  });

  // pdf.js takes longer to begin than all others together.
  test("PDF", { timeout: FUZZ_TIMEOUT_MS }, async () => {
    const sample = pdfOf({ pages: [textAt(72, 700, TEXT), "q 9 0 0 9 0 0 cm /Im1 Do Q"], info: "/Title (x)" });
    const property = fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) =>
      readsWithinBounds(damaged(sample, damages)),
    );
    expect(fc.defaultReportMessage(await fc.check(property, fuzz(25)))).toBeUndefined();
  });

  test("any bytes behind any beginning", { timeout: FUZZ_TIMEOUT_MS }, async () => {
    const beginnings = SAMPLES.map(([, sample]) => sample.subarray(0, 160));
    const property = fc.asyncProperty(
      fc.constantFrom(...beginnings),
      fc.uint8Array({ maxLength: 600 }),
      (start, rest) => readsWithinBounds(Buffer.concat([start, rest])),
    );
    expect(fc.defaultReportMessage(await fc.check(property, fuzz(300)))).toBeUndefined();
  });
});
