/**
 * Reads Rich Text Format (version 1.9.1): strips its control words.
 * Promises: linear time; everything that people or the source can read is read, hidden and deleted text, notes, headers,
 * properties and field codes included; tables are laid out; embedded objects and large pictures are told as unread, and so is what
 * stands behind the end. Code pages are those of the document and its fonts.
 */
import { knownCharsetOf } from "./code-pages.ts";
import { htmlInRtf } from "./rtf-html.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { CHARACTERS, CHARSETS, DETACHED, WITHOUT_TEXT } from "./rtf-words.ts";
import { TableRows } from "./table-rows.ts";
import { TextCollector } from "./text-collector.ts";

const DEPTH_MAX = 500;
const FONTS_MAX = 10_000;
const WORD = /([a-z]{1,32})(-?\d{1,10})? ?/iy;
/** Characters between two looks at the clock. */
const CHECK_EVERY = 100_000;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;

type Group = {
  /** The destination it is, or stands in. */
  destination: string;
  /** Its own text, where it stands apart; else that of the group around it. */
  detached: string[] | null;
  hasText: boolean;
  /** Characters that stand in for one in Unicode. */
  unicodeSkip: number;
  charset: string;
};

export function readRtf(bytes: Buffer, place: string, reading: Reading): void {
  const html = htmlInRtf(bytes);
  if (html !== null) reading.file(place, "body.html", html);
  const out = new TextCollector(place, reading);
  const reader = new RtfReader(bytes.toString("latin1"), out, reading);
  try {
    reader.read();
  } finally {
    reader.end();
    out.flush();
  }
  for (const reason of reader.unread) reading.unread(place, reason);
}

class RtfReader {
  readonly unread = new Set<"unsupported_type" | "structure_defect">();
  readonly #rtf: string;
  readonly #out: TextCollector;
  readonly #reading: Reading;
  readonly #groups: Group[] = [];
  readonly #fonts = new Map<number, string>();
  #group: Group = { destination: "", detached: null, hasText: true, unicodeSkip: 1, charset: "windows-1252" };
  #at = 0;
  #checkAt = 0;
  /** Bytes of the code page that wait for the rest of their character. */
  #bytes: number[] = [];
  #skip = 0;
  #font = 0;
  #pictureStart = 0;
  #line: string[] = [];
  #aside: string[] = [];
  #cells: string[] = [];
  #isInTable = false;
  #rows = new TableRows();

  constructor(rtf: string, out: TextCollector, reading: Reading) {
    this.#rtf = rtf;
    this.#out = out;
    this.#reading = reading;
  }

  read(): void {
    const rtf = this.#rtf;
    while (this.#at < rtf.length) {
      if (this.#at >= this.#checkAt) {
        this.#reading.checkTime();
        this.#checkAt = this.#at + CHECK_EVERY;
      }
      const code = rtf.charCodeAt(this.#at);
      if (code === OPEN) this.#open();
      else if (code === CLOSE) {
        this.#close();
        if (this.#groups.length === 0) return this.#behindEnd();
      } else if (code === BACKSLASH) this.#control();
      else this.#plain();
    }
    throw new Unreadable("damaged");
  }

  /** What is under way is told, wherever reading ended. */
  end(): void {
    this.#endBytes();
    while (this.#groups.length > 0) this.#close();
    if (this.#cells.length > 0) this.#endRow();
    this.#endLine();
  }

  #behindEnd(): void {
    const rest = this.#rtf
      .slice(this.#at)
      .replace(/[\0\s]+/g, " ")
      .trim();
    if (rest === "") return;
    this.unread.add("structure_defect");
    this.#write(rest);
  }

  #open(): void {
    this.#endBytes();
    if (this.#groups.length >= DEPTH_MAX) throw new Unreadable("damaged");
    this.#groups.push(this.#group);
    this.#group = { ...this.#group, detached: null };
    this.#at += 1;
    this.#skip = 0;
  }

  #close(): void {
    this.#endBytes();
    const { destination, detached } = this.#group;
    if (destination === "pict" && this.#groups.at(-1)?.destination !== "pict") this.#endPicture();
    this.#group = this.#groups.pop() ?? this.#group;
    if (detached !== null) this.#note(detached.join(""));
    this.#at += 1;
    this.#skip = 0;
  }

  #plain(): void {
    const rtf = this.#rtf;
    let end = this.#at + 1;
    for (; end < rtf.length; end += 1) {
      const code = rtf.charCodeAt(end);
      if (code === BACKSLASH || code === OPEN || code === CLOSE) break;
    }
    const text = rtf.slice(this.#at, end).replace(/[\r\n\0]+/g, "");
    this.#at = end;
    const kept = text.slice(this.#skip);
    this.#skip = Math.max(0, this.#skip - text.length);
    if (/[\x80-\xff]/.test(kept)) for (const character of kept) this.#bytes.push(character.charCodeAt(0));
    else {
      this.#endBytes();
      this.#write(kept);
    }
  }

  #control(): void {
    const next = this.#rtf.charAt(this.#at + 1);
    if (next === "'") return this.#byte();
    WORD.lastIndex = this.#at + 1;
    const match = WORD.exec(this.#rtf);
    if (match !== null) {
      this.#endBytes();
      this.#at = WORD.lastIndex;
      return this.#word(match[1] ?? "", match[2] === undefined ? null : Number(match[2]));
    }
    this.#endBytes();
    this.#at += 2;
    if (next === "~") this.#write(" ");
    else if (next === "_") this.#write("-");
    else if (next === "\r" || next === "\n") this.#break("\n");
    else if ("\\{}".includes(next)) this.#write(next);
  }

  /** `\'hh`, a byte of the code page. */
  #byte(): void {
    const value = Number.parseInt(this.#rtf.slice(this.#at + 2, this.#at + 4), 16);
    this.#at += 4;
    if (this.#skip > 0) this.#skip -= 1;
    else if (!Number.isNaN(value)) this.#bytes.push(value);
  }

  #endBytes(): void {
    if (this.#bytes.length === 0) return;
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    this.#write(new TextDecoder(this.#group.charset).decode(bytes));
  }

  #word(word: string, value: number | null): void {
    const character = CHARACTERS.get(word);
    if (character !== undefined) return character === "\n" ? this.#break("\n") : this.#write(character);
    if (WITHOUT_TEXT.has(word) || word === "fonttbl") return this.#hide(word);
    if (DETACHED.has(word)) return this.#detach(word);
    switch (word) {
      case "u":
        this.#write(String.fromCharCode((value ?? 0) & 0xffff));
        this.#skip = this.#group.unicodeSkip;
        return;
      case "uc":
        this.#group.unicodeSkip = Math.min(16, Math.max(0, value ?? 1));
        return;
      case "bin":
        this.#at += Math.max(0, value ?? 0);
        return;
      case "cell":
      case "nestcell":
        return this.#endCell();
      case "row":
      case "nestrow":
        return this.#endRow();
      case "trowd":
        this.#isInTable = true;
        return;
      default:
        return this.#charset(word, value ?? 0);
    }
  }

  #charset(word: string, value: number): void {
    if (word === "ansicpg") this.#group.charset = knownCharsetOf(value) ?? this.#group.charset;
    else if (word === "mac") this.#group.charset = "macintosh";
    else if (word === "f" && this.#group.destination === "fonttbl") this.#font = value;
    else if (word === "f") this.#group.charset = this.#fonts.get(value) ?? this.#group.charset;
    else if (word === "fcharset" && this.#fonts.size < FONTS_MAX) {
      const charset = CHARSETS.get(value);
      if (charset !== undefined) this.#fonts.set(this.#font, charset);
    }
  }

  #hide(destination: string): void {
    this.#group.destination = destination;
    this.#group.hasText = false;
    if (destination === "pict") this.#pictureStart = this.#at;
    // An object of another program, in hexadecimal.
    if (destination === "objdata") this.unread.add("unsupported_type");
  }

  #endPicture(): void {
    if (this.#at - this.#pictureStart >= 2 * this.#reading.budgets.imageBytesMax) this.unread.add("unsupported_type");
  }

  #detach(destination: string): void {
    this.#group.destination = destination;
    this.#group.detached = [];
  }

  #write(text: string): void {
    if (!this.#group.hasText || text === "") return;
    const detached = this.#group.detached ?? this.#groups.findLast((group) => group.detached !== null)?.detached;
    (detached ?? this.#line).push(text);
  }

  #break(text: string): void {
    this.#write(text);
    if (!this.#isInTable && this.#cells.length === 0 && this.#line.at(-1) === "\n") this.#endLine();
  }

  #note(text: string): void {
    if (text.trim() === "") return;
    const around = this.#group.detached ?? this.#groups.findLast((group) => group.detached !== null)?.detached;
    const isBetween = this.#line.length === 0 && this.#cells.length === 0;
    if (around === undefined || around === null) {
      if (isBetween) this.#out.append(`${text.trim()}\n`);
      else this.#aside.push(text.trim(), "\n");
    } else around.push("\n", text, "\n");
  }

  #endLine(): void {
    if (!this.#isInTable && this.#line.length > 1) this.#rows = new TableRows();
    this.#out.append(this.#line.join(""));
    this.#out.endLine();
    this.#out.append(this.#aside.join(""));
    this.#line = [];
    this.#aside = [];
  }

  #endCell(): void {
    this.#cells.push(this.#line.join("").trim());
    this.#line = [];
  }

  #endRow(): void {
    const row = new Map([...this.#cells.entries()].filter(([, text]) => text !== ""));
    this.#cells = [];
    this.#isInTable = false;
    this.#out.append(this.#rows.layOut(row));
    this.#out.append(this.#aside.join(""));
    this.#aside = [];
  }
}
