import * as fc from "fast-check";
import { expect, test } from "vitest";
import { encodedRunsOf, runFrom } from "./encoded-runs.ts";

const RUN_START = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24}/g;
const piece = fc.oneof(
  fc.constantFrom("a", "Z9", "+/", "x".repeat(22), "x".repeat(23), "x".repeat(24), "x".repeat(25), "x".repeat(60)),
  fc.constantFrom(" ", "\n", "\r\n", ".", "=", "é", "\u0141", "😀"),
);

test("a run is found where 24 characters of base64 stand behind another one", () => {
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join("");
      const starts: number[] = [];
      for (let at = runFrom(text, 0); at >= 0; at = runFrom(text, at)) {
        starts.push(at);
        while (/[A-Za-z0-9+/]/.test(text.charAt(at))) at += 1;
      }
      expect(starts).toEqual(Array.from(text.matchAll(RUN_START), ({ index }) => index));
    }),
  );
});

test("what several runs hide is told, over their lines and not beyond", () => {
  const encoded = (text: string): string => Buffer.from(text).toString("base64").replace(/.{28}/g, "$&\n");
  const first = "first: the words that nobody sees are these here";
  const second = "second: and some more of them over several lines";
  const { texts } = encodedRunsOf(`See ${encoded(first)}\n\nand\n${encoded(second)}\n, or not.`);
  expect(texts).toEqual([`${first}\n${second}`]);
});
