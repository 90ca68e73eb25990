/** Names and comments in ZIP archives as text (APPNOTE appendix D). Promises: pure, never throws. Nothing is ever written under them. */
import { isUtf8 } from "node:buffer";

/** The upper half of code page 437, which a name is written in where nothing else is said. */
const CP437 =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±÷≥≤⌠⌡°∙·√ⁿ²■ ";
/** Info-ZIP's Unicode path: version, checksum of the other name, name in UTF-8. */
const UNICODE_PATH = 0x7075;

export function nameOfEntry(
  raw: Buffer,
  { isUtf8: isMarked, extra }: { readonly isUtf8: boolean; readonly extra: Buffer },
): string {
  const path = extraField(extra, UNICODE_PATH)?.subarray(5);
  if (path !== undefined && isUtf8(path) && path.length > 0) return path.toString("utf8");
  // Most writers today use UTF-8 without saying so, and hardly a name of another code page happens to be valid UTF-8.
  if (isMarked || isUtf8(raw)) return raw.toString("utf8");
  return raw.toString("latin1").replace(/[\x80-\xff]/g, (character) => CP437.charAt(character.charCodeAt(0) - 0x80));
}

/** The data of one extra field (4.5.1), or null. */
export function extraField(extra: Buffer, id: number): Buffer | null {
  for (let at = 0; at + 4 <= extra.length;) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id && end <= extra.length) return extra.subarray(at + 4, end);
    at = end;
  }
  return null;
}
