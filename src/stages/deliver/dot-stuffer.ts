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

  /** The framed form of the next bytes; the input itself where nothing changes. */
  push(bytes: Uint8Array): Buffer {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (chunk.length === 0) return chunk;
    if (this.#endsWithCr && chunk[0] !== LF) throw new BareLineBreakError();
    const parts: Buffer[] = [];
    let from = 0;
    // The LF of a CR in the chunk before, or the rest of a line, stands before the first line that begins here.
    let line = this.#isLineStart ? 0 : this.#endsWithCr ? 1 : nextLine(chunk, 0);
    for (; line !== -1; line = nextLine(chunk, line)) {
      if (chunk[line] !== DOT) continue;
      parts.push(chunk.subarray(from, line + 1));
      from = line;
    }
    const last = chunk[chunk.length - 1];
    this.#endsWithCr = last === CR;
    this.#isLineStart = last === LF;
    if (parts.length === 0) return chunk;
    parts.push(chunk.subarray(from));
    return Buffer.concat(parts);
  }

  /** What closes the message: the line end where the last line has none, and the final dot. */
  end(): Buffer {
    if (this.#endsWithCr) throw new BareLineBreakError();
    return Buffer.from(this.#isLineStart ? ".\r\n" : "\r\n.\r\n", "latin1");
  }
}

/** Where the line after the one at `at` begins, which may be the end of the chunk; -1 where its CRLF is not all here. */
function nextLine(chunk: Buffer, at: number): number {
  const cr = chunk.indexOf(CR, at);
  const lf = chunk.indexOf(LF, at);
  if (lf === -1 && (cr === -1 || cr === chunk.length - 1)) return -1;
  if (cr === -1 || lf !== cr + 1) throw new BareLineBreakError();
  return lf + 1;
}
