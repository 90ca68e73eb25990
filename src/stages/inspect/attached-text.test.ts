/** Texts that are attached under names which say little of what they are. */
import { expect, test } from "vitest";
import { base64, inspectMail, mixed, unreadOf } from "./inspect-mails.suite.ts";

/** Letters, digits and blanks of code page 37, as mainframes write them. */
function ebcdicOf(text: string): Buffer {
  const rows = [
    ["ABCDEFGHI", 0xc1],
    ["JKLMNOPQR", 0xd1],
    ["STUVWXYZ", 0xe2],
    ["0123456789", 0xf0],
    [" ", 0x40],
  ] as const;
  const codes = new Map(rows.flatMap(([letters, first]) => Array.from(letters, (letter, at) => [letter, first + at])));
  return Buffer.from(Array.from(text, (letter) => codes.get(letter) ?? 0x4b));
}

test.each<[string, string, Buffer, string, readonly string[]]>([
  ["a list parted by bars", "list.txt", Buffer.from("Name|MRN|Illness\nAnna|482913|diabetes\n"), "phi", []],
  ["a list parted by tabs", "list.dat.txt", Buffer.from("Name\tMRN\tIllness\nAnna\t482913\tdiabetes\n"), "phi", []],
  [
    "a report laid out with blanks",
    "list.txt",
    Buffer.from("LAST    FIRST   MRN     DX\n--------------------------------\nSAMPLE  ANNA    482913  diabetes\n"),
    "phi",
    [],
  ],
  [
    "an export of a program",
    "a.json",
    Buffer.from('[{"medicalRecordNumber":"482913","illness":"diabetes"}]'),
    "phi",
    [],
  ],
  ["a dump", "a.sql", Buffer.from("INSERT INTO p (mrn, dx) VALUES ('482913','diabetes');"), "phi", []],
  [
    "lines of a mainframe",
    "list.txt",
    ebcdicOf("ANNA SAMPLE MRN 00482913 HAS DIABETES"),
    "uninspectable",
    ["2: unknown_charset"],
  ],
  ["letters of Japan", "a.txt", Buffer.from("82b182f182c982bf82cd8140".repeat(9), "hex"), "clean", []],
  ["a letter", "a.txt", Buffer.from("Dear Anna, dear Bob,\nthe list of the MRN is ready."), "clean", []],
])("%s", async (_, name, bytes, verdict, unread) => {
  const part = [`Content-Type: text/plain; name="${name}"`, "Content-Transfer-Encoding: base64", "", base64(bytes)];
  const findings = await inspectMail(mixed([["", "hello"], part]));
  expect([findings.verdict, unreadOf(findings)]).toEqual([verdict, unread]);
});
