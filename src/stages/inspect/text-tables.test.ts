import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tablesIn } from "./text-tables.ts";

const told = (lines: readonly string[]): string => tablesIn(lines.join("\n"), 10_000);
const ROW = "MRN: 48\tIllness: diabetes";

describe("a row of a table in a text is told behind its headings", () => {
  test.each<[string, readonly string[], string]>([
    ["parted by tabs", ["Hi,", "", "MRN\tIllness", "48\tdiabetes", "", "Bye"], ROW],
    ["parted by tabs, with fewer cells", ["MRN\tIllness\tSince", "48\tdiabetes"], ROW],
    ["parted by bars", ["MRN|Illness", "48|diabetes"], ROW],
    ["parted by bars around it, with a rule", ["| MRN | Illness |", "|---|:-:|", "| 48 | diabetes |"], ROW],
    ["in a box", ["+-----+---------+", "| MRN | Illness |", "+-----+---------+", "| 48  | diabetes |", "+-----+"], ROW],
    ["parted by semicolons", ["MRN;Illness", "48;diabetes"], ROW],
    ["parted by commas", ["MRN,Illness\r", "48,diabetes\r"], ROW],
    ["with a comma in quotes", ["MRN,Illness", '48,"diabetes, old"'], "MRN: 48\tIllness: diabetes, old"],
    ["laid out with blanks", ["MRN  Illness", "---  -------", "48   diabetes"], ROW],
    ["as tight as its cells are long", ["LAST  FIRST  DX", "HALLS JOSEPH E11"], "LAST: HALLS\tFIRST: JOSEPH\tDX: E11"],
    [
      "with a cell left out",
      ["LAST   FIRST   DX", "HALL           E11"],
      "LAST: HALL\tFIRST: \tDX: E11".replace("FIRST: ", ""),
    ],
    ["set to the right", ["   MRN    Illness", "48      diabetes"], ROW],
    ["behind a blank line", ["MRN\tIllness", "", "48\tdiabetes"], ROW],
    ["behind notes", ["MRN\tIllness", "48\tdiabetes", "new:", "", "49\tcancer"], `${ROW}\nMRN: 49\tIllness: cancer`],
    ["of a second table", ["A|B", "1|2", "", "", "", "", "MRN|Illness", "48|diabetes"], `A: 1\tB: 2\n${ROW}`],
  ])("%s", (_, lines, expected) => {
    expect(told(lines)).toBe(expected);
  });
});

test.each<[string, readonly string[]]>([
  ["a letter", ["Dear Anna, dear Bob,", "the list, the note, is ready."]],
  ["words and no row", ["MRN  Illness", "are the columns"]],
  ["a line of many words", ["We have a list of all of them, and it is here", "Take all of it, and read it"]],
  ["numbers", ["48291, 48292", "48293, 48294"]],
  ["nothing", [""]],
])("%s is no table", (_, lines) => {
  expect(told(lines)).toBe("");
});

test("what is told is no longer than it may be", () => {
  const text = `MRN|Illness\n${"48|diabetes\n".repeat(100)}`;
  expect(tablesIn(text, 500).length).toBeLessThanOrEqual(500);
  expect(tablesIn(text, 500)).toContain(ROW);
});

test("whatever a text is, each cell told stands in it", () => {
  const piece = fc.constantFrom("a", "MRN", "1", "  ", "\t", "|", ";", ",", '"', "\n", "-", "+");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 80 }), (pieces) => {
      const text = pieces.join("");
      for (const cell of tablesIn(text, 10_000).split(/[\t\n]/)) {
        const value = cell.slice(cell.indexOf(": ") + 2);
        expect(text.replaceAll('"', "")).toContain(value.replaceAll('"', ""));
      }
    }),
    { numRuns: 300 },
  );
});
