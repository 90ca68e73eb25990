/** A ZIP archive behind something else: programs for archives look for its end, and show what no reader of the rest does. Pure. */

const END = Buffer.from("PK\x05\x06", "latin1");
const FIRST = Buffer.from("PK\x03\x04", "latin1");

/** The bytes from its first entry on; null where none begins at `from` or behind it. */
export function archiveBehind(bytes: Buffer, from: number): Buffer | null {
  if (bytes.lastIndexOf(END) < from) return null;
  const start = bytes.indexOf(FIRST, from);
  return start === -1 ? null : bytes.subarray(start);
}
