/**
 * The HTML that Outlook wraps into rich text (MS-OXRTFEX): tags stand in groups of their own, text between them as rich text, and what
 * only readers of rich text are to see is switched off. Promises: linear time; never throws; null where no HTML was wrapped.
 */
import { FIRST_ENCODING, RtfCharacters } from "./rtf-characters.ts";
import type { RtfEncoding } from "./rtf-characters.ts";
import { CHARACTERS, WITHOUT_TEXT } from "./rtf-words.ts";

const HEAD_CHARS = 4_096;
const TOKEN = /\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|([^\\{}]+)/giy;
const DEPTH_MAX = 500;

type Group = RtfEncoding & { kind: "text" | "tag" | "none"; isOff: boolean };

export function htmlInRtf(bytes: Buffer): Buffer | null {
  if (!/\\fromhtml1\b/.test(bytes.toString("latin1", 0, HEAD_CHARS))) return null;
  return Buffer.from(new HtmlInRtf().read(bytes.toString("latin1")));
}

class HtmlInRtf {
  readonly #html: string[] = ['<meta charset="utf-8">'];
  readonly #groups: Group[] = [];
  readonly #characters = new RtfCharacters((text) => this.#write(text));
  #group: Group = { kind: "text", isOff: false, ...FIRST_ENCODING };

  read(rtf: string): string {
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(rtf); match !== null; match = TOKEN.exec(rtf)) {
      const [, word, value, byte, symbol, brace, text] = match;
      if (byte !== undefined) this.#characters.byte(byte);
      else if (text !== undefined) this.#characters.plain(text.replace(/[\r\n]+/g, ""), this.#group);
      else {
        this.#characters.end(this.#group);
        if (word !== undefined) this.#word(word.toLowerCase(), value === undefined ? null : Number(value));
        else if (brace !== undefined) this.#brace(brace);
        else if (symbol !== undefined) this.#symbol(symbol);
      }
    }
    this.#characters.end(this.#group);
    return this.#html.join("");
  }

  #brace(brace: string): void {
    this.#characters.brace();
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
    else this.#characters.word(word, value, group);
  }

  #write(text: string): void {
    const { kind, isOff } = this.#group;
    if (kind === "none" || (isOff && kind !== "tag")) return;
    this.#html.push(text);
  }
}
