/**
 * xtext of RFC 3461 section 4: printable ASCII with `+HH` for everything else.
 * Promises: what encodeXtext writes decodeXtext reads back; what decodes never holds a control character.
 */

/** null where the text is no xtext, is not UTF-8 once decoded, or hides a control character. */
export function decodeXtext(text: string): string | null {
  if (!/^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*$/.test(text)) return null;
  const bytes = Buffer.from(
    text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    "latin1",
  );
  try {
    const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return /\p{Cc}/u.test(decoded) ? null : decoded;
  } catch {
    // Not UTF-8: told to the client as a syntax error.
    return null;
  }
}

export function encodeXtext(text: string): string {
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const isPlain = byte >= 0x21 && byte <= 0x7e && byte !== 0x2b && byte !== 0x3d;
    encoded += isPlain ? String.fromCharCode(byte) : `+${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
