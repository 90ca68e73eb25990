/**
 * A text that knows of each of its characters where it stood in the text it was made from.
 * Promises: changes as a string does, by the same patterns, and keeps its origins; what cannot be told is said. For explaining one
 * message at a time, never while mail is inspected.
 */

/** What a string and a mapped text have in common: whatever is written for it maps as it reads. */
export interface Rewritable<T> {
  replace(pattern: RegExp, by: string): T;
  replace(pattern: RegExp, by: (match: string, ...groups: string[]) => string): T;
  normalize(form: "NFKC"): T;
  trimStart(): T;
  toString(): string;
}

export type Origin = {
  readonly start: number;
  readonly end: number;
  /** False: it is a piece of something, such as an attribute of a tag. */
  readonly isExact: boolean;
};

const EXACT = 0;
const WITHIN = 1;
const UNKNOWN = 2;
/** What may change together under NFKC: a character with its marks, letters of Hangul, whatever is not ASCII. */
const CLUSTER = /[\u1100-\u115f][\u1160-\u11ff]+|\P{M}\p{M}+|[^\0-\x7f]/gu; // oxlint-disable-line no-control-regex

class Builder {
  text = "";
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly how: number[] = [];

  /** Characters of another text as they stand there. */
  copy(from: MappedText, start: number, end: number): void {
    this.swap(from, start, from.text.slice(start, end));
  }

  /** As many others in their stead. */
  swap(from: MappedText, start: number, text: string): void {
    this.text += text;
    const end = start + text.length;
    for (let i = start; i < end; i += 1) this.#add(from.starts[i] ?? 0, from.ends[i] ?? 0, from.how[i] ?? UNKNOWN);
  }

  put(text: string, { start, end, how }: { readonly start: number; readonly end: number; readonly how: number }): void {
    this.text += text;
    for (let i = 0; i < text.length; i += 1) this.#add(start, end, how);
  }

  #add(start: number, end: number, how: number): void {
    this.starts.push(start);
    this.ends.push(end);
    this.how.push(how);
  }

  done(): MappedText {
    return new MappedText(this);
  }
}

export class MappedText implements Rewritable<MappedText> {
  readonly text: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly how: readonly number[];

  constructor({ text, starts, ends, how }: Pick<MappedText, "text" | "starts" | "ends" | "how">) {
    this.text = text;
    this.starts = starts;
    this.ends = ends;
    this.how = how;
  }

  /** A text as it stands. */
  static of(text: string): MappedText {
    const starts = Array.from({ length: text.length }, (_, i) => i);
    return new MappedText({ text, starts, ends: starts.map((i) => i + 1), how: starts.map(() => EXACT) });
  }

  /** A text made of these characters; blanks that part what stands around them are exact. */
  static made(text: string, { start, end }: { readonly start: number; readonly end: number }): MappedText {
    const builder = new Builder();
    builder.put(text, { start, end, how: text.trim() === "" ? EXACT : WITHIN });
    return builder.done();
  }

  /** A text of which nothing is known. */
  static unknown(text: string): MappedText {
    const builder = new Builder();
    builder.put(text, { start: 0, end: 0, how: UNKNOWN });
    return builder.done();
  }

  static joined(texts: readonly MappedText[]): MappedText {
    const builder = new Builder();
    for (const text of texts) builder.copy(text, 0, text.text.length);
    return builder.done();
  }

  slice(start: number, end: number): MappedText {
    const builder = new Builder();
    builder.copy(this, start, end);
    return builder.done();
  }

  /** `pattern` is global. */
  replace(pattern: RegExp, by: string | ((match: string, ...groups: string[]) => string)): MappedText {
    if (this.text.search(pattern) === -1) return this;
    const builder = new Builder();
    let at = 0;
    for (const match of this.text.matchAll(pattern)) {
      const [whole, ...groups] = match;
      const end = match.index + whole.length;
      const put = typeof by === "string" ? by : by(whole, ...groups);
      builder.copy(this, at, match.index);
      if (put.length === whole.length) builder.swap(this, match.index, put);
      else builder.put(put, this.#span(match.index, end));
      at = end;
    }
    builder.copy(this, at, this.text.length);
    return builder.done();
  }

  /** Cluster by cluster; where that makes another text, nothing is known of it. */
  normalize(form: "NFKC"): MappedText {
    const mapped = this.replace(CLUSTER, (cluster) => cluster.normalize(form));
    const whole = this.text.normalize(form);
    return mapped.text === whole ? mapped : MappedText.unknown(whole);
  }

  trimStart(): MappedText {
    return this.slice(this.text.length - this.text.trimStart().length, this.text.length);
  }

  toString(): string {
    return this.text;
  }

  /** Where these characters come from; null where that is not known of all of them. */
  originOf(start: number, end: number): Origin | null {
    if (start >= end || end > this.text.length) return null;
    const { how, ...span } = this.#span(start, end);
    return how === UNKNOWN ? null : { ...span, isExact: how === EXACT };
  }

  #span(from: number, to: number): { readonly start: number; readonly end: number; readonly how: number } {
    let [start, end, how] = [Number.POSITIVE_INFINITY, 0, EXACT];
    for (let i = from; i < to; i += 1) {
      start = Math.min(start, this.starts[i] ?? 0);
      end = Math.max(end, this.ends[i] ?? 0);
      how = Math.max(how, this.how[i] ?? UNKNOWN);
    }
    return { start, end, how };
  }
}
