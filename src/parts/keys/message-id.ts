/**
 * Makes message ids: 26 characters of Crockford base 32, 48 bits of time and 80 of chance (ULID layout).
 * Promises: ids of one maker are unique and sort in the order they were made, even when the clock stands or steps back;
 * the next id cannot be guessed from the last. Says nothing about the message.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import { toMessageId } from "../../core/ids.ts";
import type { MessageId } from "../../core/ids.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_MAX = 2n ** 48n;
const CHANCE_MAX = 2n ** 80n;

export function messageIdMaker(clock: Clock): () => MessageId {
  let time = -1n;
  let chance = 0n;
  return () => {
    const now = BigInt(Math.max(0, Math.floor(clock.now())));
    if (now > time) {
      time = now;
      chance = randomOf(10);
    } else {
      // Same millisecond, or a clock that stepped back: a random stride keeps order without becoming guessable.
      chance += randomOf(6) + 1n;
      if (chance >= CHANCE_MAX) {
        time += 1n;
        chance = randomOf(10);
      }
    }
    if (time >= TIME_MAX) throw new Error("the clock is beyond the year 10889");
    return toMessageId(base32(time, 10) + base32(chance, 16));
  };
}

function randomOf(bytes: number): bigint {
  return BigInt(`0x${randomBytes(bytes).toString("hex")}`);
}

function base32(value: bigint, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest >>= 5n) text = (ALPHABET[Number(rest & 31n)] ?? "") + text;
  return text;
}
