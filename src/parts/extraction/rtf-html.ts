/**
 * The HTML that Outlook wraps into rich text (MS-OXRTFEX): tags stand in groups of their own, text between them as rich text, and what
 * only readers of rich text are to see is switched off. Promises: linear time; never throws; null where no HTML was wrapped.
 */
import { knownCharsetOf } from "./code-pages.ts";
import { CHARACTERS, CHARSETS, WITHOUT_TEXT } from "./rtf-words.ts";

const HEAD_CHARS = 4_096;
const TOKEN = /\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|([^\\{}]+)/giy;
const DEPTH_MAX = 500;
const FONTS_MAX = 10_000;

type Group = { kind: "text" | "tag" | "none"; isOff: boolean; charset: string; unicodeSkip: number };

export function htmlInRtf(bytes: Buffer): Buffer | null {
  if (!/\\fromhtml1\b/.test(bytes.toString("latin1", 0, HEAD_CHARS))) return null;
  return Buffer.from(new HtmlInRtf().read(bytes.toString("latin1")));
}

class HtmlInRtf {
  readonly #html: string[] = ['<meta charset="utf-8">'];
  readonly #groups: Group[] = [];
  readonly #fonts = new Map<number, string>();
  #group: Group = { kind: "text", isOff: false, charset: "windows-1252", unicodeSkip: 1 };
  #font: number | null = null;
  #bytes: number[] = [];
  #skip = 0;

  read(rtf: string): string {
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(rtf); match !== null; match = TOKEN.exec(rtf)) {
      const [, word, value, byte, symbol, brace, text] = match;
      if (byte !== undefined) this.#byte(Number.parseInt(byte, 16));
      else if (text !== undefined) this.#text(text.replace(/[\r\n]+/g, ""));
      else {
        this.#endBytes();
        if (word !== undefined) this.#word(word.toLowerCase(), value === undefined ? null : Number(value));
        else if (brace !== undefined) this.#brace(brace);
        else if (symbol !== undefined) this.#symbol(symbol);
      }
    }
    this.#endBytes();
    return this.#html.join("");
  }

  #brace(brace: string): void {
    this.#skip = 0;
    if (brace === "}") this.#group = this.#groups.pop() ?? this.#group;
    else if (this.#groups.length < DEPTH_MAX) {
      this.#groups.push(this.#group);
      this.#group = { ...this.#group };
    }
  }

  #symbol(symbol: string): void {
    if ("\\{}".includes(symbol)) this.#write(symbol);
    else if (symbol === "~") this.#write("\u00a0");
    else if (symbol === "_") this.#write("-");
    // A group nobody knows is passed over, unless it is one of tags: the word behind says it.
    else if (symbol === "*") this.#group.kind = "none";
  }

  #word(word: string, value: number | null): void {
    const group = this.#group;
    const character = CHARACTERS.get(word);
    if (word === "htmltag") group.kind = "tag";
    else if (word === "mhtmltag") group.kind = "none";
    else if (word === "htmlrtf") group.isOff = value !== 0;
    else if (character !== undefined) this.#write(character);
    else if (WITHOUT_TEXT.has(word) || word === "fonttbl") group.kind = "none";
    else if (word === "u") {
      this.#write(String.fromCharCode((value ?? 0) & 0xffff));
      this.#skip = group.unicodeSkip;
    } else if (word === "uc") group.unicodeSkip = Math.min(16, Math.max(0, value ?? 1));
    else this.#charset(word, value ?? 0);
  }

  #charset(word: string, value: number): void {
    if (word === "ansicpg") this.#group.charset = knownCharsetOf(value) ?? this.#group.charset;
    else if (word === "f") {
      this.#font = value;
      this.#group.charset = this.#fonts.get(value) ?? this.#group.charset;
    } else if (word === "fcharset" && this.#font !== null && this.#fonts.size < FONTS_MAX) {
      const charset = CHARSETS.get(value);
      if (charset !== undefined) this.#fonts.set(this.#font, charset);
    }
  }

  #byte(value: number): void {
    if (this.#skip > 0) this.#skip -= 1;
    else this.#bytes.push(value);
  }

  #text(text: string): void {
    const kept = text.slice(this.#skip);
    this.#skip = Math.max(0, this.#skip - text.length);
    if (/[\x80-\xff]/.test(kept)) for (const character of kept) this.#bytes.push(character.charCodeAt(0));
    else {
      this.#endBytes();
      this.#write(kept);
    }
  }

  #endBytes(): void {
    if (this.#bytes.length === 0) return;
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    this.#write(new TextDecoder(this.#group.charset).decode(bytes));
  }

  #write(text: string): void {
    const { kind, isOff } = this.#group;
    if (kind === "none" || (isOff && kind !== "tag")) return;
    this.#html.push(text);
  }
}
