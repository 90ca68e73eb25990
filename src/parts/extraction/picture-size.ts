/**
 * How many pixels a picture says it has, from its header: PNG, JPEG, GIF, BMP, TIFF, WebP, PNM. Pure.
 * Null where it cannot be told, or where several pictures lie in one file: then nobody knows what reading it would cost.
 */
export function pixelsOf(bytes: Buffer): number | null {
  const size = sizeOf(bytes);
  return size === null || size.width < 1 || size.height < 1 ? null : size.width * size.height;
}

type Size = { readonly width: number; readonly height: number };

function sizeOf(bytes: Buffer): Size | null {
  if (bytes.length < 32) return null;
  const magic = bytes.toString("latin1", 0, 4);
  if (magic === "\x89PNG") return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  if (magic.startsWith("GIF8")) return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  if (magic.startsWith("BM")) return { width: bytes.readInt32LE(18), height: Math.abs(bytes.readInt32LE(22)) };
  if (/^P[456]\s/.test(magic)) return pnmSize(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegSize(bytes);
  if (magic === "II*\0" || magic === "MM\0*") return tiffSize(bytes);
  return magic === "RIFF" ? webpSize(bytes) : null;
}

function pnmSize(bytes: Buffer): Size | null {
  const match = /^P[456]\s(\d{1,6})\s(\d{1,6})\s/.exec(bytes.toString("latin1", 0, 32));
  return match === null ? null : { width: Number(match[1]), height: Number(match[2]) };
}

/** The frame header stands behind other segments (ITU-T T.81 annex B). */
function jpegSize(bytes: Buffer): Size | null {
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1] ?? 0;
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return null;
}

const WIDTH = 256;
const HEIGHT = 257;

/** One directory only: further pages would be more pictures. */
function tiffSize(bytes: Buffer): Size | null {
  const isBig = bytes[0] === 0x4d;
  const short = (at: number): number => (isBig ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at));
  const long = (at: number): number => (isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at));
  const start = long(4);
  if (start + 2 > bytes.length) return null;
  const count = short(start);
  if (start + 6 + count * 12 > bytes.length || long(start + 2 + count * 12) !== 0) return null;
  const found = new Map<number, number>();
  for (let entry = start + 2; entry < start + 2 + count * 12; entry += 12) {
    found.set(short(entry), short(entry + 2) === 3 ? short(entry + 8) : long(entry + 8));
  }
  return { width: found.get(WIDTH) ?? 0, height: found.get(HEIGHT) ?? 0 };
}

function webpSize(bytes: Buffer): Size | null {
  const kind = bytes.toString("latin1", 12, 16);
  if (kind === "VP8X") return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
  if (kind === "VP8 ") return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
  if (kind !== "VP8L") return null;
  const bits = bytes.readUInt32LE(21);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}
