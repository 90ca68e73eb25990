import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, runDlp } from "../../../test/support/dlp-command.ts";
import { runCli } from "../../../test/support/child-gateway.ts";
import { run } from "../../../test/support/peers.ts";
import { canBeOthers, PEOPLE } from "../../../test/support/people.ts";
import { zipOf } from "../../parts/extraction/zip.samples.ts";
import { CliError, Finding } from "../cli-error.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-dlp-"));
  mkdirSync(join(folder, "mails", "inner"), { recursive: true });
  writeFileSync(join(folder, "mails", "b.eml"), "Subject: x\r\n\r\nhello");
  writeFileSync(join(folder, "mails", "a.eml"), "Subject: x\r\n\r\nMRN 00482913, hemoglobin 9.1, metformin");
  writeFileSync(join(folder, "mails", "inner", "c.txt"), "hello");
  writeFileSync(join(folder, "broken.yaml"), "version: 1\npack: p\nrules: []\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("dlp scan", () => {
  test("prints one JSON line a message, folders in order of name, and reports a finding", async () => {
    const { output, error } = await runDlp("scan", "--json", join(folder, "mails"));
    const rows = jsonLines(output);
    const file = (name: string): string => join(folder, "mails", name);
    expect(rows).toEqual([
      {
        file: file("a.eml"),
        verdict: "phi",
        tier: "low",
        rules: ["phi.identifier_plus_health", "phi.record_number_plus_health", "phi.weighed"],
        unread: [],
      },
      { file: file("b.eml"), verdict: "clean", tier: "none", rules: [], unread: [] },
      { file: file("inner/c.txt"), verdict: "clean", tier: "none", rules: [], unread: [] },
    ]);
    expect(error).toBeInstanceOf(Finding);
  });

  test("ends well when everything is clean, and shows a table to people", async () => {
    const { output, error } = await runDlp("scan", join(folder, "mails", "b.eml"));
    expect(output).toMatch(/^FILE +VERDICT +TIER +RULES +UNREAD\n.*b\.eml +clean +none\n$/);
    expect(error).toBeNull();
  });

  test("reads archives in processes of its own, names what stays unread, and ends", async () => {
    const phi = "Patient John Smith, MRN: 48210377, was diagnosed with type 2 diabetes.";
    const locked = { name: "b.txt", content: "x", flags: 1 };
    writeFileSync(join(folder, "a.zip"), zipOf([{ name: "a.txt", content: phi }, locked]));
    const cli = resolve(import.meta.dirname, "../cli.ts");
    const { exitCode, stdout, stderr } = await run(process.execPath, [
      cli,
      "dlp",
      "scan",
      "--json",
      join(folder, "a.zip"),
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ verdict: "phi", unread: ["1>2: encrypted"] });
  });

  test.skipIf(!canBeOthers)("what cannot be read is told and keeps nothing else from being judged", async () => {
    const closed = join(folder, "closed");
    mkdirSync(join(closed, "inner"), { recursive: true, mode: 0o755 });
    chmodSync(folder, 0o711);
    writeFileSync(join(closed, "a.eml"), "Subject: x\r\n\r\nhello", { mode: 0o600 });
    writeFileSync(join(closed, "z.eml"), "Subject: x\r\n\r\nhello", { mode: 0o644 });
    chmodSync(join(closed, "inner"), 0o700);
    const { code, output } = await runCli(["dlp", "scan", "--json", closed], PEOPLE.vera);
    const rows = jsonLines(output) as readonly { file: string; verdict: string; unread: readonly string[] }[];
    expect(rows.map(({ file, verdict, unread }) => [basename(file), verdict, unread])).toEqual([
      ["a.eml", "uninspectable", ["message: unreadable"]],
      ["inner", "uninspectable", ["message: unreadable"]],
      ["z.eml", "clean", []],
    ]);
    expect(code).toBe(1);
  });

  test.skipIf(!canBeOthers).each([
    [["eval"], "PST-INS-003"],
    [["edm", "build", "--out", "x.edm", "--key", "env:NONE"], "PST-EDM-004"],
    [["dict", "build", "--out", "x.dict", "--source", "xx", "--licence", "xx"], "PST-INS-020"],
  ])("%j says with a code that its source is closed to it", async (command, code) => {
    const shut = join(folder, "shut");
    mkdirSync(shut, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o711);
    const { output } = await runCli(["dlp", ...command, shut], PEOPLE.vera);
    expect(output).toContain(`postern: ${code} ${shut} cannot be read`);
  });

  test("a folder without files is told", async () => {
    mkdirSync(join(folder, "empty"));
    const { output, complaints, error } = await runDlp("scan", "--json", join(folder, "empty"));
    expect([output, error]).toEqual(["", null]);
    expect(complaints).toContain("no file to look at");
  });

  test("a path that is not there is wrong usage", async () => {
    const { output, error } = await runDlp("scan", "--json", join(folder, "mails"), join(folder, "nowhere"));
    expect(error).toBeInstanceOf(CliError);
    expect((error as CliError).exitCode).toBe(2);
    expect(output).toBe("");
  });
});

test.each([
  ["scan", []],
  ["explain", []],
  ["replay", ["--against", "us-hipaa.yaml"]],
])("%s tells a pack that does not load from a finding by its exit code", async (verb, more) => {
  const options = ["--pack", join(folder, "broken.yaml"), ...more];
  const { error } = await runDlp(verb, ...options, join(folder, "mails", "b.eml"));
  expect(error).toMatchObject({ exitCode: 2 });
});

describe("dlp check", () => {
  test("says what a good pack holds", async () => {
    const pack = new URL("../../../config/dlp/us-hipaa.yaml", import.meta.url).pathname;
    const { output, error } = await runDlp("check", pack);
    expect(error).toBeNull();
    expect(output).toMatch(/us-hipaa\.yaml: valid; \d+ detectors, \d+ rules, \d+ tests passed/);
  });

  test("tells programs of each pack what it holds or every error with its place", async () => {
    const pack = new URL("../../../config/dlp/financial.yaml", import.meta.url).pathname;
    const { output, error } = await runDlp("check", "--json", join(folder, "broken.yaml"), pack);
    expect(error).toBeInstanceOf(Finding);
    const rows = jsonLines(output);
    expect(rows.at(0)).toMatchObject({ file: join(folder, "broken.yaml"), line: 3, path: "rules" });
    expect(rows.at(-1)).toMatchObject({ file: pack, pack: "financial" });
  });

  test("prints every error with its place", async () => {
    const { error } = await runDlp("check", join(folder, "broken.yaml"));
    expect((error as CliError).lines.length).toBeGreaterThan(0);
    expect((error as CliError).lines[0]).toContain("broken.yaml:");
    expect((error as CliError).message).toContain("PST-INS-001");
  });
});
