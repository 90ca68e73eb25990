import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runDlp } from "../../../../test/support/dlp-command.ts";
import { Finding } from "../../cli-error.ts";

const VALUES = ["00482913", "Anna", "Sample", "metformin", "A1c"];
let folder = "";
let file = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-explain-"));
  file = join(folder, "a.eml");
  writeFileSync(file, "Subject: x\r\n\r\nAnna Sample, MRN 00482913, hemoglobin A1c 9.1, metformin");
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the tree tells what each condition counted, and no text of the message", async () => {
  const { output, error } = await runDlp("explain", file);
  expect(error).toBeInstanceOf(Finding);
  expect(output).toContain("a.eml: phi, tier low");
  expect(output).toMatch(
    /us-hipaa\/phi\.record_number_plus_health: holds \(protect, tier low\)\n {2}\[x\] all of\n {4}\[x\] class record_number, confidence 85 or more: 1 of 1 values {2}#\d+\n/,
  );
  expect(output).toMatch(/us-hipaa\/phi\.patient_numbers: does not hold/);
  expect(output).toMatch(/\nfound nothing of what they ask for \(.*\):\n(?:  .*\n)*?  .*us-hipaa\/phi\.health_format/);
  expect(output).toMatch(/\n *\d+ +us\.mrn +85 +1 +body +17 +8 +1:18 +31-39 +[0-9a-f]{16} +level 85\n/);
  for (const value of VALUES) expect(output).not.toContain(value);
});

test("programs get the same as one object, without a text of the message", async () => {
  const { output } = await runDlp("explain", "--json", file);
  const explanation = JSON.parse(output) as Record<string, readonly Record<string, unknown>[]>;
  expect(explanation).toMatchObject({ file, verdict: "phi", tier: "low", findingsLeftOut: 0 });
  const rule = explanation["rules"]?.find((each) => each["rule"] === "phi.identifier_plus_health");
  expect(rule).toMatchObject({
    holds: true,
    when: { kind: "all", conditions: [{ holds: true }, { holds: true }, { holds: true }] },
  });
  const finding = explanation["findings"]?.find((each) => each["detector"] === "us.mrn");
  expect(finding).toMatchObject({ confidence: 85, part: "1", offset: 17, length: 8, dropped: null });
  expect(finding).toMatchObject({ source: { precision: "exact", start: 31, end: 39, line: 1, column: 18 } });
  expect(finding?.["rules"]).toContain("phi.record_number_plus_health");
  for (const value of VALUES) expect(output).not.toContain(value);
});

test("conditions of rules that found nothing are printed when asked for", async () => {
  const { output } = await runDlp("explain", "--all", file);
  expect(output).toMatch(/us-hipaa\/phi\.health_format: does not hold .*\n {2}\[ \] all of\n {4}\[ \] class format/);
  expect(output).not.toContain("found nothing");
});

test("a message that is weighed is a finding without a place, as sure as its condition says", async () => {
  const { output } = await runDlp("explain", file);
  const [, number, sure] = /\n *(\d+) +message\.weighed +(\d+) +\S+ +\S+ +0 +0 +- .* level \2\n/.exec(output) ?? [];
  expect(Number(sure)).toBeGreaterThanOrEqual(63);
  expect(output).toContain(`[x] class weighed, confidence 63 or more: 1 of 1 values  #${number}\n`);
});

test("a sender is told as one, without the address", async () => {
  const mail = join(folder, "sender.eml");
  writeFileSync(mail, "From: oncology-reminders@clinic.example\r\nSubject: Your appointment\r\n\r\nThursday at 10");
  const { output } = await runDlp("explain", mail);
  expect(output).toMatch(/us-hipaa\/phi\.sender_tells: holds \(shadow: acts on nothing/);
  expect(output).toMatch(
    / sender\.care +60 +header:sender +sender +0 +0 +- +header 0-70 +[0-9a-f]{16} +level 60, sender\n/,
  );
  expect(output).not.toMatch(/reminders|clinic\.example/);
});

test("a folder is wrong usage", async () => {
  const { error } = await runDlp("explain", folder);
  expect(error).toMatchObject({ exitCode: 2 });
});

test.each([
  ["a pipe", []],
  ["a program", ["--json"]],
])("values are not revealed to %s", async (_, more) => {
  const { output, error } = await runDlp("explain", file, "--reveal", "--reason", "a look", ...more);
  expect(output).toBe("");
  expect(error).toMatchObject({ exitCode: 2 });
  expect(String(error)).toContain("PST-INS-015");
});
