import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, runDlp } from "../../../../test/support/dlp-command.ts";
import { Finding } from "../../cli-error.ts";

const PACK = `version: 1
pack: p
detectors:
  - { id: one, type: dictionary, terms: [apple], tests: { match: ["an apple", "a <pear>"], no_match: ["a plum"] } }
rules:
  - { id: r.one, action: tag, when: { any_of: [one] } }
tests:
  - { text: "apple", expect: [] }
  - { text: "plum", expect: [] }
`;
let folder = "";
const file = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-test-"));
  writeFileSync(file("bad.yaml"), PACK);
  writeFileSync(file("good.yaml"), PACK.replace(', "a <pear>"', "").replace("expect: [] }", "expect: [r.one] }"));
  writeFileSync(file("broken.yaml"), "version: 1\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("dlp test", () => {
  test("gives each test a result and fails where one does", async () => {
    const { output, error } = await runDlp("test", "--json", file("bad.yaml"));
    expect(error).toBeInstanceOf(Finding);
    const rows = jsonLines(output) as readonly { name: string; failures: object[] }[];
    expect(rows.map(({ name, failures }) => [name, failures.length])).toEqual([
      ["one match 1", 0],
      ["one match 2", 1],
      ["one no_match 1", 0],
      ["rules 1", 1],
      ["rules 2", 0],
    ]);
    expect(rows[3]?.failures[0]).toEqual({
      place: `${file("bad.yaml")}:8:5`,
      message: "test failed: r.one holds and should not",
    });
  });

  test("writes JUnit without the texts of the tests", async () => {
    const { output } = await runDlp("test", "--junit", file("bad.yaml"));
    expect(output).toContain('<testsuites tests="5" failures="2">\n<testsuite name="p" tests="5" failures="2">');
    expect(output).toContain('<testcase classname="p" name="one match 1"/>');
    expect(output).toContain('<failure message="test failed: nothing was found here">');
    expect(output).not.toContain("pear");
  });

  test("ends well where all pass", async () => {
    const { output, error } = await runDlp("test", file("good.yaml"));
    expect([output, error]).toEqual(["4 passed, 0 failed\n", null]);
  });

  test("a pack that does not compile fails with its errors, and keeps no other from being tested", async () => {
    const { output, error } = await runDlp("test", "--json", file("broken.yaml"), file("good.yaml"));
    expect(error).toBeInstanceOf(Finding);
    const [broken, ...good] = jsonLines(output) as readonly { name: string; failures: readonly object[] }[];
    expect(broken).toMatchObject({ name: "compiles", failures: [{ place: `${file("broken.yaml")}:1:1` }] });
    expect(good.length).toBe(4);
  });

  test("is one document or another", async () => {
    const { output, complaints } = await runDlp("test", "--json", "--junit", file("good.yaml"));
    expect([output, complaints]).toEqual(["", expect.stringContaining("cannot be used with")]);
  });
});
