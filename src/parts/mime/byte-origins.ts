/**
 * Where in the bytes of a part as stored each character of its text stands: through charset and transfer encoding.
 * Promises: what it says agrees with decode-body.ts and charset.ts, or it says nothing. Works byte by byte, for explaining one message
 * at a time, never while mail is inspected.
 */
import iconv from "iconv-lite";
import type { TransferEncoding } from "../../core/mime-structure.ts";

/** Of each thing decoded, the first byte it was made of, and the one behind the last. */
export type ByteOrigins = { readonly starts: readonly number[]; readonly ends: readonly number[] };

/** Of each character (UTF-16 unit) of the text that these bytes were read as; null where that cannot be told. */
export function charsetOrigins(bytes: Buffer, text: string, charset: string | null): ByteOrigins | null {
  // No byte makes two units, so that each makes one.
  if (text.length === bytes.length) return onesOf(bytes.length);
  for (const decoder of decodersOf(charset)) {
    const steps = stepsOf(bytes, decoder);
    if (steps.text === text) return steps;
  }
  return null;
}

/** Of each byte of the content; null where that cannot be told. */
export function transferOrigins(raw: Buffer, encoding: TransferEncoding, content: Buffer): ByteOrigins | null {
  switch (encoding) {
    case "7bit":
    case "8bit":
    case "binary":
      return content.equals(raw) ? onesOf(raw.length) : null;
    case "quoted-printable":
      return quotedPrintableOrigins(raw.toString("latin1"), content);
    case "base64":
      return base64Origins(raw.toString("latin1"), content);
    case "unknown":
      return null;
    default:
      return encoding satisfies never;
  }
}

function onesOf(length: number): ByteOrigins {
  const starts = Array.from({ length }, (_, i) => i);
  return { starts, ends: starts.map((i) => i + 1) };
}

type Step = (byte: Buffer) => string;

/** Whoever decodes the whole to the same text is the one that was used. */
function decodersOf(charset: string | null): readonly Step[] {
  const labels = ["utf-8", "utf-16le", "utf-16be", ...(charset === null ? [] : [charset.trim()])];
  return labels.flatMap((label) => [platformStep(label), iconvStep(label)].filter((step) => step !== null));
}

function platformStep(label: string): Step | null {
  try {
    const decoder = new TextDecoder(label);
    return (byte) => decoder.decode(byte, { stream: byte.length > 0 });
  } catch {
    // A label the platform does not know.
    return null;
  }
}

function iconvStep(label: string): Step | null {
  if (!iconv.encodingExists(label)) return null;
  const decoder = iconv.getDecoder(label);
  return (byte) => (byte.length === 0 ? (decoder.end() ?? "") : decoder.write(byte));
}

const NOTHING = Buffer.alloc(0);

function stepsOf(bytes: Buffer, step: Step): ByteOrigins & { readonly text: string } {
  const starts: number[] = [];
  const ends: number[] = [];
  let text = "";
  let from = 0;
  for (let at = 0; at <= bytes.length; at += 1) {
    const made = step(at === bytes.length ? NOTHING : bytes.subarray(at, at + 1));
    if (made === "") continue;
    const end = Math.min(at + 1, bytes.length);
    text += made;
    for (let i = 0; i < made.length; i += 1) {
      // A byte that ends a broken sequence is a character of its own.
      const isOwn = i > 0 && i === made.length - 1 && made.charCodeAt(i) === bytes[at];
      starts.push(isOwn ? at : from);
      ends.push(end);
    }
    from = end;
  }
  return { text, starts, ends };
}

const QUOTED = /=[ \t]*(?:\r?\n|$)|=[0-9A-Fa-f]{2}|[\s\S]/g;

function quotedPrintableOrigins(raw: string, content: Buffer): ByteOrigins | null {
  const origins = { starts: [] as number[], ends: [] as number[] };
  for (const { 0: token, index } of raw.matchAll(QUOTED)) {
    if (token.length > 1 && !/^=[0-9A-Fa-f]{2}$/.test(token)) continue;
    if (token === "=" && index === raw.length - 1) continue;
    const byte = token.length === 1 ? token.charCodeAt(0) : Number.parseInt(token.slice(1), 16);
    if (byte !== content[origins.starts.length]) return null;
    origins.starts.push(index);
    origins.ends.push(index + token.length);
  }
  return origins.starts.length === content.length ? origins : null;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BITS_OF_DIGIT = 6;
const BITS_OF_BYTE = 8;

/** A byte stands in two digits; padding ends a group. */
function base64Origins(raw: string, content: Buffer): ByteOrigins | null {
  const origins = { starts: [] as number[], ends: [] as number[] };
  let [bits, value, start] = [0, 0, 0];
  for (let at = 0; at < raw.length; at += 1) {
    const digit = DIGITS.indexOf(raw.charAt(at));
    if (raw[at] === "=") bits = 0;
    if (digit === -1) continue;
    if (bits === 0) start = at;
    value = ((value << BITS_OF_DIGIT) | digit) & 0xffff;
    bits += BITS_OF_DIGIT;
    if (bits < BITS_OF_BYTE) continue;
    bits -= BITS_OF_BYTE;
    if (((value >> bits) & 0xff) !== content[origins.starts.length]) return null;
    origins.starts.push(start);
    origins.ends.push(at + 1);
    start = at;
  }
  return origins.starts.length === content.length ? origins : null;
}
