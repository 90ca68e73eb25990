/**
 * Makes message ids: 26 characters of Crockford base 32, 48 bits of time and 80 of chance (ULID layout).
 * Promises: ids of one maker are unique and sort in the order they were made, even when the clock stands or steps back;
 * the next id cannot be guessed from the last. Says nothing about the message.
 */
import type { Clock } from "../../core/clock.ts";
import { toMessageId } from "../../core/ids.ts";
import type { MessageId } from "../../core/ids.ts";
import { freshBytes } from "./random-pool.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_MAX = 2 ** 48;
/** The chance is counted in two halves of 40 bits: numbers hold 53. */
const HALF_BYTES = 5;
const HALF_MAX = 2 ** 40;
const STRIDE_BYTES = 6;

export function messageIdMaker(clock: Clock): () => MessageId {
  let time = -1;
  let high = 0;
  let low = 0;
  const begin = (at: number): void => {
    time = at;
    high = randomOf(HALF_BYTES);
    low = randomOf(HALF_BYTES);
  };
  return () => {
    const now = Math.max(0, Math.floor(clock.now()));
    if (now > time) {
      begin(now);
    } else {
      // Same millisecond, or a clock that stepped back: a random stride keeps order without becoming guessable.
      const sum = low + randomOf(STRIDE_BYTES) + 1;
      low = sum % HALF_MAX;
      high += Math.floor(sum / HALF_MAX);
      if (high >= HALF_MAX) begin(time + 1);
    }
    if (time >= TIME_MAX) throw new Error("the clock is beyond the year 10889");
    return toMessageId(base32(time, 10) + base32(high, 8) + base32(low, 8));
  };
}

function randomOf(bytes: number): number {
  return freshBytes(bytes).readUIntBE(0, bytes);
}

function base32(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = ALPHABET.charAt(rest % 32) + text;
  return text;
}
