/** Words of a scanned text by their number, for detectors that look at neighbours. Promises: total; holds no copy of the text. */
import { quickStep, spread, quickHash } from "../../parts/edm/edm-hash.ts";
import { fold } from "../../parts/edm/edm-values.ts";
import type { ScannedSegment } from "./compiled-pack.ts";

/** A longer word is none that anybody is called. */
const WORD_CHARS_MAX = 48;

export class TokenReader {
  readonly count: number;
  readonly #text: string;
  readonly #bounds: Int32Array;
  readonly #seed: number;

  constructor({ segment, tokens }: ScannedSegment, seed: number) {
    this.count = tokens.count;
    this.#text = segment.text;
    this.#bounds = tokens.bounds;
    this.#seed = seed;
  }

  start(token: number): number {
    return this.#bounds[token * 2] ?? 0;
  }

  end(token: number): number {
    return this.#bounds[token * 2 + 1] ?? 0;
  }

  /** "" beyond the first and the last. */
  word(token: number): string {
    if (token < 0 || token >= this.count || this.end(token) - this.start(token) > WORD_CHARS_MAX) return "";
    return this.#text.slice(this.start(token), this.end(token));
  }

  /** What stands between a word and the next one; null where that is much, or there is no next one. */
  gap(token: number): string | null {
    if (token < 0 || token + 1 >= this.count) return null;
    const from = this.end(token);
    const to = this.start(token + 1);
    return to - from > 4 ? null : this.#text.slice(from, to);
  }

  /** The one sign between a word and the next; 0 where there is more, none, or no next word. */
  sign(token: number): number {
    if (token < 0 || token + 1 >= this.count) return 0;
    const at = this.end(token);
    return this.start(token + 1) - at === 1 ? this.#text.charCodeAt(at) : 0;
  }

  length(token: number): number {
    return token < 0 || token >= this.count ? 0 : this.end(token) - this.start(token);
  }

  /** ASCII digits only, and any. */
  isNumber(token: number): boolean {
    if (token < 0 || token >= this.count) return false;
    const end = this.end(token);
    for (let at = this.start(token); at < end; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code < 48 || code > 57) return false;
    }
    return true;
  }

  number(token: number): number {
    return Number(this.word(token));
  }

  /** The first character; 0 beyond the first and the last word. */
  firstCode(token: number): number {
    return token < 0 || token >= this.count ? 0 : this.#text.charCodeAt(this.start(token));
  }

  hasDigit(token: number): boolean {
    if (token < 0 || token >= this.count) return false;
    const end = this.end(token);
    for (let at = this.start(token); at < end; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code >= 48 && code <= 57) return true;
    }
    return false;
  }

  /** The quick hash of the word, folded. */
  hash(token: number): number {
    const start = this.start(token);
    const end = this.end(token);
    if (end - start > WORD_CHARS_MAX) return 0;
    let hash = this.#seed;
    for (let at = start; at < end; at += 1) {
      let code = this.#text.charCodeAt(at);
      if (code >= 128) return quickHash(fold(this.#text.slice(start, end)), this.#seed);
      if (code >= 65 && code <= 90) code |= 32;
      hash = quickStep(hash, code);
    }
    return spread(hash);
  }

  isCapital(token: number): boolean {
    return /^\p{Lu}/u.test(this.word(token));
  }
}
