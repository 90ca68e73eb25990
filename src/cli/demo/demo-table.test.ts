import { describe, expect, test } from "vitest";
import type { DemoRow } from "./demo-row.ts";
import { wrapped } from "../output.ts";
import { mailLines, titleLine } from "./demo-table.ts";

const heading = { sender: "nurse@clinic.test", subject: "Lab results", messageId: "01J0000000000000000000000A" };
const held: DemoRow = {
  id: "01J0000000000000000000000A.1",
  recipient: "wu@selfsigned.test",
  found: "unreadable",
  required: { profile: "standard", minRung: "pkix" },
  used: null,
  rung: "tls-unauthenticated",
  state: "held",
  code: "PST-DEC-001",
  reply: null,
  why: "certificate not trusted (DEPTH_ZERO_SELF_SIGNED_CERT); nothing was sent, the sender was told",
  differences: ["state is held, expected delivered"],
};
const failed: DemoRow = {
  ...held,
  used: "TLSv1.3",
  state: "failed",
  code: "PST-DLV-017",
  reply: { code: 550, enhanced: "5.1.1", text: "5.1.1 no such mailbox here" },
  why: null,
  differences: [],
};

describe("the table of the demo", () => {
  test.each([80, 100, 120, 140])("no line is wider than a terminal of %i columns", (width) => {
    const look = { width, isStyled: false };
    const lines = [titleLine(look), ...mailLines(look, heading, [held, failed])];
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    expect(lines.join("\n")).toContain("tls-unauthenticated");
  });

  test.each([
    { width: 80, result: "failed 550" },
    { width: 100, result: "failed 550 5.1.1" },
    { width: 140, result: "failed 550 5.1.1 no such mailbox here" },
  ])("at $width columns a reply is told as far as there is room", ({ width, result }) => {
    const [, row] = mailLines({ width, isStyled: false }, heading, [failed]);
    expect(row?.endsWith(` ${result}`)).toBe(true);
  });

  test("rows stand in columns below their titles", () => {
    const look = { width: 100, isStyled: false };
    const [, row = ""] = mailLines(look, heading, [failed]);
    for (const [title, text] of [
      ["FOUND", "unreadable"],
      ["USED", "TLSv1.3"],
      ["RESULT", "failed 550"],
    ] as const) {
      expect(row.indexOf(text)).toBe(titleLine(look).indexOf(title));
    }
  });

  test("bold and dim are used only where asked for", () => {
    expect(mailLines({ width: 100, isStyled: false }, heading, [held]).join("")).not.toContain("\u001B");
    expect(mailLines({ width: 100, isStyled: true }, heading, [held]).join("")).toContain(
      "\u001B[1mLab results\u001B[22m",
    );
  });

  test("paragraphs break at spaces and lose no word", () => {
    expect(wrapped("one two three four", 9, " ")).toEqual([" one two", " three", " four"]);
    expect(wrapped("a-very-long-word b", 5, "")).toEqual(["a-very-long-word", "b"]);
    expect(wrapped("", 5, "")).toEqual([]);
  });
});
