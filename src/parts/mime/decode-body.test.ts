import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpuMsOf } from "../../../test/support/cpu-time.ts";
import { decodeBase64Loosely, decodeBody, decodeTransfer } from "./decode-body.ts";
import { Base64Encoder, Base64Rewrapper, QuotedPrintableEncoder } from "./transfer-encode.ts";

const text = (
  raw: string | Buffer,
  encoding: "7bit" | "base64" | "quoted-printable",
  charset: string | null,
): unknown => decodeBody(typeof raw === "string" ? Buffer.from(raw, "latin1") : raw, { encoding, charset });

describe("charsets", () => {
  test.each([
    ["utf-8", "c3a4", "ä"],
    ["UTF8", "efbbbf61", "a"],
    ["iso-8859-15", "a4", "€"],
    ["windows-1252", "80", "€"],
    ["iso-8859-1", "e49380", "ä“€"],
    ["utf-16", "fffe6100", "a"],
    ["utf-16be", "0061", "a"],
    ["utf-7", "2b414f512d", "ä"],
    ["iso-2022-jp", "1b2442467c1b2842", "日"],
    ["shift_jis", "93fa", "日"],
    ["gb18030", "c8d5", "日"],
    ["koi8-r", "c1", "а"],
    [null, "c3a4", "ä"],
    ["us-ascii", "e4", "ä"],
  ])("%s", (charset, hex, expected) => {
    expect(text(Buffer.from(hex, "hex"), "7bit", charset)).toEqual({ kind: "text", text: expected });
  });

  test.each(["x-made-up", "unknown-8bit", "base64", "hex", "iso-2022-kr", "constructor", "../etc", "internal"])(
    "%s is unreadable, not guessed",
    (charset) => {
      expect(text("abc", "7bit", charset)).toEqual({ kind: "unreadable", reason: "unknown_charset" });
    },
  );

  test("no charset and no bytes make it throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.string({ maxLength: 20 }), (bytes, charset) => {
        expect(["text", "unreadable"]).toContain(decodeBody(bytes, { encoding: "base64", charset }).kind);
        expect(["text", "unreadable"]).toContain(decodeBody(bytes, { encoding: "quoted-printable", charset }).kind);
      }),
    );
  });
});

describe("transfer encodings", () => {
  test.each([
    ["quoted-printable", "a=C3=A4 =\r\nb=3D=\t\n=zz =e4", "aÃ¤ b==zz ä"],
    ["quoted-printable", "a=", "a"],
    ["quoted-printable", "nothing\r\nto quote", "nothing\r\nto quote"],
    ["base64", "YWJj\r\nZA==\r\n", "abcd"],
    ["base64", "YQ==Yg==", "ab"],
    ["base64", "YWI=\r\nYWI=", "abab"],
    ["base64", "YWJj====", "abc"],
    ["base64", "YWJj\r\n", "abc"],
    ["7bit", "plain", "plain"],
  ] as const)("%s %j", (encoding, raw, expected) => {
    const decoded = decodeTransfer(Buffer.from(raw, "latin1"), encoding);
    expect(decoded.kind === "bytes" && decoded.bytes.toString("latin1")).toBe(expected);
  });

  test("base64 with foreign characters and unknown encodings are damaged", () => {
    expect(decodeTransfer(Buffer.from("YWJj-- footer"), "base64")).toEqual({ kind: "unreadable", reason: "damaged" });
    expect(decodeTransfer(Buffer.from("x"), "unknown")).toEqual({ kind: "unreadable", reason: "damaged" });
  });

  test.each([
    ["inside a group", "Y=WJj"],
    ["too short for its group", "YQ=Yg=="],
    ["after a whole group", "YWJj=YWJj"],
    ["too long", "Y===YWJj"],
  ])("base64 with padding %s is damaged, because readers go on differently", (_, raw) => {
    expect(decodeTransfer(Buffer.from(raw), "base64")).toEqual({ kind: "unreadable", reason: "damaged" });
  });

  test.each([
    ["padding and white space", "= "],
    ["single characters and padding", "A="],
    ["whole groups", "YQ=="],
    ["padding alone", "="],
  ])("base64 of repeated %s is decoded in linear time", (_, piece) => {
    const bytes = Buffer.from(`A${piece.repeat(400_000)}`);
    expect(cpuMsOf(() => decodeTransfer(bytes, "base64"))).toBeLessThan(750);
    expect(cpuMsOf(() => decodeBase64Loosely(bytes))).toBeLessThan(750);
  });

  test("damaged base64 is read as far as it goes, piece by piece", () => {
    expect(decodeBase64Loosely(Buffer.from("YWJj!*YQ=Yg==")).toString()).toBe("abcab");
  });
});

describe("encoders", () => {
  const chunks = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 90 }),
      fc.constantFrom(
        ...["\r\n", "\r", "\n", " ", "\t", " \r\n", "--b\r\n", "=", "."].map((piece) => Buffer.from(piece)),
      ),
    ),
    { maxLength: 12 },
  );
  test.each([
    ["base64", () => new Base64Encoder()],
    ["quoted-printable", () => new QuotedPrintableEncoder()],
  ] as const)("%s gives the bytes back whatever the chunks, in short ASCII lines", (encoding, make) => {
    fc.assert(
      fc.property(chunks, (parts) => {
        const encoder = make();
        const encoded = Buffer.concat([...parts.map((part) => encoder.push(part)), encoder.end()]);
        const lines = encoded.toString("latin1").split("\r\n");
        expect(lines.every((line) => line.length <= 76 && /^[\x20-\x7e\t]*$/.test(line) && !line.startsWith("-"))).toBe(
          true,
        );
        expect(lines.some((line) => /[ \t]$/.test(line))).toBe(false);
        const decoded = decodeTransfer(encoded, encoding);
        expect(decoded.kind === "bytes" && decoded.bytes.equals(Buffer.concat(parts))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("a rewrapped base64 body decodes to the same bytes", () => {
    const encoder = new Base64Rewrapper();
    const source = Buffer.from("x".repeat(5000)).toString("base64");
    const wrapped = Buffer.concat([
      encoder.push(Buffer.from(source.slice(0, 1001))),
      encoder.push(Buffer.from(source.slice(1001))),
      encoder.end(),
    ]);
    expect(
      wrapped
        .toString()
        .split("\r\n")
        .every((line) => line.length <= 76),
    ).toBe(true);
    expect(Buffer.from(wrapped.toString(), "base64").toString()).toBe("x".repeat(5000));
  });
});
