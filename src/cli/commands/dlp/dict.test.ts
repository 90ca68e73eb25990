import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runDlp } from "../../../../test/support/dlp-command.ts";
import { complaintFor, Finding } from "../../cli-error.ts";

let folder = "";
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "postern-dict-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function put(name: string, ...lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

/** What stands in the list behind its header, or what was said instead. */
async function built(source: string, ...more: readonly string[]): Promise<readonly string[]> {
  const out = join(folder, "built.dict");
  rmSync(out, { force: true });
  const said = ["--out", out, "--source", "invented", "--licence", "CC0-1.0", "--date", "2026-11-22", ...more];
  const { error } = await runDlp("dict", "build", source, ...said);
  if (error !== null) return [complaintFor(error).text.replaceAll(`${folder}/`, "")];
  return readFileSync(out, "utf8").split("\n\n")[1]?.trimEnd().split("\n") ?? [];
}

/** `what`: source, type and name; `suppress` is N for what is in use. */
const RXNORM = ([sab, tty, name]: readonly string[], suppress = "N"): string =>
  `6809|ENG||||||8718||6809||${sab}|${tty}|6809|${name}||${suppress}|4096|`;

describe("a list is built of", () => {
  test("lines, sorted, each once, without remarks and words that are not wanted", async () => {
    const source = put("lines", "# drugs", "Metformin", "abacavir ", "metformin", "water");
    const without = put("without", "Water");
    expect(await built(source, "--without", without)).toEqual(["abacavir", "metformin"]);
  });
  test("columns of a table with quotations", async () => {
    const source = put(
      "t.csv",
      "Id,Name,Brand",
      '1,"insulin, human",Humulin',
      "2,warfarin,",
      '3,"12 ""forte"" drops",x',
    );
    const columns = ["--format", "csv", "--column", "Name", "--column", "Brand"];
    expect(await built(source, ...columns)).toEqual(['12 "forte" drops', "humulin", "insulin, human", "warfarin"]);
  });
  test("ingredients and brands of RxNorm that are in use", async () => {
    const rows = [RXNORM(["RXNORM", "IN", "metformin"]), RXNORM(["RXNORM", "SCD", "metformin 500 MG Oral Tablet"])];
    const others = [RXNORM(["MMSL", "IN", "licensed name"]), RXNORM(["RXNORM", "BN", "Oldbrand"], "O")];
    expect(await built(put("RXNCONSO.RRF", ...rows, ...others), "--format", "rxnorm")).toEqual(["metformin"]);
  });
  test("prescription drugs of the NDC directory, or their codes", async () => {
    const source = put(
      "product.txt",
      "PRODUCTNDC\tPRODUCTTYPENAME\tPROPRIETARYNAME\tNONPROPRIETARYNAME\tSUBSTANCENAME",
      "0002-8215\tHUMAN PRESCRIPTION DRUG\tHumulin R\tInsulin human\tINSULIN HUMAN",
      "99999-001\tHUMAN OTC DRUG\tFresh\tAlcohol\tALCOHOL",
    );
    expect(await built(source, "--format", "ndc")).toEqual(["humulin r", "insulin human"]);
    expect(await built(source, "--format", "ndc", "--kind", "codes")).toEqual(["00028215"]);
  });
  test("names of LOINC in use, or their codes", async () => {
    const header = '"LOINC_NUM","COMPONENT","STATUS","CONSUMER_NAME"';
    const source = put("Loinc.csv", header, '"4548-4","Hemoglobin A1c","ACTIVE",""', '"1-8","Gone","DEPRECATED","x"');
    expect(await built(source, "--format", "loinc")).toEqual(["hemoglobin a1c"]);
    expect(await built(source, "--format", "loinc", "--kind", "codes")).toEqual(["45484"]);
  });
});

test.each([
  ["a column that is not there", ["Id,Name"], ["--format", "csv", "--column", "Nam"], "there is no column Nam"],
  ["a table without a column named", ["Id,Name"], ["--format", "csv"], "needs --column"],
  [
    "an open quotation",
    ["Name", '"insulin'],
    ["--format", "csv", "--column", "Name"],
    "s:2: a quotation is not closed",
  ],
  ["nothing to take", ["ab", "12"], [], "no term is left of"],
])("%s is told with its place and what to do", async (_, lines, more, expected) => {
  const source = put("s", ...lines, ...(lines[0] === "Id,Name" ? ["1,x"] : []));
  const [said] = await built(source, ...more);
  expect(said).toContain(expected);
  expect(said).toMatch(/PST-INS-020 .* Next: /s);
});

test("what was left out is counted by its reason", async () => {
  const source = put("long", "one two three four five six seven eight nine", "abc", "metformin", "---");
  const out = join(folder, "counted.dict");
  const { output } = await runDlp(
    "dict",
    "build",
    source,
    "--out",
    out,
    "--source",
    "s s",
    "--licence",
    "l l",
    "--json",
  );
  expect(JSON.parse(output)).toMatchObject({
    kind: "terms",
    count: 1,
    leftOut: {
      "has more than 8 words": 1,
      "fewer than 4 letters": 1,
      "holds no letter or digit, so it never matches": 1,
    },
  });
});

test("a file that is no list is not written over", async () => {
  const out = put("precious.txt", "mine");
  const { error } = await runDlp(
    "dict",
    "build",
    put("l", "metformin"),
    "--out",
    out,
    "--source",
    "xx",
    "--licence",
    "xx",
  );
  expect(complaintFor(error).text).toContain("is there and is no list of terms");
  expect(readFileSync(out, "utf8")).toBe("mine\n");
});

test("a folder that is not there is told", async () => {
  const out = `${put("here", "x")}-not/a.dict`;
  const described = ["--source", "xx", "--licence", "xx"];
  const { error } = await runDlp("dict", "build", put("l", "metformin"), "--out", out, ...described);
  expect(complaintFor(error).text).toContain("a.dict cannot be written (ENOENT)");
});

test("an edited list is sorted and sealed again with its origin; a line that cannot stand in it changes nothing", async () => {
  await built(put("e", "metformin", "warfarin"));
  const list = join(folder, "built.dict");
  const header = readFileSync(list, "utf8").split("\n").slice(1, 4);
  const edited = `${readFileSync(list, "utf8")}\n# new\n Abacavir\nWarfarin\n`;
  writeFileSync(list, edited);
  const { output } = await runDlp("dict", "rebuild", list, "--date", "2026-11-22");
  expect(output).toContain("3 terms\n  1 left out: stands twice");
  const [head, body] = readFileSync(list, "utf8").split("\n\n");
  expect(head?.split("\n").slice(1, 4)).toEqual(header);
  expect(body).toBe("abacavir\nmetformin\nwarfarin\n");
  expect((await runDlp("dict", "verify", list)).error).toBeNull();
  writeFileSync(list, `${edited}---\n`);
  const { error } = await runDlp("dict", "rebuild", list);
  expect(complaintFor(error).text).toMatch(/built\.dict:15: holds no letter or digit.*Next: /s);
  expect(readFileSync(list, "utf8")).toBe(`${edited}---\n`);
});

test("verify tells where a list comes from, and the line at which one was changed", async () => {
  await built(put("v", "abacavir", "metformin"));
  const good = join(folder, "built.dict");
  const whole = await runDlp("dict", "verify", good);
  expect(whole.error).toBeNull();
  expect(whole.output).toMatch(/built\.dict +terms +2 +2026-11-22 +CC0-1\.0 +invented/);
  const bad = put("bad.dict", readFileSync(good, "utf8").trimEnd().replace("metformin", "aab"));
  const changed = await runDlp("dict", "verify", bad);
  expect(changed.error).toBeInstanceOf(Finding);
  expect(changed.output).toContain("bad.dict:10: is out of order");
  expect(changed.output).toContain("its hash does not fit");
});

test("a source of another encoding is told, and a list with Windows line ends", async () => {
  const latin = join(folder, "latin");
  writeFileSync(latin, Buffer.from("caf\u00e9\n", "latin1"));
  expect((await built(latin)).join()).toContain("latin:1: no text in UTF-8");
  writeFileSync(latin, Buffer.from("abc\n", "utf16le"));
  expect((await built(latin)).join()).toContain("latin:1: no text in UTF-8");
  const list = put("crlf.dict", "postern-terms 1\r", "source: x\r");
  expect((await runDlp("dict", "verify", list)).output).toContain("its lines end as on Windows");
});

test.each(["verify", "rebuild"])("%s of a list that cannot be read is wrong usage", async (command) => {
  expect((await runDlp("dict", command, join(folder, "nowhere.dict"))).error).toMatchObject({ exitCode: 2 });
});
