/** Documents and archives as other programs write them: what they hold is read, or told as unread for the true reason. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peers } from "../../../test/support/peers.ts";
import { readHere } from "./extraction.samples.ts";
import { pdfOf, textAt } from "./pdf.samples.ts";

const NOTE = "MRN 00482913 has diabetes";
const folder = mkdtempSync(join(tmpdir(), "postern-others-"));
const path = (name: string): string => join(folder, name);
const run = (program: string, ...args: readonly string[]): void => {
  execFileSync(`/usr/bin/${program}`, args, { cwd: folder, stdio: "ignore", timeout: 20_000 });
};

beforeAll(() => {
  // Long enough to be worth compressing.
  writeFileSync(path("note.txt"), `${NOTE}\n`.repeat(200));
  writeFileSync(path("plain.txt"), "The meeting is at nine.");
  writeFileSync(
    path("plain.pdf"),
    pdfOf({ pages: [textAt(72, 700, `${NOTE}, and more words than a stamp would have.`)] }),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Whether the note was found, and what was not read. */
async function readFile(name: string): Promise<readonly [boolean, readonly string[]]> {
  const items = await readHere(readFileSync(path(name)));
  const texts = items.map((item) => ("text" in item ? item.text : item.kind === "file" ? item.bytes.toString() : ""));
  const unread = items.flatMap((item) => (item.kind === "unread" ? [`${item.place}: ${item.reason}`] : []));
  return [texts.some((text) => text.includes(NOTE)), unread];
}

const pdf = peers("qpdf");
describe.skipIf(pdf.areMissing)(`PDF by qpdf${pdf.note}`, () => {
  test.each<[string, readonly string[], boolean, readonly string[]]>([
    ["streams of objects and of references", ["--object-streams=generate"], true, []],
    ["written for the web", ["--linearize"], true, []],
    ["both", ["--linearize", "--object-streams=generate"], true, []],
    ["without compression", ["--qdf"], true, []],
    ["encrypted, with a password for changes only", ["--encrypt", "", "x", "256", "--"], true, []],
    ["the same as in PDF 1.6", ["--encrypt", "", "x", "128", "--use-aes=y", "--"], true, []],
    ["the same as in PDF 1.4", ["--allow-weak-crypto", "--encrypt", "", "x", "128", "--"], true, []],
    ["the same as in PDF 1.1", ["--allow-weak-crypto", "--encrypt", "", "x", "40", "--"], true, []],
    [
      "the same with all of these",
      ["--linearize", "--object-streams=generate", "--encrypt", "", "x", "256", "--"],
      true,
      [],
    ],
    ["encrypted with a password for reading", ["--encrypt", "y", "x", "256", "--"], false, [": encrypted"]],
    ["with a file within", ["--add-attachment", "note.txt", "--"], true, []],
  ])("%s", async (_, flags, found, unread) => {
    run("qpdf", ...flags, "plain.pdf", "out.pdf");
    expect(await readFile("out.pdf")).toEqual([found, unread]);
  });
});

const archives = peers("zip");
describe.skipIf(archives.areMissing)(`archives by zip and 7z${archives.note}`, () => {
  test.each<[string, readonly (readonly string[])[], boolean, readonly string[]]>([
    [
      "an entry with a password beside a plain one",
      [
        ["zip", "-qeP", "x", "a.zip", "note.txt"],
        ["zip", "-q", "a.zip", "plain.txt"],
      ],
      false,
      ["1: encrypted"],
    ],
    [
      "the other way round",
      [
        ["zip", "-qeP", "x", "a.zip", "plain.txt"],
        ["zip", "-q", "a.zip", "note.txt"],
      ],
      true,
      ["1: encrypted"],
    ],
    ["sizes behind the entries", [["zip", "-q", "-fd", "a.zip", "note.txt"]], true, []],
    ["ZIP64", [["zip", "-q", "-fz", "a.zip", "note.txt"]], true, []],
    ["stored", [["zip", "-q0", "a.zip", "note.txt"]], true, []],
    ["AES", [["7z", "a", "-tzip", "-mem=AES256", "-px", "a.zip", "note.txt"]], false, ["1: encrypted"]],
    ["deflate64", [["7z", "a", "-tzip", "-mm=Deflate64", "a.zip", "note.txt"]], false, ["1: unsupported_type"]],
    ["LZMA", [["7z", "a", "-tzip", "-mm=LZMA", "a.zip", "note.txt"]], false, ["1: unsupported_type"]],
    ["7z", [["7z", "a", "-t7z", "a.zip", "note.txt"]], false, [": unsupported_type"]],
    ["bzip2", [["7z", "a", "-tbzip2", "a.zip", "note.txt"]], false, [": unsupported_type"]],
    ["xz", [["7z", "a", "-txz", "a.zip", "note.txt"]], false, [": unsupported_type"]],
    ["gzip", [["7z", "a", "-tgzip", "a.zip", "note.txt"]], true, []],
    ["tar", [["7z", "a", "-ttar", "a.zip", "note.txt"]], true, []],
  ])("%s", async (_, commands, found, unread) => {
    rmSync(path("a.zip"), { force: true });
    for (const [program = "", ...args] of commands) run(program, ...args);
    expect(await readFile("a.zip")).toEqual([found, unread]);
  });
});
