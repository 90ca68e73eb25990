/**
 * Rich text as Outlook keeps it (MS-OXRTFCP): LZFu, or stored as it is.
 * Promises: each piece is paid for before the next one is made, and nothing of a promised size is believed; length and checksum are
 * compared, and what does not fit is told (`isWhole`). Throws `Unreadable` for what is no such text.
 */
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";

const HEADER_BYTES = 16;
const COMPRESSED = 0x75465a4c;
const STORED = 0x414c454d;
const WINDOW = 4_096;
/** What every window begins with (2.1.2.1). */
const BEGINNING = Buffer.from(
  "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript " +
    "\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par " +
    "\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx",
  "latin1",
);
const PIECE_BYTES = 65_536;

export type RichText = { readonly rtf: Buffer; readonly isWhole: boolean };

export function decompressRtf(bytes: Buffer, reading: Reading): RichText {
  if (bytes.length < HEADER_BYTES) throw new Unreadable("damaged");
  const compressedBytes = bytes.readUInt32LE(0);
  const rawBytes = bytes.readUInt32LE(4);
  const kind = bytes.readUInt32LE(8);
  // The size counts from behind itself.
  const end = Math.min(bytes.length, compressedBytes + 4);
  const input = bytes.subarray(HEADER_BYTES, end);
  if (kind === STORED) return { rtf: input.subarray(0, rawBytes), isWhole: input.length >= rawBytes };
  if (kind !== COMPRESSED) throw new Unreadable("unsupported_type");
  const { rtf, hasEnd } = inflate(input, reading);
  const isWhole = hasEnd && rtf.length === rawBytes && checksum(input) === bytes.readUInt32LE(12);
  return { rtf, isWhole };
}

/** Pieces of output, each paid for. */
class Output {
  readonly #reading: Reading;
  readonly #pieces: Buffer[] = [];
  #piece = Buffer.alloc(PIECE_BYTES);
  #at = 0;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  push(byte: number): void {
    if (this.#at === PIECE_BYTES) {
      this.#pieces.push(this.#cut());
      this.#piece = Buffer.alloc(PIECE_BYTES);
    }
    this.#piece[this.#at++] = byte;
  }

  end(): Buffer {
    return Buffer.concat([...this.#pieces, this.#cut()]);
  }

  #cut(): Buffer {
    const cut = this.#piece.subarray(0, this.#at);
    this.#reading.spendInflated(cut.length);
    this.#at = 0;
    return cut;
  }
}

function inflate(input: Buffer, reading: Reading): { readonly rtf: Buffer; readonly hasEnd: boolean } {
  const window = Buffer.alloc(WINDOW, 0x20);
  BEGINNING.copy(window);
  const out = new Output(reading);
  let write = BEGINNING.length;
  let at = 0;
  const put = (byte: number): void => {
    out.push(byte);
    window[write] = byte;
    write = (write + 1) % WINDOW;
  };
  while (at < input.length) {
    const control = input[at++] ?? 0;
    for (let bit = 0; bit < 8 && at < input.length; bit += 1) {
      if ((control & (1 << bit)) === 0) {
        put(input[at++] ?? 0);
        continue;
      }
      if (at + 2 > input.length) return { rtf: out.end(), hasEnd: false };
      const reference = input.readUInt16BE(at);
      at += 2;
      const offset = reference >> 4;
      // A reference to where the next byte will stand is the end.
      if (offset === write) return { rtf: out.end(), hasEnd: true };
      for (let count = 0; count < (reference & 0xf) + 2; count += 1) put(window[(offset + count) % WINDOW] ?? 0);
    }
  }
  return { rtf: out.end(), hasEnd: false };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0xedb8_8320;
  return value;
});

/** CRC-32 that begins with 0 and ends without being turned over (2.1.3.2). */
function checksum(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return crc >>> 0;
}
