import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, runDlp } from "../../../../test/support/dlp-command.ts";
import { readTermList } from "../../../stages/inspect/term-list.ts";

const PHI = ["he was dizzy and fell", "her dizzy spell is back", "still dizzy, and the rash"];
const CLEAN = ["the invoice is attached", "our invoice and the agenda", "agenda of the meeting"];
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-weigh-"));
  for (const set of ["one", "two", "three"]) {
    for (const [label, texts] of [
      ["phi", PHI],
      ["clean", CLEAN],
    ] as const) {
      mkdirSync(join(folder, set, label), { recursive: true });
      texts.forEach((text, index) => {
        const mail = `Subject: ${set}\r\n\r\nHello Zebulon Quimby,\r\n${text}\r\n`;
        writeFileSync(join(folder, set, label, `${index}.eml`), mail);
      });
    }
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function sets(): readonly string[] {
  return ["one", "two", "three"].map((set) => join(folder, set));
}

/** By feature. */
function weightsIn(file: string): ReadonlyMap<string, number> {
  const reading = readTermList(readFileSync(file, "utf8"));
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  expect(reading.list.kind).toBe("weights");
  return new Map(reading.list.terms.map((line) => [line.split(" ")[0] ?? "", Number(line.split(" ")[1])] as const));
}

describe("dlp weigh", () => {
  test("writes a list whose words speak for the side on which they stand, and names nobody", async () => {
    const out = join(folder, "w.dict");
    const { output, error } = await runDlp("weigh", ...sets(), "--out", out, "--source", "tests", "--licence", "own");
    expect([output, error]).toEqual([expect.stringMatching(/w\.dict: \d+ weights from 18 messages\n$/), null]);
    const weights = weightsIn(out);
    expect(weights.get("dizzy")).toBeGreaterThan(10);
    expect(weights.get("invoice")).toBeLessThan(-5);
    expect([weights.has("zebulon"), weights.has("quimby"), weights.has("fell")]).toEqual([false, false, false]);
    expect(readFileSync(out, "utf8")).toContain("source: tests\nlicence: own\n");
  });

  test("gives the same list for the same messages", async () => {
    const [a, b] = [join(folder, "a.dict"), join(folder, "b.dict")];
    await runDlp("weigh", ...sets(), "--out", a);
    await runDlp("weigh", ...sets(), "--out", b);
    expect(readFileSync(a, "utf8")).toBe(readFileSync(b, "utf8"));
  });

  test("without a list to write, scores each set by the others", async () => {
    const { output, error } = await runDlp("weigh", "--json", "--level", "50", ...sets());
    expect(error).toBeNull();
    expect(jsonLines(output)).toEqual(
      ["one", "two", "three"].map((set) => ({ set, phi: 3, found: 3, clean: 3, flagged: 0 })),
    );
  });

  test.each([
    [["--times", "four=2"], 'no set is called "four"'],
    [["--times", "one=20"], "such as ham-mail=0.5"],
    [["--level", "0"], "a whole number from 1 to 100"],
  ])("%j is refused with the reason", async (args, message) => {
    const { complaints, error } = await runDlp("weigh", ...sets(), ...args);
    expect(`${complaints} ${error instanceof Error ? error.message : ""}`).toContain(message);
  });

  test("one set alone is refused", async () => {
    const { error } = await runDlp("weigh", join(folder, "one"));
    expect(error).toMatchObject({ message: "one set is not enough" });
  });

  test("a list that cannot be written is told", async () => {
    const { error } = await runDlp("weigh", ...sets(), "--out", join(folder, "none", "w.dict"));
    expect(error).toMatchObject({ message: expect.stringContaining("w.dict cannot be written (ENOENT)") });
  });
});
