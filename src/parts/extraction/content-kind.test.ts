import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { contentKindOf } from "./content-kind.ts";

const NOISE = Buffer.concat(Array.from({ length: 128 }, (_, at) => createHash("sha256").update(`${at}`).digest()));

test.each<[string, Buffer, string]>([
  ["X12 whose separators nobody sees", Buffer.from("NM1\x1dQC\x1d1\x1dSAMPLE\x1c".repeat(20)), "text"],
  ["a message in a frame of MLLP", Buffer.from("\x0bMSH|^~\\&|LAB\r\x1c\r"), "text"],
  ["a text in ISO-2022", Buffer.from("\x1b$B$3\x1b(B \x0e\x0f"), "text"],
  ["noise", NOISE, "binary"],
  ["small numbers", Buffer.from(Array.from({ length: 400 }, (_, at) => at % 20)), "binary"],
])("%s is told by what it holds", (_, bytes, kind) => {
  expect(contentKindOf(bytes).kind).toBe(kind);
});
