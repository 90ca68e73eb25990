/**
 * Bytes to text in any charset mail names (RFC 2046 section 4.1.2, RFC 2152, RFC 1468).
 * Promises: never throws; a charset it does not know gives null, never a guess. Undeclared 8-bit text is read as UTF-8
 * where valid, as windows-1252 otherwise, like common clients do. Leaves transfer encodings to transfer-decode.ts.
 */
import { isAscii, isUtf8 } from "node:buffer";
import iconv from "iconv-lite";

/** Names iconv-lite offers that are no charsets; as a charset of mail they mean nothing. */
const NOT_CHARSETS: ReadonlySet<string> = new Set(["hex", "base64", "binary", "internal", "utf7imap"]);
/** Clients read these as windows-1252 (WHATWG Encoding section 4.2): the difference is dashes and quotation marks. */
const LATIN: ReadonlySet<string> = new Set(["iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "l1"]);
const UNDECLARED: ReadonlySet<string> = new Set(["us-ascii", "ascii", "us", "ansi_x3.4-1968", "iso646-us", "7bit"]);

/** Text of `bytes`, or null where the charset is unknown. */
export function decodeCharset(bytes: Uint8Array, charset: string | null): string | null {
  const label = (charset ?? "us-ascii").trim().toLowerCase();
  if (UNDECLARED.has(label)) return decodeUndeclared(bytes);
  if (label === "utf-8" || label === "utf8") return withoutMark(view(bytes).toString("utf8"));
  if (LATIN.has(label)) return iconv.decode(view(bytes), "windows-1252");
  if (!/^[a-z0-9][a-z0-9_.:+()-]{0,40}$/.test(label)) return null;
  return decodeByIconv(bytes, label) ?? decodeByPlatform(bytes, label);
}

/** Text nobody declared a charset for: headers, and bodies without the parameter. */
export function decodeUndeclared(bytes: Uint8Array): string {
  if (isAscii(bytes)) return view(bytes).toString("latin1");
  return isUtf8(bytes) ? withoutMark(view(bytes).toString("utf8")) : iconv.decode(view(bytes), "windows-1252");
}

function decodeByIconv(bytes: Uint8Array, label: string): string | null {
  if (NOT_CHARSETS.has(label.replace(/[^a-z0-9]/g, ""))) return null;
  try {
    return iconv.encodingExists(label) ? iconv.decode(view(bytes), label) : null;
  } catch {
    // A codec that cannot even start: as good as unknown.
    return null;
  }
}

/** Knows the stateful Japanese encodings iconv-lite lacks. */
function decodeByPlatform(bytes: Uint8Array, label: string): string | null {
  try {
    return new TextDecoder(label).decode(bytes);
  } catch {
    // RangeError: the platform does not know the label, or maps it to "replacement".
    return null;
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
