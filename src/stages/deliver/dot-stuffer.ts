/**
 * Frames a message for DATA (RFC 5321 section 4.5.2): doubles a dot that begins a line, adds the final dot.
 * Promises: the same output however the bytes are cut; a bare CR or LF is never sent, because receivers disagree on it
 * and another message could be smuggled behind it. Changes nothing else.
 */

/** The message holds a CR without LF or a LF without CR. */
export class BareLineBreakError extends Error {
  constructor() {
    super("a bare CR or LF in the prepared message");
    this.name = "BareLineBreakError";
  }
}

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

export class DotStuffer {
  #isLineStart = true;
  #endsWithCr = false;
  #isEmpty = true;

  /** The framed form of the next bytes; parts of the input are passed on, not copied, where nothing changes. */
  push(bytes: Uint8Array): Buffer {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (chunk.length === 0) return chunk;
    this.#isEmpty = false;
    this.#checkLineBreaks(chunk);
    const parts: Buffer[] = [];
    let from = 0;
    let dot = this.#isLineStart && chunk[0] === DOT ? 0 : nextLineDot(chunk, 0);
    while (dot >= 0) {
      parts.push(chunk.subarray(from, dot + 1));
      from = dot;
      dot = nextLineDot(chunk, dot);
    }
    this.#endsWithCr = chunk.at(-1) === CR;
    this.#isLineStart = chunk.at(-1) === LF;
    if (parts.length === 0) return chunk;
    parts.push(chunk.subarray(from));
    return Buffer.concat(parts);
  }

  /** What closes the message: the line end where the last line has none, and the final dot. */
  end(): Buffer {
    if (this.#endsWithCr) throw new BareLineBreakError();
    return Buffer.from(this.#isLineStart || this.#isEmpty ? ".\r\n" : "\r\n.\r\n", "latin1");
  }

  #checkLineBreaks(chunk: Buffer): void {
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
      if (at === 0 ? !this.#endsWithCr : chunk[at - 1] !== CR) throw new BareLineBreakError();
    }
    if (this.#endsWithCr && chunk[0] !== LF) throw new BareLineBreakError();
    for (let at = chunk.indexOf(CR); at >= 0; at = chunk.indexOf(CR, at + 1)) {
      if (at + 1 < chunk.length && chunk[at + 1] !== LF) throw new BareLineBreakError();
    }
  }
}

/** Index of the next dot that follows a LF after `from`. */
function nextLineDot(chunk: Buffer, from: number): number {
  for (let at = chunk.indexOf(LF, from); at >= 0; at = chunk.indexOf(LF, at + 1)) {
    if (chunk[at + 1] === DOT) return at + 1;
  }
  return -1;
}
