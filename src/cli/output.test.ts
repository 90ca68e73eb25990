import { expect, test } from "vitest";
import { formatDuration, formatTime, printable, printJsonLines, printTable } from "./output.ts";
import type { Column } from "./output.ts";

type Row = { readonly id: string; readonly name: string; readonly count: number };
const columns: readonly Column<Row>[] = [
  { title: "ID", text: (row) => row.id },
  { title: "NAME", text: (row) => row.name, isFlexible: true },
  { title: "COUNT", text: (row) => String(row.count), alignRight: true },
];

function print(rows: readonly Row[], width: number | null = null): readonly string[] {
  const lines: string[] = [];
  printTable({ line: (text) => void lines.push(text), width }, columns, rows);
  return lines;
}

test("columns line up, numbers to the right, without spaces at the end of a line", () => {
  const rows = [
    { id: "a", name: "short", count: 7 },
    { id: "bcd", name: "a longer name", count: 1234 },
  ];
  expect(print(rows)).toEqual(["ID   NAME           COUNT", "a    short              7", "bcd  a longer name   1234"]);
});

test("columns line up for wide and for combined characters", () => {
  const rows = [
    { id: "1", name: "日本", count: 1 },
    { id: "2", name: "e\u0301a", count: 2 },
  ];
  expect(print(rows)).toEqual(["ID  NAME  COUNT", "1   日本      1", "2   e\u0301a        2"]);
});

test("the flexible column gives way when the terminal is narrow, and says so", () => {
  const [header, line] = print([{ id: "1", name: "a very long name indeed", count: 1 }], 24);
  expect(header).toBe("ID  NAME           COUNT");
  expect(line).toBe("1   a very long …      1");
});

test("no column becomes narrower than eight characters", () => {
  expect(print([{ id: "1", name: "a very long name indeed", count: 1 }], 5)[1]).toBe("1   a very …      1");
});

test("an empty table says none", () => {
  expect(print([])).toEqual(["none"]);
});

test.each([
  ["an escape sequence", "\u001B[2Jname", "?[2Jname"],
  ["a line break", "a\nb", "a?b"],
  ["text that reverses direction", "a\u202Egnp.exe", "a?gnp.exe"],
  ["plain text", "Jürgen <j@example.org>", "Jürgen <j@example.org>"],
])("what a stranger wrote cannot steer the terminal: %s", (_, text, expected) => {
  expect(printable(text)).toBe(expected);
  expect(print([{ id: "1", name: text, count: 1 }])[1]).toContain(expected);
});

test("JSON Lines hold one object a line", () => {
  const lines: string[] = [];
  printJsonLines({ line: (text) => void lines.push(text), width: 10 }, [{ a: 1 }, { b: "x\ny" }]);
  expect(lines).toEqual(['{"a":1}', '{"b":"x\\ny"}']);
});

test.each([
  [0, "0 s"],
  [59_400, "59 s"],
  [60_000, "1 min"],
  [3_600_000, "1 h"],
  [3_660_000, "1 h 1 min"],
  [90_000_000, "1 d 1 h"],
  [172_800_000, "2 d"],
  [-5, "0 s"],
])("a duration of %i ms is %s", (ms, expected) => {
  expect(formatDuration(ms)).toBe(expected);
});

test("times are printed in UTC to the second", () => {
  expect(formatTime(Date.parse("2026-11-21T12:00:05.250Z"))).toBe("2026-11-21 12:00:05Z");
});
