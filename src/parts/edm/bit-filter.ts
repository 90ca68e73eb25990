/**
 * A Bloom filter that says of most strangers at once that they are strangers.
 * Promises: whatever was added is known; its size is a power of two, so that it can be made large and folded to what was really
 * added. Works on memory that threads share.
 */
import { spread } from "./edm-hash.ts";

const PROBES = 4;
/** After folding: one stranger in some hundreds passes. */
const BITS_PER_ENTRY_MIN = 12;
const WORD_BITS = 32;

export function filterKnows(words: Uint32Array, mark: number): boolean {
  const last = words.length * WORD_BITS - 1;
  const step = spread(mark ^ 0x5bd1e995) | 1;
  let at = mark;
  for (let probe = 0; probe < PROBES; probe += 1) {
    const bit = (at & last) >>> 0;
    if (((words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    at = (at + step) | 0;
  }
  return true;
}

export function filterAdd(words: Uint32Array, mark: number): void {
  const last = words.length * WORD_BITS - 1;
  const step = spread(mark ^ 0x5bd1e995) | 1;
  let at = mark;
  for (let probe = 0; probe < PROBES; probe += 1) {
    const bit = (at & last) >>> 0;
    words[bit >>> 5] = (words[bit >>> 5] ?? 0) | (1 << (bit & 31));
    at = (at + step) | 0;
  }
}

/** Room for so many entries, as long as it is no more than fits in memory. */
export function newFilter(entries: number): Uint32Array {
  const bits = 2 ** Math.min(30, Math.max(10, Math.ceil(Math.log2(entries * BITS_PER_ENTRY_MIN * 2))));
  return new Uint32Array(bits / WORD_BITS);
}

/** As small as the entries allow. */
export function foldFilter(words: Uint32Array, entries: number): Uint32Array {
  let folded = words;
  while (folded.length > 32 && (folded.length * WORD_BITS) / 2 >= entries * BITS_PER_ENTRY_MIN) {
    const half = folded.length / 2;
    for (let i = 0; i < half; i += 1) folded[i] = (folded[i] ?? 0) | (folded[i + half] ?? 0);
    folded = folded.subarray(0, half);
  }
  return folded;
}
