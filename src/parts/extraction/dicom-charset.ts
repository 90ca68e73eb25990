/**
 * Text of DICOM attributes in the character sets of (0008,0005) (PS3.5 section 6.1, PS3.3 section C.12.1.1.2).
 * Promises: never throws; several sets are followed by their escape sequences (ISO/IEC 2022); `isKnown` is false where a set is
 * none of the standard's, and the text is then read as clients read undeclared text.
 */

/** Label of the platform's decoder by defined term. */
const SINGLE: Readonly<Record<string, string>> = {
  "6": "windows-1252",
  "13": "shift_jis",
  "58": "gb18030",
  "87": "iso-2022-jp",
  "100": "windows-1252",
  "101": "iso-8859-2",
  "109": "iso-8859-3",
  "110": "iso-8859-4",
  "126": "iso-8859-7",
  "127": "iso-8859-6",
  "138": "iso-8859-8",
  "144": "iso-8859-5",
  "148": "windows-1254",
  "149": "euc-kr",
  "159": "iso-2022-jp",
  "166": "windows-874",
  "192": "utf-8",
  "203": "iso-8859-15",
};
/** What an escape sequence switches to; those of G0 stay before the bytes, for a decoder that knows them itself. */
const BY_ESCAPE: Readonly<Record<string, string>> = {
  "-A": "windows-1252",
  "-B": "iso-8859-2",
  "-C": "iso-8859-3",
  "-D": "iso-8859-4",
  "-F": "iso-8859-7",
  "-G": "iso-8859-6",
  "-H": "iso-8859-8",
  "-L": "iso-8859-5",
  "-M": "windows-1254",
  "-T": "windows-874",
  "-b": "iso-8859-15",
  ")I": "shift_jis",
  "$)A": "gb18030",
  "$)C": "euc-kr",
  "(J": "shift_jis",
};
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\x1b([ -/]{1,3}[0-~])/;
const TWO_BYTES = /^\$(?:[@B]|\([D@B])$/;
const ESC = "\x1b";

export class DicomCharset {
  readonly #first: string;
  readonly isKnown: boolean;

  constructor(terms: readonly string[]) {
    const named = terms.map((term) => labelOf(term.trim())).filter((label) => label !== "");
    this.isKnown = !named.includes(null);
    this.#first = terms[0]?.trim() === "" || named[0] === undefined ? "" : (named[0] ?? "");
  }

  decode(bytes: Buffer): string {
    const latin = bytes.toString("latin1");
    if (!latin.includes(ESC)) return decoded(bytes, this.#first);
    const pieces = latin.split(ESCAPES);
    let text = decoded(Buffer.from(pieces[0] ?? "", "latin1"), this.#first);
    for (let at = 1; at < pieces.length; at += 2) text += this.#switched(pieces[at] ?? "", pieces[at + 1] ?? "");
    return text;
  }

  #switched(escape: string, latin: string): string {
    if (TWO_BYTES.test(escape)) return decoded(Buffer.from(`${ESC}${escape}${latin}`, "latin1"), "iso-2022-jp");
    return decoded(Buffer.from(latin, "latin1"), BY_ESCAPE[escape] ?? this.#first);
  }
}

/** The empty string: the default repertoire. Null: no term of the standard. */
function labelOf(term: string): string | null {
  if (term === "") return "";
  if (term === "GB18030" || term === "GBK") return "gb18030";
  const number = /^ISO[_ ](?:IR|2022 IR) (\d{1,3})$/.exec(term)?.[1];
  return number === undefined ? null : (SINGLE[number] ?? null);
}

/** Undeclared text is UTF-8 where it is valid, as windows-1252 otherwise. */
function decoded(bytes: Buffer, label: string): string {
  const declared = label === "iso-2022-jp" && bytes[0] !== 0x1b ? "shift_jis" : label;
  if (declared !== "") return new TextDecoder(declared).decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Not UTF-8: anything is valid in this one.
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
