/** Code pages of Windows by number, as charsets: what the runtime decodes, and what mail calls them. */

const UTF_16 = 1200;
const LATIN_1 = "latin1";

/** Names that both the runtime and mail know. */
const CHARSETS: ReadonlyMap<number, string> = new Map([
  [866, "ibm866"],
  [874, "windows-874"],
  [932, "shift_jis"],
  [936, "gbk"],
  [949, "euc-kr"],
  [950, "big5"],
  [UTF_16, "utf-16le"],
  [10_000, "macintosh"],
  [20_127, "us-ascii"],
  [20_866, "koi8-r"],
  [21_866, "koi8-u"],
  [50_220, "iso-2022-jp"],
  [50_221, "iso-2022-jp"],
  [50_222, "iso-2022-jp"],
  [51_932, "euc-jp"],
  [51_936, "gbk"],
  [51_949, "euc-kr"],
  [52_936, "gbk"],
  [54_936, "gb18030"],
  [65_001, "utf-8"],
  ...[1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258].map((page) => [page, `windows-${page}`] as const),
  ...[1, 2, 3, 4, 5, 6, 7, 8, 13, 15].map((part) => [28_590 + part, `iso-8859-${part}`] as const),
]);

export function knownCharsetOf(codePage: number): string | undefined {
  return CHARSETS.get(codePage);
}

/** For a Content-Type; a page without a name of its own is `cp437` and the like. */
export function charsetOf(codePage: number): string {
  return CHARSETS.get(codePage) ?? `cp${codePage}`;
}

/** A page nobody knows here is read byte by byte, and told. */
export function codePageText(bytes: Buffer, codePage: number): { readonly text: string; readonly isKnown: boolean } {
  if (codePage === UTF_16) return { text: bytes.toString("utf16le"), isKnown: true };
  const charset = CHARSETS.get(codePage);
  if (charset === undefined) return { text: bytes.toString(LATIN_1), isKnown: isAscii(bytes) };
  return { text: new TextDecoder(charset).decode(bytes), isKnown: true };
}

function isAscii(bytes: Buffer): boolean {
  return bytes.every((byte) => byte < 128);
}
