/**
 * The characters of Rich Text Format: bytes of the document's and its fonts' code pages, Unicode, and what stands in for it (version
 * 1.9.1, sections on character sets and Unicode). Promises: a character of several bytes is put together before it is written.
 */
import { knownCharsetOf } from "./code-pages.ts";
import { CHARSETS } from "./rtf-words.ts";

const FONTS_MAX = 10_000;
const SKIP_MAX = 16;
const UPPER_HALF = /[\x80-\xff]/;

/** Of a group. */
export type RtfEncoding = {
  charset: string;
  /** Characters that stand in for one in Unicode. */
  unicodeSkip: number;
};

export const FIRST_ENCODING: Readonly<RtfEncoding> = { charset: "windows-1252", unicodeSkip: 1 };

export class RtfCharacters {
  readonly #write: (text: string) => void;
  readonly #fonts = new Map<number, string>();
  #font: number | null = null;
  /** Bytes of the code page that wait for the rest of their character. */
  #bytes: number[] = [];
  #skip = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Characters as they stand, one a byte. */
  plain(text: string, encoding: RtfEncoding): void {
    const kept = text.slice(this.#skip);
    this.#skip = Math.max(0, this.#skip - text.length);
    if (UPPER_HALF.test(kept)) for (const character of kept) this.#bytes.push(character.charCodeAt(0));
    else {
      this.end(encoding);
      this.#write(kept);
    }
  }

  /** `\'hh` */
  byte(hex: string): void {
    const value = Number.parseInt(hex, 16);
    if (this.#skip > 0) this.#skip -= 1;
    else if (!Number.isNaN(value)) this.#bytes.push(value);
  }

  /** A group begins or ends. */
  brace(): void {
    this.#skip = 0;
  }

  /** No byte of the same character follows. */
  end({ charset }: RtfEncoding): void {
    if (this.#bytes.length === 0) return;
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    this.#write(new TextDecoder(charset).decode(bytes));
  }

  /** Control words that say what characters are; others mean nothing here. */
  word(word: string, value: number | null, encoding: RtfEncoding): void {
    switch (word) {
      case "u":
        this.#write(String.fromCharCode((value ?? 0) & 0xffff));
        this.#skip = encoding.unicodeSkip;
        return;
      case "uc":
        encoding.unicodeSkip = Math.min(SKIP_MAX, Math.max(0, value ?? 1));
        return;
      case "ansicpg":
        encoding.charset = knownCharsetOf(value ?? 0) ?? encoding.charset;
        return;
      case "mac":
        encoding.charset = "macintosh";
        return;
      case "f":
        this.#font = value ?? 0;
        encoding.charset = this.#fonts.get(this.#font) ?? encoding.charset;
        return;
      case "fcharset":
        return this.#addFont(CHARSETS.get(value ?? 0));
    }
  }

  #addFont(charset: string | undefined): void {
    if (charset === undefined || this.#font === null || this.#fonts.size >= FONTS_MAX) return;
    this.#fonts.set(this.#font, charset);
  }
}
