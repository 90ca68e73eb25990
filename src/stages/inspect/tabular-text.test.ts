import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layOutTable } from "./tabular-text.ts";

describe("layOutTable", () => {
  test.each([
    ["commas", "Name,MRN\nAnna,12345\n", "Name\tMRN\nName: Anna\tMRN: 12345"],
    ["semicolons", "Name;MRN\r\nAnna;12345", "Name\tMRN\nName: Anna\tMRN: 12345"],
    ["quoted cells", 'Name,MRN\n"Sample, ""Anna""",12345', 'Name\tMRN\nName: Sample, "Anna"\tMRN: 12345'],
    ["more cells than headings", "A,B\n1,2,3", "A\tB\nA: 1\tB: 2\t: 3"],
    ["text after a closing quote", 'A,B\n"1"23,4', 'A\tB\nA: 1"23\tB: 4'],
    [
      "a title above",
      "Daily list\n\nMRN,Dx\n48,C50\n49,C51\n",
      "Daily list\n\nMRN\tDx\nMRN: 48\tDx: C50\nMRN: 49\tDx: C51",
    ],
    ["a title with commas", "Monday, May 4, 2026\nMRN,Dx\n48,C50\n", "Monday, May 4, 2026\nMRN\tDx\nMRN: 48\tDx: C50"],
    [
      "a title in the first cell",
      "Daily list,,\n,,\nMRN,Dx,\n48,C50,\n",
      "Daily list,,\n,,\nMRN\tDx\t\nMRN: 48\tDx: C50\t",
    ],
    ["no heading", "12345,67890\n1,2", "12345,67890\n1,2"],
    ["no table", "just a text\nof two lines", "just a text\nof two lines"],
  ])("%s", (_, given, expected) => {
    expect(layOutTable(given, 10_000)).toBe(expected);
  });

  test("a table too large to lay out keeps all its text", () => {
    const text = `Heading,MRN\n${"a,12345\n".repeat(1_000)}end,99999`;
    expect(layOutTable(text, 500)).toContain("end,99999");
  });

  test("no letter or digit of the table is lost", () => {
    const piece = fc.constantFrom("a", "1", ",", '"', "\n", "\r\n", " ");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const text = `H,I\n${pieces.join("")}`;
        const count = (of: string): number => of.replace(/[HI]/g, "").replace(/[^a1]/g, "").length;
        expect(count(layOutTable(text, 10_000))).toBeGreaterThanOrEqual(count(text));
      }),
    );
  });
});
