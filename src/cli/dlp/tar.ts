/** The regular files of a tar archive that lies in memory (POSIX ustar). Damaged headers end the reading. */

const BLOCK_BYTES = 512;
const REGULAR_FILE = 48;

export function readTar(tar: Buffer): readonly { readonly name: string; readonly bytes: Buffer }[] {
  const files: { readonly name: string; readonly bytes: Buffer }[] = [];
  for (let at = 0; at + BLOCK_BYTES <= tar.length && tar[at] !== 0;) {
    const sizeBytes = Number.parseInt(text(tar, at + 124, 12), 8);
    if (!(sizeBytes >= 0)) break;
    const folder = text(tar, at + 345, 155);
    const name = `${folder === "" ? "" : `${folder}/`}${text(tar, at, 100)}`;
    const start = at + BLOCK_BYTES;
    if (tar[at + 156] === REGULAR_FILE) files.push({ name, bytes: tar.subarray(start, start + sizeBytes) });
    at = start + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return files;
}

/** Up to the first NUL. */
function text(tar: Buffer, at: number, length: number): string {
  return tar.toString("latin1", at, at + length).replace(/\0.*$/s, "");
}
