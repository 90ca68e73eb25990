import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runDlp } from "../../../../test/support/dlp-command.ts";
import { CliError } from "../../cli-error.ts";

const CSV = "Pat;Name;DOB;Ward\n10001;Smith, Anna;04.03.1962;7\n10002;Long, Bob;30.5.1990;8\n";
let folder = "";
const file = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-edm-"));
  writeFileSync(file("p.csv"), CSV);
  writeFileSync(file("latin1.csv"), Buffer.from("Name;DOB\nNu\u00f1ez, Anna;04.03.1962\n", "latin1"));
  writeFileSync(file("key"), "0f".repeat(32), { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const key = (name = "key"): readonly [string, string] => ["--key", `file:${file(name)}`];
const build = (csv: string, ...more: readonly string[]) =>
  runDlp("edm", "build", file(csv), "--out", file("p.edm"), ...key(), ...more);

describe("dlp edm", () => {
  test("build tells what it took and what it left out, show and verify tell the same", async () => {
    const { output, error } = await build("p.csv", "--dates", "dmy", "--column", "Pat=mrn");
    expect(error).toBeNull();
    expect(output).toContain("2 rows");
    expect(output).toContain("left out: Ward");
    const shown = await runDlp("edm", "show", "--json", file("p.edm"));
    expect(JSON.parse(shown.output)).toMatchObject({
      rows: 2,
      fields: ["name", "surname", "birth_date", "mrn"],
      columns: [{ heading: "Pat", kind: "mrn", values: 2 }, { heading: "Name" }, { heading: "DOB", unreadable: 0 }],
    });
    expect((await runDlp("edm", "verify", file("p.edm"), ...key())).output).toContain("sound; 2 rows");
    expect(`${output}${shown.output}`).not.toMatch(/smith|anna|10001|1962/i);
  });

  test("dates that fit no order given are refused by their column, and nothing is written", async () => {
    rmSync(file("p.edm"), { force: true });
    const { error, output } = await build("p.csv", "--column", "Pat=mrn");
    expect(error).toBeInstanceOf(CliError);
    expect((error as CliError).lines).toEqual([`${file("p.csv")}: DOB: 1 of 2 cells are no birth_date`]);
    expect(output).toBe("");
    expect(readdirSync(folder)).not.toContain("p.edm");
  });

  test("a file in another encoding is refused until the encoding is told", async () => {
    expect((await build("latin1.csv", "--dates", "dmy")).error).toMatchObject({
      message: expect.stringContaining("is not in this encoding") as string,
    });
    expect((await build("latin1.csv", "--dates", "dmy", "--encoding", "windows-1252")).error).toBeNull();
  });

  test("a key others may read is refused", async () => {
    writeFileSync(file("open"), "0f".repeat(32));
    chmodSync(file("open"), 0o640);
    const { error } = await runDlp("edm", "verify", file("p.edm"), ...key("open"));
    expect(error).toMatchObject({ message: expect.stringMatching(/PST-EDM-006 .* chmod 0600/) as string });
  });

  test.each([
    ["a key written out", ["verify", "x.edm", "--key", "0f0f"], "PST-EDM-006"],
    ["no index", ["show", "nowhere.edm"], "PST-EDM-001"],
    ["no CSV", ["build", "nowhere.csv", "--out", "x", "--key", "env:K"], "PST-EDM-004"],
  ])("%s is an error with a code and a next step", async (_, args, code) => {
    const { error } = await runDlp("edm", ...args);
    expect(error).toBeInstanceOf(CliError);
    expect((error as CliError).message).toContain(code);
    expect((error as CliError).next).not.toBe("");
  });

  test("a file that cannot be read is wrong usage, one that is no index is not", async () => {
    expect((await runDlp("edm", "show", file("nowhere.edm"))).error).toMatchObject({ exitCode: 2 });
    expect((await runDlp("edm", "verify", file("nowhere.edm"), ...key())).error).toMatchObject({ exitCode: 2 });
    expect((await runDlp("edm", "show", file("p.csv"))).error).toMatchObject({ exitCode: 1 });
  });
});
