/** The checksum of a tar header (POSIX.1-2024 pax, ustar): all that marks an archive of the seventh edition. Pure. */

export const TAR_BLOCK_BYTES = 512;
const SUM_AT = 148;
const SUM_BYTES = 8;
const BLANK = 32;

/** The sum of the block's bytes, its own field counted as blanks; signed by some old writers. */
export function tarChecksumFits(block: Uint8Array): boolean {
  if (block.length < TAR_BLOCK_BYTES) return false;
  let told = 0;
  let digits = 0;
  for (let at = SUM_AT; at < SUM_AT + SUM_BYTES; at += 1) {
    const byte = block[at] ?? 0;
    if (byte < 48 || byte > 55) continue;
    told = told * 8 + byte - 48;
    digits += 1;
  }
  if (digits === 0) return false;
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < TAR_BLOCK_BYTES; at += 1) {
    const byte = at >= SUM_AT && at < SUM_AT + SUM_BYTES ? BLANK : (block[at] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  return told === unsigned || told === signed;
}
