/** Documents before Office 2007 and TNEF against programs others wrote: whatever they show of a file, our readers say too. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readHere, readText } from "../../src/parts/extraction/extraction.samples.ts";
import { madeFile } from "../../src/parts/extraction/office-97.samples.ts";
import { lzfuOf, tnefOf } from "../../src/parts/extraction/outlook.samples.ts";
import { peers, run } from "../support/peers.ts";

const needed = peers("antiword", "catdoc", "tnef");

describe.skipIf(needed.areMissing)(`beside other readers${needed.note}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-office-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function shownBy(program: string, args: readonly string[], bytes: Buffer): Promise<readonly string[]> {
    const file = join(folder, "file");
    writeFileSync(file, bytes);
    const { stdout } = await run(program, [...args, file]);
    const words =
      Buffer.from(stdout, "latin1")
        .toString("utf8")
        .match(/[\p{L}\p{N}]{2,}/gu) ?? [];
    return [...new Set(words)];
  }

  test.each<[string, string, readonly string[], Buffer, number]>([
    ["antiword shows of a document", "antiword", ["-m", "UTF-8.txt"], madeFile("letter.doc"), 25],
    ["catdoc shows of a document", "catdoc", ["-d", "utf-8"], madeFile("letter.doc"), 20],
    ["xls2csv shows of a workbook", "xls2csv", ["-d", "utf-8", "-x"], madeFile("visits.xls"), 10],
  ])("all that %s is read", async (_, program, args, bytes, least) => {
    const shown = await shownBy(program, args, bytes);
    expect(shown.length).toBeGreaterThanOrEqual(least);
    const { text } = await readText(bytes);
    // xls2csv shows this date as its number.
    expect(shown.filter((word) => !text.includes(word) && word !== "18297")).toEqual([]);
  });

  test("tnef takes the same rich text and attachment out of a winmail.dat", async () => {
    const rtf = String.raw`{\rtf1\ansi MRN {\b 00482913} has diabetes}`;
    const content = Buffer.from("MRN 00482914");
    const properties = [
      [0x3707, "paper.txt"],
      [0x3705, 1],
      [0x3701, content],
    ] as const;
    const bytes = tnefOf({ properties: [[0x1009, lzfuOf(rtf)]], attachments: [{ properties }] });
    const file = join(folder, "winmail.dat");
    writeFileSync(file, bytes);
    const { exitCode } = await run("tnef", ["--save-body", "-C", folder, file]);
    expect(exitCode).toBe(0);
    const [mail] = (await readHere(bytes)).flatMap((item) => (item.kind === "file" ? [item.bytes.toString()] : []));
    for (const name of ["message.rtf", "paper.txt"]) expect(mail).toContain(readFileSync(join(folder, name), "utf8"));
    expect(readFileSync(join(folder, "message.rtf"), "utf8")).toBe(rtf);
  });
});
