/**
 * The body hash of a DKIM signature, in the relaxed canonicalisation (RFC 6376 section 3.4.4), of a body that streams by.
 * Promises: one pass; the same hash for every split into chunks; memory does not grow with the body, nor with a line of it.
 * A LF without CR ends a line, a CR without LF is content.
 */
import { createHash } from "node:crypto";

const SPACE = 0x20;
const TAB = 0x09;
const CR = 0x0d;
const LF = 0x0a;

const TWO_SPACES = Buffer.from("  ");

/** Runs from this length on are hashed where they lie; shorter ones are gathered first. */
const LONG_RUN_BYTES = 1_024;
/** One for all: an update leaves it empty. */
const gathered = Buffer.allocUnsafeSlow(16_384);

export class RelaxedBodyHash {
  readonly #hash = createHash("sha256");
  #isEmpty = true;
  // What came last and counts only if content follows, in this order: line breaks, white space, a CR.
  #breaks = 0;
  #endsWithSpace = false;
  #endsWithCr = false;
  #gatheredBytes = 0;

  update(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // The first line may have begun, and the last one end, in another chunk.
    const lines = chunk.indexOf(LF) + 1;
    this.#takeBytes(chunk, 0, lines);
    this.#takeBytes(chunk, this.#takeLines(chunk, lines), chunk.length);
    this.#hashGathered();
  }

  /** In base64, as bh= has it. Ends the hash. */
  digest(): string {
    // No LF can follow this CR any more: it is content.
    if (this.#endsWithCr) this.#takeBlank();
    if (!this.#isEmpty) this.#gatherBreak();
    this.#hashGathered();
    return this.#hash.digest("base64");
  }

  /** Whole lines from `from` on; most stay as they are and are hashed together. Returns where the line without end begins. */
  #takeLines(chunk: Buffer, from: number): number {
    let tab = -1;
    let spaces = -1;
    let runStart = from;
    let at = from;
    for (let lf = chunk.indexOf(LF, at); lf !== -1; lf = chunk.indexOf(LF, at)) {
      if (tab < at) tab = indexOrEnd(chunk, TAB, at);
      if (spaces < at) spaces = indexOrEnd(chunk, TWO_SPACES, at);
      const end = contentEnd(chunk, at, lf);
      const next = lf + 1;
      if (end === at || tab < end || spaces < end) {
        this.#takeWholeLines(chunk, runStart, at);
        this.#takeBytes(chunk, at, next);
        runStart = next;
      } else if (chunk[end] !== CR) {
        // White space at its end, or a LF alone.
        this.#takeRun(chunk, runStart, end);
        this.#breaks = 1;
        runStart = next;
      }
      at = next;
    }
    this.#takeWholeLines(chunk, runStart, at);
    return at;
  }

  #takeWholeLines(chunk: Buffer, from: number, to: number): void {
    if (from === to) return;
    this.#takeRun(chunk, from, to - 2);
    this.#breaks = 1;
  }

  /** Content that stays as it is. */
  #takeRun(chunk: Buffer, from: number, to: number): void {
    this.#takeBlank();
    this.#isEmpty = false;
    if (to - from < LONG_RUN_BYTES) {
      this.#makeRoom(to - from);
      this.#gatheredBytes += chunk.copy(gathered, this.#gatheredBytes, from, to);
      return;
    }
    this.#hashGathered();
    this.#hash.update(chunk.subarray(from, to));
  }

  /** Byte by byte: pieces of lines, and lines that change. */
  #takeBytes(chunk: Buffer, from: number, to: number): void {
    for (let at = from; at < to; at++) {
      const byte = chunk[at] ?? 0;
      switch (byte) {
        case LF:
          this.#breaks += 1;
          this.#endsWithSpace = false;
          this.#endsWithCr = false;
          break;
        case SPACE:
        case TAB:
          if (this.#endsWithCr) this.#takeBlank();
          this.#endsWithSpace = true;
          break;
        case CR:
          if (this.#endsWithCr) this.#takeBlank();
          this.#endsWithCr = true;
          break;
        default:
          this.#takeBlank();
          this.#isEmpty = false;
          this.#gather(byte);
      }
    }
  }

  /** Content follows, or the CR is content itself. */
  #takeBlank(): void {
    for (; this.#breaks > 0; this.#breaks--) this.#gatherBreak();
    if (this.#endsWithSpace) this.#gather(SPACE);
    if (this.#endsWithCr) {
      this.#gather(CR);
      this.#isEmpty = false;
    }
    this.#endsWithSpace = false;
    this.#endsWithCr = false;
  }

  #gatherBreak(): void {
    this.#gather(CR);
    this.#gather(LF);
  }

  #gather(byte: number): void {
    this.#makeRoom(1);
    gathered[this.#gatheredBytes++] = byte;
  }

  #makeRoom(bytes: number): void {
    if (this.#gatheredBytes + bytes > gathered.length) this.#hashGathered();
  }

  #hashGathered(): void {
    if (this.#gatheredBytes > 0) this.#hash.update(gathered.subarray(0, this.#gatheredBytes));
    this.#gatheredBytes = 0;
  }
}

function indexOrEnd(chunk: Buffer, wanted: number | Buffer, from: number): number {
  const found = chunk.indexOf(wanted, from);
  return found === -1 ? chunk.length : found;
}

/** Where the line from `start` to its LF ends without line break and white space. */
function contentEnd(chunk: Buffer, start: number, lf: number): number {
  let end = lf;
  if (end > start && chunk[end - 1] === CR) end--;
  while (end > start && (chunk[end - 1] === SPACE || chunk[end - 1] === TAB)) end--;
  return end;
}
