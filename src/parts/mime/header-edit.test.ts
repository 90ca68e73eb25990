import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BlobRef } from "../../core/blob-store.ts";
import { applyEdits, editedPieces, encodeWords, EXCHANGE_INTERNAL_PREFIXES, headerEditRules } from "./header-edit.ts";
import { planHeaderEdit } from "./header-edit.ts";
import type { HeaderEdit, HeaderEditOptions } from "./header-edit.ts";
import { decodeWords, readHeaders, valuesOf } from "./header-fields.ts";

const OPTIONS: HeaderEditOptions = {
  stripNames: ["X-Gate-Secret", "Sensitivity"],
  stripPrefixes: EXCHANGE_INTERNAL_PREFIXES,
  subjectTags: ["[secure]"],
};

function plan(bytes: Buffer, options: HeaderEditOptions = OPTIONS): readonly HeaderEdit[] {
  return planHeaderEdit(bytes, readHeaders(bytes), headerEditRules(options));
}

function edit(text: string, options: HeaderEditOptions = OPTIONS): string {
  const bytes = Buffer.from(text, "latin1");
  return applyEdits(bytes, plan(bytes, options)).toString("latin1");
}

describe("cutting fields", () => {
  test("Exchange's own fields, secrets and triggers go, everything else stays byte for byte", () => {
    const kept = [
      "Received: from  a\r\n\tby b",
      "From:x@y",
      "X-MS-Exchange-CrossTenant-Id: 1",
      "subject : odd  spacing",
    ];
    const text = [
      kept[0],
      "X-MS-Exchange-Organization-AuthAs: Internal",
      "x-ms-exchange-crosspremises-scl: 1\r\n folded",
      kept[1],
      "X-GATE-SECRET : s3",
      kept[2],
      "Sensitivity: private",
      kept[3],
      "",
      "X-Gate-Secret: body text is not a header\r\n",
    ].join("\r\n");
    expect(edit(text)).toBe([...kept, "", "X-Gate-Secret: body text is not a header\r\n"].join("\r\n"));
  });

  test("nothing to change means no edit at all", () => {
    expect(plan(Buffer.from("Subject: plain\r\nFrom: a@b\r\n\r\nx"))).toEqual([]);
  });
});

describe("the Subject tag", () => {
  test.each([
    ["Subject: [secure] lab report", "Subject: lab report"],
    ["Subject: [SECURE]lab report", "Subject: lab report"],
    ["SUBJECT:lab [Secure] report", "SUBJECT:lab report"],
    ["Subject: [secure]\r\n lab", "Subject: \r\n lab"],
    ["Subject: caf\xc3\xa9 [secure] x", "Subject: caf\xc3\xa9 x"],
    ["Subject: [secure] =?utf-8?q?caf=C3=A9?=", "Subject: =?utf-8?q?caf=C3=A9?="],
    ["Subject: [secured] x", "Subject: [secured] x"],
  ])("%j becomes %j", (before, after) => {
    expect(edit(`From: a@b\r\n${before}\r\nTo: c@d\r\n\r\n`)).toBe(`From: a@b\r\n${after}\r\nTo: c@d\r\n\r\n`);
  });

  test.each([
    ["=?utf-8?q?=5Bsecure=5D_caf=C3=A9?=", "café"],
    ["=?utf-8?B?W3NlY3VyZV0gw6Q=?=", "ä"],
    ["=?utf-8?q?=5Bsec?= =?utf-8?q?ure=5D_lab?=", "lab"],
    ["[secure] =?utf-8?q?=5Bsecure=5D_lab?=", "lab"],
    ["lab\r\n [secure]", "lab"],
    ["=?iso-8859-1?q?[secure]_=E4?=", "ä"],
  ])("%j is read as the reader sees it", (before, after) => {
    const edited = edit(`From: a@b\r\nSubject: ${before}\r\nTo: c@d\r\n\r\n`);
    const fields = readHeaders(Buffer.from(edited, "latin1"));
    expect(valuesOf(fields, "subject").map(decodeWords)).toEqual([after]);
    expect(fields.map((field) => field.name)).toEqual(["From", "Subject", "To"]);
  });

  test("no tag is left whatever the Subject holds", () => {
    const piece = fc.constantFrom(
      "[secure]",
      "[sec",
      "ure]",
      " ",
      "a",
      "é",
      "=?utf-8?q?=5Bsecure=5D?=",
      "\r\n ",
      "=?",
      "?=",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (parts) => {
        const text = `A: b\r\nSubject: x${parts.join("")}y\r\nC: d\r\n\r\n`;
        const bytes = Buffer.from(text, "utf8");
        const after = applyEdits(bytes, plan(bytes));
        const fields = readHeaders(after);
        expect(fields.map((field) => field.name)).toEqual(["A", "Subject", "C"]);
        expect(decodeWords(valuesOf(fields, "subject")[0] ?? "").toLowerCase()).not.toContain("[secure]");
      }),
    );
  });

  test("encoded words keep characters whole and lines short", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 120 }), (text) => {
        const encoded = encodeWords(text);
        expect(encoded.split("\r\n").every((line) => line.length <= 76)).toBe(true);
        expect(decodeWords(encoded.replaceAll("\r\n", ""))).toBe(text.toWellFormed());
      }),
    );
  });
});

test("pieces point into the blob and only a rewritten Subject becomes a blob of its own", async () => {
  const text = "A: b\r\nSensitivity: x\r\nSubject: =?utf-8?q?=5Bsecure=5D_x?=\r\n\r\nbody";
  const ref: BlobRef = { locator: "one", sizeBytes: text.length, wrappedKey: "" };
  const written: string[] = [];
  const edits = plan(Buffer.from(text));
  const blobOf = async (bytes: Buffer): Promise<BlobRef> => {
    written.push(bytes.toString());
    return { locator: "two", sizeBytes: bytes.length, wrappedKey: "" };
  };
  const pieces = await editedPieces({ ref, end: text.length, edits, blobOf });
  expect(
    pieces.map((piece) => (piece.kind === "blob" ? `${piece.ref.locator}:${piece.start}-${piece.end}` : "bytes")),
  ).toEqual(["one:0-6", "two:0-12", `one:${text.length - 6}-${text.length}`]);
  expect(written).toEqual(["Subject: x\r\n"]);
});
