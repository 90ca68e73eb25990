/**
 * The text of an HTML body as a reader, or the source, shows it (WHATWG HTML section 13.2.5, much simplified).
 * Promises: linear time; inline tags join (`12<b>3</b>` is `123`), blocks break lines, table cells become tabs; hidden
 * text, comments, script, style and the attributes that hold text are kept, apart from the text they stand in. Leaves out
 * link targets, but tells what lies inside the markup itself (`data:` URLs, RFC 2397).
 */
import { dataUrlsIn } from "./files-in-text.ts";
import { decodeEntities } from "./html-entities.ts";
import { HtmlPlaces, MARKED_BLOCKS, markOf } from "./html-places.ts";
import type { BlockMark, Markup } from "./html-places.ts";
import type { Rewritable } from "./source/mapped-text.ts";
import { HtmlTables } from "./html-table.ts";

export type HtmlText = {
  readonly text: string;
  /** Content-IDs the markup refers to by `cid:` links, lower case: pictures shown inside the text. */
  readonly contentIds: ReadonlySet<string>;
  /** Files inside the markup; null where there are more than are looked at. */
  readonly embedded: readonly Buffer[] | null;
  /** What the markup says of the lines of the text; null where it says nothing. */
  readonly markup: (() => Markup) | null;
};

/** Tags that begin a new line. */
const BLOCKS = new Set(
  (
    "address article aside blockquote body br button caption center dd details dialog dir div dl dt fieldset figcaption figure " +
    "footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe legend li main marquee menu nav ol option p pre " +
    "search section select summary table tbody textarea tfoot thead title tr ul video"
  ).split(" "),
);
/** What makes a block of any element. */
const SHOWN_AS_BLOCK = /display ?: ?(?:block|flex|grid|list-item|table(?!-c))/i;
const CELLS = new Set(["td", "th"]);
const TABLE_TAGS = new Set(["table", "tr", "td", "th"]);
/** What is known of tags that stand in a text again and again: so many of them, none longer. */
const KNOWN_TAGS_MAX = 500;
const KNOWN_TAG_CHARS_MAX = 300;
/** Files inside one text that are looked at. */
const EMBEDDED_MAX = 1_000;
/** Elements whose content is not shown as text, though the source tells it and some clients read it. */
const RAW = new Set(["script", "style"]);
const READ_ATTRIBUTES =
  /(?:^|[\s"'/])(alt|title|value|placeholder|label|summary|content|srcdoc|aria-[a-z]{1,20}|data(?:-[a-z0-9-]{1,60})?|src|srcset|href|poster|background|style)\s*=\s*("[^"]*"|'[^']*'|["']?[^\s"'>]+)/gi;
/** Attributes that name another place: only what lies inside them counts. */
const LINKS = new Set(["src", "srcset", "href", "poster", "background", "style", "data"]);
/** A link without any of these names a place elsewhere; entities may hide the others. */
const MAY_LIE_INSIDE = /&|cid:|data:/i;

type Tag = {
  /** From "<" to ">". */
  readonly source: string;
  readonly name: string;
  readonly isEnd: boolean;
  readonly isBlock: boolean;
  readonly isReversed: boolean;
  /** Whether its attributes may hold something that is told. */
  tells: boolean;
  /** What a mail program says with it of the block it opens. */
  readonly mark: BlockMark | null;
};

/** Stands nowhere: no text begins with it behind a letter or a slash. */
const NO_TAG: Tag = {
  source: "<>",
  name: "",
  isEnd: false,
  isBlock: false,
  isReversed: false,
  tells: false,
  mark: null,
};

class Converter {
  readonly #html: string;
  readonly #parts: string[] = [];
  readonly #aside: string[] = [];
  readonly #tables = new HtmlTables(this.#parts, this.#aside);
  readonly #places = new HtmlPlaces(this.#parts);
  readonly #contentIds = new Set<string>();
  readonly #embedded: Buffer[] = [];
  readonly #readsComments: boolean;
  /** Start and end of each piece in the source, in turn; null where nobody asks. */
  #origins: number[] | null = null;
  /** No ">" stands in the rest: every "<" there is text. */
  #hasMoreTags = true;
  /** Once a quoted attribute ran to the end of the text, quotes are no longer trusted: keeps the time linear. */
  #trustsQuotes = true;
  /** Names of raw elements that are never closed again, so that each is searched once. */
  readonly #unclosed = new Set<string>();
  readonly #known = new Map<string, Tag>();
  /** The opening and the closing tag read last: the next is mostly the same again, and its end need not be looked for. */
  #lastOpening = NO_TAG;
  #lastClosing = NO_TAG;

  constructor(html: string, readsComments: boolean) {
    this.#html = html;
    this.#readsComments = readsComments;
  }

  /** Keeps the places of all pieces, too. */
  trace(): TracedHtml {
    this.#origins = [];
    const { text } = this.convert();
    const shown = tidySpaces(this.#parts.join("")).length;
    return { pieces: this.#parts, origins: this.#origins, aside: text.slice(shown) };
  }

  /** A piece of the text, made of these characters of the source. */
  #put(piece: string, from: number, to: number): void {
    this.#parts.push(piece);
    this.#origins?.push(from, to);
  }

  convert(): HtmlText {
    const html = this.#html;
    let at = 0;
    while (at < html.length) {
      const open = html.indexOf("<", at);
      if (open < 0) break;
      this.#text(at, open);
      at = this.#markup(open);
    }
    this.#text(at, html.length);
    const aside = this.#aside.length === 0 ? "" : `\n${this.#aside.join("\n")}`;
    const text = tidySpaces(this.#parts.join("")) + aside;
    const embedded = this.#embedded.length > EMBEDDED_MAX ? null : this.#embedded;
    const isTold = this.#aside.length > 0 || this.#places.isAny;
    const markup = isTold ? () => this.#places.markup() : null;
    return { text, contentIds: this.#contentIds, embedded, markup };
  }

  #text(start: number, end: number): void {
    if (end <= start) return;
    const text = this.#html.slice(start, end);
    this.#put(text === "\n" || text === "\r\n" ? " " : shownText(text), start, end);
  }

  /** Consumes what begins with "<" and returns where reading goes on. */
  #markup(open: number): number {
    const html = this.#html;
    const next = html.charCodeAt(open + 1);
    if (next === 33 && html.startsWith("<!--", open)) return this.#comment(open);
    const isTag = isLetter(next);
    const isEndTag = next === 47 && isLetter(html.charCodeAt(open + 2));
    const last = isTag ? this.#lastOpening : this.#lastClosing;
    if ((isTag || isEndTag) && html.startsWith(last.source, open)) {
      const end = open + last.source.length;
      this.#tag(last, open, end);
      return end;
    }
    const close =
      isTag || isEndTag || next === 47 || next === 33 || next === 63 ? this.#close(open, isTag || isEndTag) : -1;
    if (close < 0) {
      this.#put("<", open, open + 1);
      return open + 1;
    }
    const tag = html.slice(open + 1, close);
    if (!isTag && !isEndTag) {
      this.#note(tag.slice(1));
      return close + 1;
    }
    const known = this.#known.get(tag) ?? this.#know(tag, isEndTag);
    if (isTag && known.tells) known.tells = this.#attributes(known.name, tag, open);
    if (RAW.has(known.name) && isTag) return this.#rawElement(known.name, close + 1);
    this.#tag(known, open, close + 1);
    // One that tells something tells it each time.
    if (tag.length > KNOWN_TAG_CHARS_MAX) return close + 1;
    if (isEndTag) this.#lastClosing = known;
    else if (!known.tells) this.#lastOpening = known;
    return close + 1;
  }

  #know(tag: string, isEnd: boolean): Tag {
    const name = nameAt(tag, isEnd ? 1 : 0);
    const known = {
      source: `<${tag}>`,
      name,
      isEnd,
      isBlock: BLOCKS.has(name) || (!isEnd && SHOWN_AS_BLOCK.test(tag)),
      isReversed: !isEnd && isReversed(name, tag),
      tells: !isEnd && tag.includes("="),
      mark: isEnd || !MARKED_BLOCKS.has(name) ? null : markOf(name, tag),
    };
    if (tag.length <= KNOWN_TAG_CHARS_MAX && this.#known.size < KNOWN_TAGS_MAX) this.#known.set(tag, known);
    return known;
  }

  #tag({ name, isEnd, isBlock, isReversed: isBackwards, mark }: Tag, start: number, end: number): void {
    if (isBackwards) this.#put("\u202e", start, end);
    if (isEnd && name === "bdo") this.#put("\u202c", start, end);
    if (MARKED_BLOCKS.has(name)) this.#places.tag(name, isEnd, mark);
    if (TABLE_TAGS.has(name)) this.#tables.tag(name, isEnd);
    if (isBlock) this.#put("\n", start, end);
    else if (!isEnd && CELLS.has(name)) this.#put("\t", start, end);
  }

  /** False where nothing in them is told, whenever they are read. */
  #attributes(name: string, tag: string, open: number): boolean {
    let tells = false;
    READ_ATTRIBUTES.lastIndex = 0;
    for (let match = READ_ATTRIBUTES.exec(tag); match !== null; match = READ_ATTRIBUTES.exec(tag)) {
      const attribute = match[1]?.toLowerCase() ?? "";
      const isLink = LINKS.has(attribute);
      if (isLink && !MAY_LIE_INSIDE.test(match[2] ?? "")) continue;
      const value = decodeEntities(withoutQuotes(match[2] ?? ""));
      tells ||= isLink || value.trim() !== "";
      if (isLink) {
        if (attribute !== "href" && /^\s*cid:/i.test(value)) this.#contentIds.add(contentIdOf(value));
        this.#embed(value);
      } else if (value.trim() !== "") {
        if (name === "img" || name === "input") this.#put(` ${value} `, open, open + tag.length + 2);
        else this.#aside.push(value);
      }
    }
    return tells;
  }

  #comment(open: number): number {
    const empty = /^<!--(?:-?>)/.exec(this.#html.slice(open, open + 6));
    if (empty !== null) return open + empty[0].length;
    COMMENT_END.lastIndex = open + 4;
    const close = COMMENT_END.exec(this.#html);
    const end = close === null ? this.#html.length : close.index;
    this.#note(this.#html.slice(open + 4, end));
    return close === null ? end : end + close[0].length;
  }

  /** What a reader does not see and the source tells. A comment within a comment is told as it stands. */
  #note(markup: string): void {
    this.#aside.push(this.#readsComments ? new Converter(markup, false).convert().text : markup);
  }

  #embed(text: string): void {
    if (!DATA_SCHEME.test(text)) return;
    for (const file of dataUrlsIn(text)) {
      if (this.#embedded.length > EMBEDDED_MAX) return;
      this.#embedded.push(file);
    }
  }

  #rawElement(name: string, from: number): number {
    if (this.#unclosed.has(name)) return from;
    const closing = new RegExp(`</${name}`, "gi");
    closing.lastIndex = from;
    const match = closing.exec(this.#html);
    if (match !== null) {
      const content = this.#html.slice(from, match.index);
      this.#aside.push(content);
      this.#embed(content);
      return match.index;
    }
    // Never closed: nothing after it would be shown, yet the source tells it. It is read as text.
    this.#unclosed.add(name);
    return from;
  }

  /** Index of the ">" that ends the markup that begins at `open`, or -1; quotes count in tags only. */
  #close(open: number, isTag: boolean): number {
    if (!this.#hasMoreTags) return -1;
    const close = isTag ? this.#tagEnd(open + 1) : this.#html.indexOf(">", open + 1);
    if (close < 0) this.#hasMoreTags = false;
    return close;
  }

  #tagEnd(from: number): number {
    const html = this.#html;
    if (!this.#trustsQuotes) return html.indexOf(">", from);
    let quote = 0;
    for (let i = from; i < html.length; i += 1) {
      const code = html.charCodeAt(i);
      if (quote !== 0) {
        if (code === quote) quote = 0;
      } else if (code === 62) return i;
      else if ((code === 34 || code === 39) && opensValue(html, i)) quote = code;
    }
    this.#trustsQuotes = false;
    // They ended by their quotes.
    this.#lastOpening = this.#lastClosing = NO_TAG;
    return html.indexOf(">", from);
  }
}

/** White space that is not one plain blank already. */
const WIDE_SPACE = /[\t\r\n\f]| {2}/;
const NAME = /[a-z][a-z0-9:-]{0,30}/iy;
const DATA_SCHEME = /data:/i;

/** Of a tag, in lower case. */
function nameAt(html: string, at: number): string {
  NAME.lastIndex = at;
  return NAME.test(html) ? html.slice(at, NAME.lastIndex).toLowerCase() : "";
}

/** What it holds is shown from right to left, letter by letter. */
function isReversed(name: string, tag: string): boolean {
  return (name === "bdo" || tag.includes("bidi-override")) && tag.toLowerCase().includes("rtl");
}

/** A quotation mark at either end, matching or not. */
function withoutQuotes(text: string): string {
  const start = isQuote(text.charCodeAt(0)) ? 1 : 0;
  const end = text.length > start && isQuote(text.charCodeAt(text.length - 1)) ? text.length - 1 : text.length;
  return text.slice(start, end);
}

function isQuote(code: number): boolean {
  return code === 34 || code === 39;
}

/** `-->`, and `--!>` by mistake (WHATWG HTML section 13.2.5.53). */
const COMMENT_END = /--!?>/g;

function isLetter(code: number): boolean {
  return (code | 32) >= 97 && (code | 32) <= 122;
}

/** A quote opens a value only after "=", as in browsers; elsewhere it is part of a name. */
function opensValue(html: string, quoteAt: number): boolean {
  let before = quoteAt - 1;
  while (before > quoteAt - 8 && isSpace(html.charCodeAt(before))) before -= 1;
  return html.charCodeAt(before) === 61;
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

/** The id in a `cid:` link or a Content-ID field, comparable. */
export function contentIdOf(text: string): string {
  const bare = text.trim().replace(/^cid:/i, "").replace(/^<|>$/g, "");
  try {
    return decodeURIComponent(bare).toLowerCase();
  } catch {
    // Not percent-encoded after all: compared as it stands.
    return bare.toLowerCase();
  }
}

/** Of one stretch between two tags. */
export function shownText<T extends Rewritable<T>>(text: T): T {
  return decodeEntities(WIDE_SPACE.test(String(text)) ? text.replace(/[ \t\r\n\f]+/g, " ") : text);
}

export function tidySpaces<T extends Rewritable<T>>(text: T): T {
  return text
    .replace(/ {2,}/g, " ")
    .replace(/\n[ \n]+/g, "\n")
    .trimStart();
}

export function htmlToText(html: string): HtmlText {
  return new Converter(html, true).convert();
}

/** The pieces of the text before spaces are tidied, where each stands in the source, and what is told behind them. */
export type TracedHtml = {
  readonly pieces: readonly string[];
  readonly origins: readonly number[];
  readonly aside: string;
};

/** For explaining. */
export function tracedHtml(html: string): TracedHtml {
  return new Converter(html, true).trace();
}
