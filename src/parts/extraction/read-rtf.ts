/**
 * Reads Rich Text Format (version 1.9.1): strips its control words.
 * Promises: linear time; everything that people or the source can read is read, hidden and deleted text, notes, headers,
 * properties and field codes included; tables are laid out; embedded objects and large pictures are told as unread, and so is what
 * stands behind the end. Code pages are those of the document and its fonts.
 */
import { htmlInRtf } from "./rtf-html.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { FIRST_ENCODING, RtfCharacters } from "./rtf-characters.ts";
import type { RtfEncoding } from "./rtf-characters.ts";
import { CHARACTERS, DETACHED, WITHOUT_TEXT } from "./rtf-words.ts";
import { TableRows } from "./table-rows.ts";
import { DOCUMENT_CHARS_MIN, PICTURE_BYTES_MIN } from "./picture-document.ts";
import { TextCollector } from "./text-collector.ts";

const DEPTH_MAX = 500;
const WORD = /([a-z]{1,32})(-?\d{1,10})? ?/iy;
/** Characters between two looks at the clock. */
const CHECK_EVERY = 100_000;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;

type Group = RtfEncoding & {
  /** The destination it is, or stands in. */
  destination: string;
  /** Its own text, where it stands apart; else that of the group around it. */
  detached: string[] | null;
  hasText: boolean;
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
  readonly unread = new Set<"unsupported_type" | "structure_defect" | "image_only">();
  readonly #rtf: string;
  readonly #out: TextCollector;
  readonly #reading: Reading;
  readonly #groups: Group[] = [];
  readonly #characters = new RtfCharacters((text) => this.#write(text));
  #group: Group = { destination: "", detached: null, hasText: true, ...FIRST_ENCODING };
  #at = 0;
  #checkAt = 0;
  #pictureStart = 0;
  #hasSmallPicture = false;
  /** Characters written, blanks aside, as far as they matter. */
  #said = 0;
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
    this.#characters.end(this.#group);
    while (this.#groups.length > 0) this.#close();
    if (this.#cells.length > 0) this.#endRow();
    this.#endLine();
    if (this.#hasSmallPicture && this.#said < DOCUMENT_CHARS_MIN) this.unread.add("image_only");
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
    this.#characters.end(this.#group);
    if (this.#groups.length >= DEPTH_MAX) throw new Unreadable("damaged");
    this.#groups.push(this.#group);
    this.#group = { ...this.#group, detached: null };
    this.#at += 1;
    this.#characters.brace();
  }

  #close(): void {
    this.#characters.end(this.#group);
    const { destination, detached } = this.#group;
    if (destination === "pict" && this.#groups.at(-1)?.destination !== "pict") this.#endPicture();
    this.#group = this.#groups.pop() ?? this.#group;
    if (detached !== null) this.#note(detached.join(""));
    this.#at += 1;
    this.#characters.brace();
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
    this.#characters.plain(text, this.#group);
  }

  #control(): void {
    const next = this.#rtf.charAt(this.#at + 1);
    if (next === "'") {
      this.#characters.byte(this.#rtf.slice(this.#at + 2, this.#at + 4));
      this.#at += 4;
      return;
    }
    WORD.lastIndex = this.#at + 1;
    const match = WORD.exec(this.#rtf);
    if (match !== null) {
      this.#characters.end(this.#group);
      this.#at = WORD.lastIndex;
      return this.#word(match[1] ?? "", match[2] === undefined ? null : Number(match[2]));
    }
    this.#characters.end(this.#group);
    this.#at += 2;
    if (next === "~") this.#write(" ");
    else if (next === "_") this.#write("-");
    else if (next === "\r" || next === "\n") this.#break("\n");
    else if ("\\{}".includes(next)) this.#write(next);
  }

  #word(word: string, value: number | null): void {
    const character = CHARACTERS.get(word);
    if (character !== undefined) return character === "\n" ? this.#break("\n") : this.#write(character);
    if (WITHOUT_TEXT.has(word) || word === "fonttbl") return this.#hide(word);
    if (DETACHED.has(word)) return this.#detach(word);
    switch (word) {
      case "bin":
        // Where a text stands, readers do not agree on what is passed over.
        if (this.#group.hasText) this.unread.add("structure_defect");
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
        return this.#characters.word(word, value, this.#group);
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
    const digits = this.#at - this.#pictureStart;
    if (digits >= 2 * this.#reading.budgets.imageBytesMax) this.unread.add("unsupported_type");
    else if (digits >= 2 * PICTURE_BYTES_MIN) this.#hasSmallPicture = true;
  }

  #detach(destination: string): void {
    this.#group.destination = destination;
    this.#group.detached = [];
  }

  #write(text: string): void {
    if (!this.#group.hasText || text === "") return;
    if (this.#said < DOCUMENT_CHARS_MIN) this.#said += text.replace(/\s+/g, "").length;
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
