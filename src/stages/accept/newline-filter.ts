/**
 * The message inside BDAT chunks (RFC 3030): no dots, no end mark, and lines as their author left them.
 * Promises: emits canonical CRLF text and says whether it had to change anything; cuts between chunks do not matter.
 * Refuses NUL and endless lines like DATA does.
 */
import type { BodyDefect } from "./dot-filter.ts";

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;

const CRLF = Buffer.from("\r\n");

export class NewlineFilter {
  readonly #lineBytesMax: number;
  #defect: BodyDefect | null = null;
  #hasNormalised = false;
  /** The chunk ended in a CR, held back: alone it becomes CRLF, with LF it is one. */
  #hasPendingCr = false;
  #lineBytes = 0;
  #isAtLineStart = true;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  get defect(): BodyDefect | null {
    return this.#defect;
  }

  /** A bare CR or LF became CRLF, or the last line got one. */
  get hasNormalised(): boolean {
    return this.#hasNormalised;
  }

  push(chunk: Buffer): readonly Buffer[] {
    const segments: Buffer[] = [];
    let from = 0;
    let at = 0;
    /** Replaces chunk[at, to) by CRLF. */
    const breakLine = (to: number): void => {
      if (at > from) segments.push(chunk.subarray(from, at));
      segments.push(CRLF);
      this.#lineEnd();
      from = to;
      at = to;
    };
    if (this.#hasPendingCr && chunk.length > 0) {
      this.#hasPendingCr = false;
      this.#hasNormalised ||= chunk[0] !== LF;
      breakLine(chunk[0] === LF ? 1 : 0);
    }
    while (at < chunk.length) {
      at = this.#skipText(chunk, at);
      if (at === chunk.length) break;
      if (chunk[at] === CR && chunk[at + 1] === LF) {
        this.#lineEnd();
        at += 2;
      } else if (chunk[at] === CR && at + 1 === chunk.length) {
        this.#hasPendingCr = true;
        break;
      } else {
        this.#hasNormalised = true;
        breakLine(at + 1);
      }
    }
    if (at > from) segments.push(chunk.subarray(from, at));
    return this.#defect === null ? segments : [];
  }

  /** After the last chunk: what was held back, and the line end a last line lacks. */
  end(): readonly Buffer[] {
    if (!this.#hasPendingCr && this.#isAtLineStart) return [];
    this.#hasNormalised = true;
    this.#hasPendingCr = false;
    this.#lineEnd();
    return this.#defect === null ? [CRLF] : [];
  }

  /** Walks over everything that is no line end. */
  #skipText(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length) {
      const byte = chunk[at] ?? 0;
      if (byte === CR || byte === LF) break;
      if (byte === NUL) this.#defect ??= "nul";
      at++;
    }
    if (at > start) {
      this.#isAtLineStart = false;
      this.#lineBytes += at - start;
      if (this.#lineBytes > this.#lineBytesMax) this.#defect ??= "line-too-long";
    }
    return at;
  }

  #lineEnd(): void {
    this.#lineBytes = 0;
    this.#isAtLineStart = true;
  }
}
