import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, runDlp } from "../../../../test/support/dlp-command.ts";
import { splitOf } from "../../dlp/labelled-set.ts";

const PHI = "MRN 00482913, hemoglobin 9.1, metformin";
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-eval-"));
  for (const [label, name, text] of [
    ["phi", "a.eml", `Subject: x\r\n\r\n${PHI}`],
    ["phi", "b.eml", "Subject: x\r\n\r\nnothing here"],
    ["clean", "c.eml", "Subject: x\r\n\r\nhello"],
    ["clean", "d.txt", PHI],
    ["clean", "e.zip", "PK\x03\x04xxxxxxxx"],
  ] as const) {
    mkdirSync(join(folder, "mails", label), { recursive: true });
    writeFileSync(join(folder, "mails", label, name), text, "latin1");
  }
  const spans = [
    { type: "MEDICAL_RECORD_NUMBER", value: "00482913", start: 4 },
    { type: "ACCOUNT_NUMBER", value: "9.1", start: 25 },
    { type: "NAME", value: "metformin", start: 30 },
  ];
  const rows = [
    { id: "r1", label: "phi", text: PHI, spans },
    { id: "r2", label: "clean", raw: "Subject: caf\xe9\r\n\r\nhello", spans: null },
  ];
  const lines = rows.map((row) => JSON.stringify(row)).join("\n");
  writeFileSync(join(folder, "rows.jsonl"), lines);
  writeFileSync(join(folder, "none.jsonl"), "\n");
  writeFileSync(join(folder, "packed.jsonl.gz"), gzipSync(lines));
  writeFileSync(join(folder, "bad.jsonl"), '{"id": "r1", "label": "phi", "text": "x"}\n{"id": "r2"}\n');
  writeFileSync(join(folder, "records.tar.gz"), gzipSync(tarOf({ "one.txt": PHI, "two.txt": "hello" })));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** ustar: name, size in octal, type "0", content in blocks of 512 bytes. */
function tarOf(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, text]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(text.length.toString(8).padStart(11, "0"), 124);
    header.write("0", 156);
    return [header, Buffer.concat([Buffer.from(text)], 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

describe("dlp eval", () => {
  test("counts verdicts by label, and names what is wrong by file only", async () => {
    const { output, error } = await runDlp("eval", "--json", "--list", join(folder, "mails"));
    expect(error).toBeNull();
    const lines = jsonLines(output);
    expect(lines.filter(({ kind }) => kind === "messages")).toEqual([
      { kind: "messages", set: "mails", label: "clean", rows: 3, phi: 1, uninspectable: 1, protected: 0, clean: 1 },
      { kind: "messages", set: "mails", label: "phi", rows: 2, phi: 1, uninspectable: 0, protected: 0, clean: 1 },
    ]);
    const mistakes = lines.filter(({ kind }) => kind === "mistake").map(({ id, wrong }) => [id, wrong]);
    expect(mistakes).toEqual([
      ["d.txt", "flagged"],
      ["e.zip", "uninspectable"],
      ["b.eml", "missed"],
    ]);
    expect(output).not.toContain("00482913");
    expect(output).not.toContain("metformin");
  });

  test.each(["rows.jsonl", "packed.jsonl.gz"])("counts marked identifiers by type in %s", async (name) => {
    const { output } = await runDlp("eval", "--json", join(folder, name));
    const found = jsonLines(output).filter(({ kind }) => kind === "identifiers");
    expect(found.map(({ type, values, found: count }) => [type, values, count])).toEqual([
      ["MEDICAL_RECORD_NUMBER", 1, 1],
      ["ACCOUNT_NUMBER", 1, 0],
      // A list of words is no detector of names.
      ["NAME", 1, 0],
      ["structured, all", 2, 1],
    ]);
  });

  test("a value of which a digit is not covered is not found", async () => {
    const spans = [{ type: "MEDICAL_RECORD_NUMBER", value: "00482913 / 7", start: 4 }];
    writeFileSync(
      join(folder, "half.jsonl"),
      JSON.stringify({ id: "h", label: "phi", text: "MRN 00482913 / 7", spans }),
    );
    const { output } = await runDlp("eval", "--json", join(folder, "half.jsonl"));
    expect(jsonLines(output).find(({ kind }) => kind === "identifiers")).toMatchObject({ values: 1, found: 0 });
  });

  test("takes a whole archive for one label", async () => {
    const { output } = await runDlp("eval", "--json", `phi=${join(folder, "records.tar.gz")}`);
    expect(jsonLines(output)).toEqual([
      { kind: "messages", set: "records", label: "phi", rows: 2, phi: 1, uninspectable: 0, protected: 0, clean: 1 },
    ]);
  });

  test("shows people a table", async () => {
    const { output } = await runDlp("eval", "--list", join(folder, "rows.jsonl"));
    expect(output).toMatch(/^SET +LABEL +MESSAGES +PHI +UNINSPECTABLE\nrows +phi +1 +1 \(100\.00 %\)/);
    expect(output).toMatch(/\nrows +r1 +phi +unfound +.*ACCOUNT_NUMBER\n/);
  });

  test("each half takes the ids of its hash, and both together are everything", async () => {
    const ids = ["a.eml", "b.eml", "c.eml", "d.txt", "e.zip"];
    for (const half of ["dev", "test"] as const) {
      const { output } = await runDlp("eval", "--json", "--split", half, join(folder, "mails"));
      const rows = jsonLines(output === "" ? '{"rows":0}' : output).reduce(
        (sum, { rows: count }) => sum + Number(count),
        0,
      );
      expect(rows).toBe(ids.filter((id) => splitOf(id) === half).length);
    }
    const many = Array.from({ length: 1_000 }, (_, n) => splitOf(`mail-${n}`));
    expect(Math.abs(many.filter((half) => half === "dev").length - 500)).toBeLessThan(50);
    expect(ids.map(splitOf)).toEqual(["dev", "test", "test", "test", "test"]);
  });

  test.each([
    ["a file that is no set", "mails/clean/d.txt", 2],
    ["a folder without labels", "mails/clean", 2],
    ["a path that is not there", "nowhere.jsonl", 2],
    ["a set without a message", "none.jsonl", 2],
  ])("%s is wrong usage", async (_, path, exitCode) => {
    const { error } = await runDlp("eval", join(folder, path));
    expect(error).toMatchObject({ exitCode });
  });

  test("a row that is none is named by its line", async () => {
    const { error } = await runDlp("eval", join(folder, "bad.jsonl"));
    expect(String(error)).toContain("bad.jsonl:2 is no labelled row");
  });
});

describe("dlp bench", () => {
  test("gives speed and latency of the texts given", { timeout: 60_000 }, async () => {
    const { output, error } = await runDlp("bench", "--json", join(folder, "rows.jsonl"));
    expect(error).toBeNull();
    const [figures] = jsonLines(output);
    expect(Object.keys(figures ?? {})).toEqual([
      "text_mb",
      "mb_per_s",
      "mail_bytes",
      "mails",
      "p50_ms",
      "p99_ms",
      "max_ms",
      "core_p50_ms",
      "core_p99_ms",
    ]);
  });

  test("measures a few bytes too, and nothing is nothing to measure with", { timeout: 60_000 }, async () => {
    writeFileSync(join(folder, "few.jsonl"), '{"id": "r1", "label": "clean", "text": "x"}');
    const { output } = await runDlp("bench", "--json", join(folder, "few.jsonl"));
    expect(jsonLines(output)[0]).toMatchObject({ mb_per_s: expect.any(Number) as number });
    writeFileSync(join(folder, "empty.txt"), "");
    const { error } = await runDlp("bench", `clean=${join(folder, "empty.txt")}`);
    expect(error).toMatchObject({ exitCode: 2 });
  });
});
