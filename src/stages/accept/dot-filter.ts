/**
 * The message inside DATA (RFC 5321 sections 4.1.1.4, 4.5.2): finds its end, takes off the dots, judges its lines.
 * Promises: only CRLF.CRLF ends the data, wherever chunks are cut; what was emitted without a defect is canonical CRLF
 * text. With a defect it keeps looking for the end and emits no more. Does not count size; see receive.ts.
 */

export type BodyDefect = "bare-newline" | "nul" | "line-too-long";

export type FilterStep = {
  /** Message bytes in order; views of the chunk wherever that is possible. */
  readonly segments: readonly Buffer[];
  /** Bytes of the chunk that belonged to the message; the rest follows it. Always all of it until `ended`. */
  readonly consumed: number;
  readonly ended: boolean;
};

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;

/** Where the last byte left us: at the start of a line, inside one, or somewhere in CR / dot / dot CR. */
type State = "start" | "text" | "cr" | "dot" | "dot-cr";

const CR_BYTE = Buffer.from("\r");

export class DotFilter {
  readonly #lineBytesMax: number;
  #state: State = "start";
  #lineBytes = 0;
  #defect: BodyDefect | null = null;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The first defect met. */
  get defect(): BodyDefect | null {
    return this.#defect;
  }

  push(chunk: Buffer): FilterStep {
    const segments: Buffer[] = [];
    // A dot, or a dot and a CR, is held back across chunks until what follows tells what it was.
    let from = 0;
    let at = 0;
    const emit = (to: number): void => {
      if (this.#defect === null && to > from) segments.push(chunk.subarray(from, to));
    };
    while (at < chunk.length) {
      if (this.#state === "text") {
        at = this.#skipText(chunk, at);
        if (at === chunk.length) break;
      }
      const byte = chunk[at] ?? NUL;
      switch (this.#state) {
        case "start":
          if (byte === DOT) {
            emit(at);
            from = at + 1;
            this.#state = "dot";
          } else this.#ordinary(byte);
          break;
        case "text":
          this.#ordinary(byte);
          break;
        case "cr":
          this.#afterCr(byte);
          break;
        case "dot":
          if (byte === CR) {
            from = at + 1;
            this.#state = "dot-cr";
          } else this.#ordinary(byte);
          break;
        case "dot-cr":
          if (byte === LF) return { segments, consumed: at + 1, ended: true };
          // The CR was no line end: a defect, and the line goes on.
          if (this.#defect === null) segments.push(CR_BYTE);
          this.#afterCr(byte);
          break;
      }
      at++;
    }
    emit(chunk.length);
    return { segments, consumed: chunk.length, ended: false };
  }

  /** Everything above CR needs no look of its own. */
  #skipText(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length && (chunk[at] ?? 0) > CR) at++;
    this.#count(at - start);
    return at;
  }

  #ordinary(byte: number): void {
    if (byte === CR) {
      this.#state = "cr";
      return;
    }
    if (byte === LF) this.#fail("bare-newline");
    else if (byte === NUL) this.#fail("nul");
    this.#count(1);
    this.#state = "text";
  }

  #afterCr(byte: number): void {
    if (byte === LF) {
      this.#state = "start";
      this.#lineBytes = 0;
      return;
    }
    this.#fail("bare-newline");
    this.#ordinary(byte);
  }

  #count(bytes: number): void {
    this.#lineBytes += bytes;
    if (this.#lineBytes > this.#lineBytesMax) this.#fail("line-too-long");
  }

  #fail(defect: BodyDefect): void {
    this.#defect ??= defect;
  }
}
