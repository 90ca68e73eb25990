/** Pictures within the streams of old Office documents (MS-ODRAW 2.2.22 to 2.2.31). Pure. */

const BLIP_FIRST = 0xf01a;
const BLIP_LAST = 0xf02a;
const HEADER_BYTES = 8;

/** True where one stands that is large enough to show a text; looked for byte by byte, since its place is told elsewhere. */
export function hasPicture(bytes: Buffer, bytesMin: number): boolean {
  if (bytes.length < bytesMin) return false;
  // The upper byte of every kind is the same.
  for (let at = bytes.indexOf(0xf0, 3); at !== -1; at = bytes.indexOf(0xf0, at + 1)) {
    const start = at - 3;
    if (start + HEADER_BYTES > bytes.length) return false;
    const kind = bytes.readUInt16LE(start + 2);
    if (kind < BLIP_FIRST || kind > BLIP_LAST) continue;
    const size = bytes.readUInt32LE(start + 4);
    if (size >= bytesMin && start + HEADER_BYTES + size <= bytes.length) return true;
  }
  return false;
}
