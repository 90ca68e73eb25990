import * as fc from "fast-check";
import { expect, test } from "vitest";
import { holdsControl } from "./four-bytes.ts";

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
