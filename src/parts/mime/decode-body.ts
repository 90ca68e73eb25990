/**
 * Decodes the body of one part that fits in memory: transfer encoding (RFC 2045 section 6), then charset.
 * Promises: never throws; what cannot be read for sure is `unreadable`, never half a text passed off as the whole.
 * The caller bounds the buffer. Leaves markup to inspect.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { UninspectableReason } from "../../core/findings.ts";
import type { MimePart, TransferEncoding } from "../../core/mime-structure.ts";
import { decodeCharset } from "./charset.ts";

export type UnreadableReason = Extract<UninspectableReason, "unknown_charset" | "damaged">;

export type DecodedBody =
  { readonly kind: "text"; readonly text: string } | { readonly kind: "unreadable"; readonly reason: UnreadableReason };

export type DecodedBytes =
  { readonly kind: "bytes"; readonly bytes: Buffer } | { readonly kind: "unreadable"; readonly reason: "damaged" };

/** The text of a text part; `bytes` are its body as stored. */
export function decodeBody(bytes: Uint8Array, part: Pick<MimePart, "encoding" | "charset">): DecodedBody {
  const decoded = decodeTransfer(bytes, part.encoding);
  if (decoded.kind === "unreadable") return decoded;
  const text = decodeCharset(decoded.bytes, part.charset);
  return text === null ? { kind: "unreadable", reason: "unknown_charset" } : { kind: "text", text };
}

/** The content of any part, its transfer encoding removed. */
export function decodeTransfer(bytes: Uint8Array, encoding: TransferEncoding): DecodedBytes {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (encoding) {
    case "7bit":
    case "8bit":
    case "binary":
      return { kind: "bytes", bytes: buffer };
    case "quoted-printable":
      return { kind: "bytes", bytes: decodeQuotedPrintable(buffer) };
    case "base64":
      return decodeBase64(buffer);
    case "unknown":
      return { kind: "unreadable", reason: "damaged" };
    default:
      return assertNever(encoding);
  }
}

/** More pieces than this are no file put together from files. */
const BASE64_PIECES_MAX = 1_000;

/**
 * Pieces that end in padding and are followed by more are decoded one by one: some readers stop there, some go on. Padding
 * that does not complete its group is skipped by some readers and ends the text for others: damaged.
 */
function decodeBase64(buffer: Buffer): DecodedBytes {
  const text = buffer.toString("latin1");
  const whole = wellFormedBase64(text);
  if (whole !== null) return { kind: "bytes", bytes: whole };
  if (/[^A-Za-z0-9+/=\s\0]/.test(text)) return { kind: "unreadable", reason: "damaged" };
  const padding = text.indexOf("=");
  if (padding === -1) return { kind: "bytes", bytes: Buffer.from(text, "base64") };
  if (/^[=\s\0]*$/.test(text.slice(padding)))
    return { kind: "bytes", bytes: Buffer.from(text.slice(0, padding), "base64") };
  const pieces = base64Pieces(text);
  if (pieces === null || !pieces.slice(0, -1).every(isComplete)) return { kind: "unreadable", reason: "damaged" };
  return { kind: "bytes", bytes: joinPieces(pieces) };
}

/** Nearly all base64 of mail: one piece, checked and decoded in one native pass. Null for any other. */
function wellFormedBase64(text: string): Buffer | null {
  try {
    const { buffer, byteOffset, byteLength } = Uint8Array.fromBase64(text);
    return Buffer.from(buffer, byteOffset, byteLength);
  } catch {
    // A character that is none of base64, or padding where others disagree on it: looked at closer.
    return null;
  }
}

/** What can be read of damaged base64: foreign characters left out, padding taken for the end of a piece. */
export function decodeBase64Loosely(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const clean = text.replace(/[^A-Za-z0-9+/=]+/g, "");
  const pieces = base64Pieces(clean);
  return pieces === null ? Buffer.from(clean.replaceAll("=", ""), "base64") : joinPieces(pieces);
}

/** Characters and the padding behind them, again and again; null where there are too many. */
function base64Pieces(text: string): readonly string[] | null {
  const pieces: string[] = [];
  for (const match of text.replace(/[\s\0]+/g, "").matchAll(/[^=]*=+|[^=]+$/g)) {
    if (pieces.length === BASE64_PIECES_MAX) return null;
    pieces.push(match[0]);
  }
  return pieces;
}

function isComplete(piece: string): boolean {
  return piece.length % 4 === 0 && !piece.endsWith("===");
}

function joinPieces(pieces: readonly string[]): Buffer {
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
}

const EQUALS = 0x3d;
const LF = 0x0a;
const CR = 0x0d;

function decodeQuotedPrintable(input: Buffer): Buffer {
  // Much of what is called quoted-printable has nothing to quote.
  const first = input.indexOf(EQUALS);
  if (first === -1) return input;
  const output = Buffer.allocUnsafe(input.length);
  let written = input.copy(output, 0, 0, first);
  for (let at = first; at < input.length;) {
    const byte = input[at] ?? 0;
    if (byte !== EQUALS) {
      output[written++] = byte;
      at++;
      continue;
    }
    const soft = softBreak(input, at + 1);
    if (soft !== null) {
      at = soft;
      continue;
    }
    const high = hexOf(input[at + 1]);
    const low = hexOf(input[at + 2]);
    if (high === -1 || low === -1) {
      // RFC 2045 section 6.7: show what is not an escape as it stands.
      output[written++] = EQUALS;
      at++;
    } else {
      output[written++] = high * 16 + low;
      at += 3;
    }
  }
  return output.subarray(0, written);
}

/** Where the text goes on after a soft line break whose white space begins at `from`, or null. */
function softBreak(input: Buffer, from: number): number | null {
  let at = from;
  while (input[at] === 0x20 || input[at] === 0x09) at++;
  if (at >= input.length) return at;
  if (input[at] === LF) return at + 1;
  if (input[at] === CR && input[at + 1] === LF) return at + 2;
  return null;
}

function hexOf(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
