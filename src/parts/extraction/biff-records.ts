/**
 * Records of an Excel workbook before 2007 (MS-XLS 2.1.4), and the values in one, which may go on in the records behind it.
 * Promises: reading never goes beyond a record and its continuations: `isOver` says that there was less than was asked for.
 */
import type { Reading } from "./reading.ts";
import { codePageText } from "./code-pages.ts";
import { Unreadable } from "./reading.ts";

const HEADER_BYTES = 4;
const CONTINUE = 0x3c;
/** Records between two looks at the clock. */
const CHECK_EVERY = 10_000;
/** In a string: two bytes a character; phonetic hints follow; formats of runs follow. */
const FLAG = { isWide: 1, hasHints: 4, hasRuns: 8 } as const;

export type BiffRecord = { readonly type: number; readonly pieces: readonly Buffer[] };

export function* biffRecords(bytes: Buffer, reading: Reading): Generator<BiffRecord, void, undefined> {
  let type = -1;
  let pieces: Buffer[] = [];
  let at = 0;
  for (let count = 0; at + HEADER_BYTES <= bytes.length; count += 1) {
    if (count % CHECK_EVERY === 0) reading.checkTime();
    const next = bytes.readUInt16LE(at);
    const end = at + HEADER_BYTES + bytes.readUInt16LE(at + 2);
    const piece = bytes.subarray(at + HEADER_BYTES, end);
    if (next === CONTINUE && type !== -1) pieces.push(piece);
    else {
      if (type !== -1) yield { type, pieces };
      type = next;
      pieces = [piece];
    }
    if (end > bytes.length) break;
    at = end;
  }
  if (type !== -1) yield { type, pieces };
  if (bytes.subarray(at).some((byte) => byte !== 0)) throw new Unreadable("damaged");
}

export class BiffFields {
  isOver = false;
  readonly #pieces: readonly Buffer[];
  readonly #codePage: number | null;
  #piece = 0;
  #at = 0;

  /** `codePage` of strings in bytes; null from Excel 97 on, whose strings say themselves how wide they are. */
  constructor({ pieces }: BiffRecord, codePage: number | null) {
    this.#pieces = pieces;
    this.#codePage = codePage;
  }

  /** True where nothing is left. */
  get isEmpty(): boolean {
    return this.#piece >= this.#pieces.length - 1 && this.#at >= this.#current.length;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#pieces.slice(this.#piece).reduce((sum, { length }) => sum + length, 0) - this.#at;
  }

  byte(): number {
    this.#advance();
    const value = this.#current[this.#at];
    if (value === undefined) this.isOver = true;
    this.#at += 1;
    return value ?? 0;
  }

  short(): number {
    return this.byte() + this.byte() * 0x100;
  }

  long(): number {
    return this.short() + this.short() * 0x1_0000;
  }

  double(): number {
    const bytes = Buffer.from(Array.from({ length: 8 }, () => this.byte()));
    return bytes.readDoubleLE(0);
  }

  passOver(length: number): void {
    for (let left = length; left > 0 && !this.isOver;) {
      this.#advance();
      const step = Math.min(left, this.#current.length - this.#at);
      if (step <= 0) this.isOver = true;
      this.#at += step;
      left -= step;
    }
  }

  /** A string behind its length in characters. */
  text(lengthBytes: 1 | 2 = 2): string {
    return this.chars(lengthBytes === 1 ? this.byte() : this.short());
  }

  chars(length: number): string {
    if (this.#codePage !== null) return codePageText(this.take(length), this.#codePage).text;
    const flags = this.byte();
    const runs = (flags & FLAG.hasRuns) === 0 ? 0 : this.short();
    const hints = (flags & FLAG.hasHints) === 0 ? 0 : this.long();
    const text = this.#unicode(length, (flags & FLAG.isWide) !== 0);
    this.passOver(runs * 4 + hints);
    return text;
  }

  /** Where a record is continued within a string, the width of its characters is said anew. */
  #unicode(length: number, isWideFirst: boolean): string {
    let isWide = isWideFirst;
    let text = "";
    for (let left = length; left > 0 && !this.isOver;) {
      if (this.#at >= this.#current.length) {
        if (this.#piece >= this.#pieces.length - 1) {
          this.isOver = true;
          break;
        }
        this.#advance();
        isWide = (this.byte() & FLAG.isWide) !== 0;
      }
      const width = isWide ? 2 : 1;
      const chars = Math.min(left, Math.floor((this.#current.length - this.#at) / width));
      if (chars <= 0) {
        this.isOver = true;
        break;
      }
      text += this.#current.toString(isWide ? "utf16le" : "latin1", this.#at, this.#at + chars * width);
      this.#at += chars * width;
      left -= chars;
    }
    return text;
  }

  /** Of one record, without those that continue it. */
  take(length: number): Buffer {
    this.#advance();
    const bytes = this.#current.subarray(this.#at, this.#at + length);
    if (bytes.length < length) this.isOver = true;
    this.#at += length;
    return bytes;
  }

  get #current(): Buffer {
    return this.#pieces[this.#piece] ?? NOTHING;
  }

  #advance(): void {
    while (this.#at >= this.#current.length && this.#piece < this.#pieces.length - 1) {
      this.#piece += 1;
      this.#at = 0;
    }
  }
}

const NOTHING = Buffer.alloc(0);
