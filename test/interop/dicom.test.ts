/** DICOM files as DCMTK writes them: every transfer syntax, a directory, other character sets. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readHere } from "../../src/parts/extraction/extraction.samples.ts";
import { peers } from "../support/peers.ts";

const needed = peers("dcmtk");
const DUMP = [
  "(0008,0005) CS [ISO_IR 192]",
  "(0008,0016) UI =SecondaryCaptureImageStorage",
  "(0008,0018) UI [1.2.3.4.5]",
  "(0008,0020) DA [20240105]",
  "(0008,0030) TM [101010]",
  "(0008,0050) SH [ACC4829130]",
  "(0008,0060) CS [OT]",
  "(0008,1030) LO [MRI brain]",
  "(0009,0010) LO [ACME 1.1]",
  "(0009,1001) LO [private remark]",
  "(0010,0010) PN [Größer^Anna]",
  "(0010,0020) LO [00482913]",
  "(0010,0030) DA [19610314]",
  "(0020,000d) UI [1.2.3.4]",
  "(0020,000e) UI [1.2.3.4.6]",
  "(0020,0010) SH [S1]",
  "(0020,0011) IS [1]",
  "(0020,0013) IS [1]",
  "(0040,0275) SQ (Sequence with undefined length)",
  "(fffe,e000) na (Item with undefined length)",
  "(0040,0007) LO [Biopsy of left breast]",
  "(fffe,e00d) na",
  "(fffe,e0dd) na",
];
const PIXELS = [
  "(0028,0002) US 1",
  "(0028,0004) CS [MONOCHROME2]",
  "(0028,0010) US 2",
  "(0028,0011) US 2",
  "(0028,0100) US 8",
  "(0028,0101) US 8",
  "(0028,0102) US 7",
  "(0028,0103) US 0",
  "(7fe0,0010) OB 01\\02\\03\\04",
];

describe.skipIf(needed.areMissing)(`DCMTK${needed.note}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-dicom-"));
  const run = (program: string, ...args: readonly string[]): void =>
    void execFileSync(`/usr/bin/${program}`, args, { cwd: folder, stdio: "ignore" });
  const read = (name: string) => readHere(readFileSync(join(folder, name)));
  const WANTED = [
    "DICOM record of a patient",
    "Accession Number: ACC4829130",
    "private remark",
    "Patient Name: Anna Größer",
    "Patient ID: 00482913",
    "Date of birth: 1961-03-14",
    "Procedure: Biopsy of left breast",
  ];

  beforeAll(() => {
    writeFileSync(join(folder, "text.dump"), DUMP.join("\n"));
    writeFileSync(join(folder, "image.dump"), [...DUMP, ...PIXELS].join("\n"));
    run("dump2dcm", "text.dump", "text.dcm");
    run("dump2dcm", "image.dump", "image.dcm");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(["+te", "+ti", "+tb", "+td", "-F +te", "-F +ti", "-F +tb"])("dcmconv %s", async (flags) => {
    run("dcmconv", ...flags.split(" "), "text.dcm", "other.dcm");
    const items = await read("other.dcm");
    expect(items.filter(({ kind }) => kind === "unread")).toEqual([]);
    const [text] = items.flatMap((item) => (item.kind === "text" ? [item.text.split("\n")] : []));
    for (const line of WANTED) expect(text).toContain(line);
  });

  test("a picture is told, also where it is compressed", async () => {
    run("dcmcrle", "image.dcm", "rle.dcm");
    for (const name of ["image.dcm", "rle.dcm"]) {
      expect(await read(name)).toContainEqual({ kind: "unread", place: "", reason: "unsupported_type" });
    }
  });

  test("a directory of files (DICOMDIR) tells whose they are", async () => {
    mkdirSync(join(folder, "A"));
    run("dcmconv", "+te", "image.dcm", "A/I1");
    run("dcmgpdir", "+I", "+Nrs", "-Nxc", "A/I1");
    expect(await read("DICOMDIR")).toEqual([
      {
        kind: "text",
        place: "",
        text: expect.stringMatching(/^DICOM record of a patient\n[^]*Patient Name: Anna Größer\n/),
      },
    ]);
  });
});
