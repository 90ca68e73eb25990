/** Pictures of words for tests: letters of five by seven points, enlarged, as PNG. */
import { crc32, deflateSync } from "node:zlib";

const LETTERS: Readonly<Record<string, string>> = {
  A: "0e11111f111111",
  B: "1e11111e11111e",
  D: "1e11111111111e",
  E: "1f10101e10101f",
  I: "0e04040404040e",
  M: "111b1515111111",
  N: "11191513111111",
  R: "1e11111e141211",
  S: "0f10100e01011e",
  T: "1f040404040404",
  "0": "0e11131519110e",
  "1": "040c040404040e",
  "2": "0e11010204081f",
  "4": "02060a121f0202",
  "8": "0e11110e11110e",
  "9": "0e11110f01020c",
  "3": "1f02040201110e",
};
const SCALE = 2;
const MARGIN = 40;

export type Bitmap = { readonly width: number; readonly height: number; readonly rows: readonly Buffer[] };

/** Black on white, a byte a pixel. */
export function bitmapOf(text: string): Bitmap {
  const width = 2 * MARGIN + text.length * 6 * SCALE;
  const height = 2 * MARGIN + 7 * SCALE;
  const rows = Array.from({ length: height }, () => Buffer.alloc(width, 255));
  for (const [index, letter] of Array.from(text).entries()) {
    const lines = Buffer.from(LETTERS[letter] ?? "", "hex");
    for (let y = 0; y < 7 * SCALE; y += 1) {
      for (let x = 0; x < 5 * SCALE; x += 1) {
        const isBlack = (((lines[Math.floor(y / SCALE)] ?? 0) >> (4 - Math.floor(x / SCALE))) & 1) === 1;
        if (isBlack) rows[MARGIN + y]?.writeUInt8(0, MARGIN + index * 6 * SCALE + x);
      }
    }
  }
  return { width, height, rows };
}

/** PNG of grey pixels, with a remark that makes it as large as a scan. */
export function pngOf(text: string, paddingBytes = 40_000): Buffer {
  const { width, height, rows } = bitmapOf(text);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt8(8, 8);
  const pixels = Buffer.concat(rows.map((row) => Buffer.concat([Buffer.from([0]), row])));
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels)),
    chunk("paDd", Buffer.alloc(paddingBytes)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), content]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
