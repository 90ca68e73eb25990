/** Pictures of words through the whole stage, read by Tesseract under bubblewrap. */
import { afterAll, describe, expect, test } from "vitest";
import { peers } from "../../../test/support/peers.ts";
import type { Findings } from "../../core/findings.ts";
import { packageOf, paragraph, run, wordPart } from "../../parts/extraction/package.samples.ts";
import { pdfOf } from "../../parts/extraction/pdf.samples.ts";
import { bitmapOf, pngOf } from "../../parts/extraction/picture.samples.ts";
import { zipOf } from "../../parts/extraction/zip.samples.ts";
import { base64, inspectMail, mixed, startReaders } from "./inspect-mails.suite.ts";

const needed = peers("tesseract");
const PACK = `
version: 1
pack: test
detectors: [{ id: t.word, type: dictionary, classes: [health], terms: [diabetes] }]
rules: [{ id: t.rule, action: protect, when: { class: health } }]
`;
const pictures = {
  command: ["/usr/bin/tesseract", "-", "-", "-l", "eng"],
  dataDir: null,
  timeMsMax: 20_000,
  memoryBytesMax: 1024 * 1024 * 1024,
  pixelsMax: 30_000_000,
  processesMax: 1,
} as const;
const extraction = startReaders({ readersMax: 1, pictures });
afterAll(() => extraction.close());

function attach(bytes: Buffer, type = "application/octet-stream", picturesMax = 10): Promise<Findings> {
  const part = [`Content-Type: ${type}`, "Content-Transfer-Encoding: base64", "", base64(bytes)];
  return inspectMail(mixed([["", "Hello."], part]), {
    pack: PACK,
    options: { picturesMax },
    extract: (request) => extraction.extract(request),
  });
}
const found = ({ findings }: Findings): readonly string[] => findings.map(({ part }) => part);

describe.skipIf(needed.areMissing)(`the text of a picture is found${needed.note}`, () => {
  const { width, height, rows } = bitmapOf("DIABETES");
  const page = "q 300 0 0 100 50 600 cm /Im1 Do Q";
  const png = pngOf("DIABETES");
  test.each<[string, Buffer, string, string]>([
    ["in a mail", png, "image/png", "2"],
    ["in a mail, however small", pngOf("DIABETES", 0), "image/png", "2"],
    ["in an archive", zipOf([{ name: "a.png", content: png }]), "application/zip", "2>1"],
    [
      "in a document",
      packageOf({ "word/document.xml": wordPart("document", paragraph(run("hello"))), "word/media/image1.png": png }),
      "application/octet-stream",
      "2>3",
    ],
    [
      "on the page of a PDF file",
      pdfOf({ pages: [page], picture: { width, height, grey: Buffer.concat(rows) } }),
      "application/pdf",
      "2>page1",
    ],
  ])("%s", async (_, bytes, type, part) => {
    const findings = await attach(bytes, type);
    expect(findings).toMatchObject({ verdict: "phi", uninspectable: [] });
    expect(found(findings)).toEqual([part]);
  });

  test("and where it says nothing of the kind, the picture counts as read", async () => {
    expect(await attach(pngOf("TRAINS"), "image/png")).toMatchObject({ verdict: "clean", uninspectable: [] });
  });

  test.each<[string, Buffer, number]>([
    ["one without a word", pngOf("   "), 10],
    ["one beyond those that are read", png, 0],
  ])("%s is uninspectable as before", async (_, bytes, picturesMax) => {
    expect(await attach(bytes, "image/png", picturesMax)).toMatchObject({
      verdict: "uninspectable",
      uninspectable: [{ part: "2", reason: "unsupported_type" }],
    });
  });

  test("a page drawn as shapes stays a page without text", async () => {
    const shapes = pdfOf({ pages: ["0 0 m 100 100 l 50 70 l f"] });
    expect((await attach(shapes, "application/pdf")).uninspectable).toEqual([{ part: "2", reason: "image_only" }]);
  });
});
