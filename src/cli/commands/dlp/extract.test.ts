import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runDlp } from "../../../../test/support/dlp-command.ts";
import { zipOf } from "../../../parts/extraction/zip.samples.ts";
import { Finding } from "../../cli-error.ts";

const TEXTS = ["Anna", "00482913", "diabetes", "report"];
let folder = "";
let file = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-extract-"));
  file = join(folder, "a.eml");
  const zip = zipOf([
    { name: "report.txt", content: "MRN 00482913" },
    { name: "picture.7z", content: Buffer.from("377abcaf271c0000", "hex") },
  ]);
  const parts = [
    "--b\r\n\r\nAnna has diabetes\r\n",
    `--b\r\nContent-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n${zip.toString("base64")}\r\n--b--\r\n`,
  ];
  writeFileSync(file, `Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${parts.join("")}`);
});
afterAll(() => rmSync(folder, { recursive: true }));

test("every text is told by its place, kind and length, and what is unread or misdeclared, and no text", async () => {
  const { output, error } = await runDlp("extract", "--json", file);
  expect(error).toBeInstanceOf(Finding);
  const read = JSON.parse(output) as { readonly texts: readonly Record<string, unknown>[] };
  expect(read).toMatchObject({ file, unread: [{ part: "2>2", reason: "unsupported_type" }], misdeclared: ["2"] });
  const start = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n".length;
  expect(read.texts).toContainEqual({
    n: expect.any(Number),
    part: "1",
    kind: "body",
    message: 0,
    chars: 17,
    lines: 1,
    marked: [],
    source: { start, end: start + 17 },
  });
  expect(read.texts).toContainEqual(expect.objectContaining({ part: "2>1", kind: "body", chars: 12, source: null }));
  expect(read.texts).toContainEqual(expect.objectContaining({ part: "2>1:filename", kind: "filename" }));
  for (const text of TEXTS) expect(output).not.toContain(text);
});

test("people get a table of the same", async () => {
  const { output } = await runDlp("extract", file);
  expect(output).toMatch(/not read: part 2>2, unsupported_type\npart 2 is of another kind than its name or type says/);
  expect(output).toMatch(/\n *\d+ +1 +body +0 +17 +1 +- +\d+-\d+\n/);
  for (const text of TEXTS) expect(output).not.toContain(text);
});

test("a file that is read whole ends well", async () => {
  const plain = join(folder, "b.txt");
  writeFileSync(plain, "hello");
  expect((await runDlp("extract", plain)).error).toBeNull();
});

test.each([
  ["a pipe", []],
  ["a program", ["--json"]],
])("the texts are not revealed to %s", async (_, more) => {
  const { output, error } = await runDlp("extract", file, "--reveal", "--reason", "a look", ...more);
  expect(output).toBe("");
  expect(error).toMatchObject({ exitCode: 2 });
});
