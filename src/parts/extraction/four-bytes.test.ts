import * as fc from "fast-check";
import { expect, test } from "vitest";
import { areShown, holdsControl } from "./four-bytes.ts";

test("a control character is seen among any four bytes, and none where there is none", () => {
  const byte = fc.oneof(
    fc.constantFrom(0, 9, 31, 32, 33, 126, 127, 128, 159, 160, 254, 255),
    fc.integer({ min: 0, max: 255 }),
  );
  fc.assert(
    fc.property(fc.tuple(byte, byte, byte, byte), (bytes) => {
      const [four = 0] = new Int32Array(Uint8Array.from(bytes).buffer);
      expect(holdsControl(four)).toBe(bytes.some((each) => each < 32 || each === 127));
    }),
    { numRuns: 5_000 },
  );
});

test("four bytes of ASCII are shown unless one is a control character other than white space", () => {
  for (let byte = 0; byte < 128; byte += 1) {
    const isShown = (byte >= 9 && byte <= 13) || (byte >= 32 && byte < 127);
    for (const beside of [0, 1, 8, 9, 10, 13, 14, 31, 32, 90, 126, 127]) {
      const isBesideShown = (beside >= 9 && beside <= 13) || (beside >= 32 && beside < 127);
      for (let at = 0; at < 4; at += 1) {
        const bytes = new Uint8Array(4).fill(beside);
        bytes[at] = byte;
        const [four = 0] = new Int32Array(bytes.buffer);
        expect(areShown(four)).toBe(isShown && isBesideShown);
      }
    }
  }
});
