/**
 * Random bytes for keys, nonces and ids, cut from a larger draw: asking the system's generator costs more than its bytes.
 * Promises: each byte is given out once; whoever is given some may wipe them, as they share memory with nobody.
 */
import { randomBytes } from "node:crypto";

const DRAWN_BYTES = 8_192;

let drawn = Buffer.alloc(0);
let used = 0;

export function freshBytes(bytes: number): Buffer {
  if (used + bytes > drawn.length) {
    drawn = randomBytes(Math.max(bytes, DRAWN_BYTES));
    used = 0;
  }
  used += bytes;
  return drawn.subarray(used - bytes, used);
}
