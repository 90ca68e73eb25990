import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpuMsOf } from "../../test/support/cpu-time.ts";
import { trimBlanks, trimLetters } from "./trim-letters.ts";

describe("trimming", () => {
  test("takes off what the pattern takes off, at both ends and nowhere else", () => {
    const text = fc.array(fc.constantFrom(" ", "\t", "a", ",", "\r", "\u00a0", "ü"), { maxLength: 12 });
    fc.assert(
      fc.property(text, (letters) => {
        const joined = letters.join("");
        expect(trimBlanks(joined)).toBe(joined.replace(/^[ \t]+|[ \t]+$/g, ""));
        expect(trimLetters(joined, (letter) => /[\s,]/.test(letter))).toBe(joined.replace(/^[\s,]+|[\s,]+$/g, ""));
      }),
    );
  });

  test("takes no longer where blanks stand in the middle", () => {
    const text = `a${" ".repeat(60_000)}b`;
    expect(cpuMsOf(() => trimBlanks(text))).toBeLessThan(200);
  });
});
