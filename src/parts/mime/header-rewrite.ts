/**
 * Small rewrites of one part's header section for a conversion: the transfer encoding, and lines too long to travel.
 * Promises: all other bytes stay; the blank line at the end stays where it is. Knows nothing of bodies.
 */
import type { TransferEncoding } from "../../core/mime-structure.ts";
import { readHeaderSection } from "./header-fields.ts";

const FOLD_AT = 900;
const CRLF = Buffer.from("\r\n");

/** The section with exactly one Content-Transfer-Encoding; the root of a message also gets MIME-Version where it has none. */
export function setTransferEncoding(header: Buffer, encoding: TransferEncoding, isMessageRoot: boolean): Buffer {
  const { fields } = readHeaderSection(header);
  const end = fields.at(-1)?.end ?? 0;
  const chunks: Buffer[] = [];
  let at = 0;
  for (const field of fields) {
    if (field.name.toLowerCase() !== "content-transfer-encoding") continue;
    chunks.push(header.subarray(at, field.start));
    at = field.end;
  }
  chunks.push(header.subarray(at, end));
  const hasVersion = fields.some((field) => field.name.toLowerCase() === "mime-version");
  if (isMessageRoot && !hasVersion) chunks.push(Buffer.from("MIME-Version: 1.0\r\n"));
  chunks.push(Buffer.from(`Content-Transfer-Encoding: ${encoding}\r\n`), header.subarray(end));
  return Buffer.concat(chunks);
}

/** Folds lines above `lineBytesMax` at white space they have (RFC 5322 section 2.2.3); null where one has none. */
export function foldLongLines(header: Buffer, lineBytesMax: number): Buffer | null {
  const chunks: Buffer[] = [];
  for (let at = 0; at < header.length;) {
    const lf = header.indexOf(0x0a, at);
    const lineEnd = lf === -1 ? header.length : lf + 1;
    while (lineEnd - at > lineBytesMax + 2) {
      const cut = lastSpace(header, at + 1, at + FOLD_AT);
      if (cut === null) return null;
      chunks.push(header.subarray(at, cut), CRLF);
      at = cut;
    }
    chunks.push(header.subarray(at, lineEnd));
    at = lineEnd;
  }
  return Buffer.concat(chunks);
}

/** A white space between `from` and `to` that has text before it: a line of nothing but space must not arise. */
function lastSpace(header: Buffer, from: number, to: number): number | null {
  for (let at = to; at > from; at--) {
    const isSpace = header[at] === 0x20 || header[at] === 0x09;
    if (isSpace && header.subarray(from, at).some((byte) => byte !== 0x20 && byte !== 0x09)) return at;
  }
  return null;
}
