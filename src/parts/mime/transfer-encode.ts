/**
 * Streaming transfer encodings (RFC 2045 sections 6.7 and 6.8): lines of at most 76 characters, ASCII only, memory of a line.
 * Promises: decoding gives the bytes back exactly; no output line begins with a dash, so none can be taken for a boundary.
 */

export interface TransferEncoder {
  push(bytes: Uint8Array): Buffer;
  end(): Buffer;
}

const LINE_CHARS_MAX = 76;
const BASE64_LINE_BYTES = 57;
const CR = 0x0d;
const LF = 0x0a;
const HEX = Buffer.from("0123456789ABCDEF");

/** Lines are separated, not ended, by CRLF. */
export class Base64Encoder implements TransferEncoder {
  #rest: Buffer = Buffer.alloc(0);
  #hasLines = false;

  push(bytes: Uint8Array): Buffer {
    const input = Buffer.concat([this.#rest, bytes]);
    const whole = input.length - (input.length % BASE64_LINE_BYTES);
    this.#rest = Buffer.from(input.subarray(whole));
    return this.#lines(input.subarray(0, whole));
  }

  end(): Buffer {
    return this.#lines(this.#rest);
  }

  #lines(input: Buffer): Buffer {
    const lines: string[] = [];
    for (let at = 0; at < input.length; at += BASE64_LINE_BYTES) {
      lines.push(input.toString("base64", at, Math.min(at + BASE64_LINE_BYTES, input.length)));
    }
    if (lines.length === 0) return Buffer.alloc(0);
    const text = (this.#hasLines ? "\r\n" : "") + lines.join("\r\n");
    this.#hasLines = true;
    return Buffer.from(text, "latin1");
  }
}

/** Base64 text put into lines of legal length; anything outside the alphabet is left out. */
export class Base64Rewrapper implements TransferEncoder {
  #rest = "";
  #hasLines = false;

  push(bytes: Uint8Array): Buffer {
    const clean = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    const text = this.#rest + clean.replace(/[^A-Za-z0-9+/=]+/g, "");
    const whole = text.length - (text.length % LINE_CHARS_MAX);
    this.#rest = text.slice(whole);
    return this.#lines(text.slice(0, whole));
  }

  end(): Buffer {
    return this.#lines(this.#rest);
  }

  #lines(text: string): Buffer {
    const lines = text.match(/.{1,76}/g) ?? [];
    if (lines.length === 0) return Buffer.alloc(0);
    const joined = (this.#hasLines ? "\r\n" : "") + lines.join("\r\n");
    this.#hasLines = true;
    return Buffer.from(joined, "latin1");
  }
}

/** CRLF stays a line break; a lone CR or LF is data and is escaped. */
export class QuotedPrintableEncoder implements TransferEncoder {
  #column = 0;
  /** A white space or CR whose meaning depends on the next byte. */
  #held: number | null = null;
  #output: Buffer = Buffer.alloc(0);
  #written = 0;

  push(bytes: Uint8Array): Buffer {
    // Three characters a byte, and a soft break of three after at least 24 bytes.
    this.#output = Buffer.allocUnsafe((bytes.length + 2) * 4);
    this.#written = 0;
    for (const byte of bytes) this.#next(byte);
    return this.#output.subarray(0, this.#written);
  }

  end(): Buffer {
    this.#output = Buffer.allocUnsafe(8);
    this.#written = 0;
    if (this.#held !== null) this.#escaped(this.#held);
    this.#held = null;
    return this.#output.subarray(0, this.#written);
  }

  #next(byte: number): void {
    const held = this.#held;
    this.#held = null;
    if (held === CR) {
      if (byte === LF) {
        this.#byte(CR);
        this.#byte(LF);
        this.#column = 0;
        return;
      }
      this.#escaped(CR);
    } else if (held !== null) {
      // White space before a line break must not stand bare (RFC 2045 section 6.7 rule 3).
      if (byte === CR) this.#escaped(held);
      else this.#literal(held);
    }
    if (byte === CR || byte === 0x20 || byte === 0x09) this.#held = byte;
    else if (byte > 0x20 && byte < 0x7f && byte !== 0x3d) this.#literal(byte);
    else this.#escaped(byte);
  }

  #literal(byte: number): void {
    this.#wrap(1);
    if (byte === 0x2d && this.#column === 0) {
      this.#escaped(byte);
      return;
    }
    this.#byte(byte);
    this.#column++;
  }

  #escaped(byte: number): void {
    this.#wrap(3);
    this.#byte(0x3d);
    this.#byte(HEX[byte >> 4] ?? 0);
    this.#byte(HEX[byte & 15] ?? 0);
    this.#column += 3;
  }

  #wrap(width: number): void {
    if (this.#column + width < LINE_CHARS_MAX) return;
    this.#byte(0x3d);
    this.#byte(CR);
    this.#byte(LF);
    this.#column = 0;
  }

  #byte(byte: number): void {
    this.#output[this.#written++] = byte;
  }
}
