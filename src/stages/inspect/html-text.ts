/**
 * The text of an HTML body as a reader, or the source, shows it (WHATWG HTML section 13.2.5, much simplified).
 * Promises: linear time; inline tags join (`12<b>3</b>` is `123`), blocks break lines, table cells become tabs; hidden
 * text, `alt`, `title`, `value`, `placeholder`, `aria-label` and comments are kept, script and style dropped.
 * Leaves out link targets.
 */
import { decodeEntities } from "./html-entities.ts";

export type HtmlText = {
  readonly text: string;
  /** Content-IDs the markup refers to by `cid:` links, lower case: pictures shown inside the text. */
  readonly contentIds: ReadonlySet<string>;
};

/** Tags that begin a new line. */
const BLOCKS = new Set(
  (
    "address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption figure " +
    "footer form h1 h2 h3 h4 h5 h6 head header hr html legend li main menu nav ol option p pre section select summary " +
    "table tbody textarea tfoot thead title tr ul"
  ).split(" "),
);
const CELLS = new Set(["td", "th"]);
const DROPPED = new Set(["script", "style"]);
const VISIBLE_ATTRIBUTES =
  /(?:^|[\s"'/])(alt|title|value|placeholder|aria-label|src|background)\s*=\s*("[^"]*"|'[^']*'|["']?[^\s"'>]+)/gi;

/** Longest tag whose attributes are read; what is longer is skipped to its end. */
const TAG_CHARS_MAX = 16_384;

class Converter {
  readonly #html: string;
  readonly #parts: string[] = [];
  readonly #aside: string[] = [];
  readonly #contentIds = new Set<string>();
  readonly #readsComments: boolean;
  /** Once a quoted attribute ran to the end of the text, quotes are no longer trusted: keeps the time linear. */
  #trustsQuotes = true;
  /** Names of dropped elements that are never closed again, so that each is searched once. */
  readonly #unclosed = new Set<string>();

  constructor(html: string, readsComments: boolean) {
    this.#html = html;
    this.#readsComments = readsComments;
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
    return { text: tidySpaces(this.#parts.join("")) + aside, contentIds: this.#contentIds };
  }

  #text(start: number, end: number): void {
    if (end > start) this.#parts.push(decodeEntities(this.#html.slice(start, end).replace(/[ \t\r\n\f]+/g, " ")));
  }

  /** Consumes what begins with "<" and returns where reading goes on. */
  #markup(open: number): number {
    const html = this.#html;
    if (html.startsWith("<!--", open)) return this.#comment(open);
    const next = html.charCodeAt(open + 1);
    const isTag = (next | 32) >= 97 && (next | 32) <= 122;
    if (!isTag && next !== 47 && next !== 33 && next !== 63) {
      this.#parts.push("<");
      return open + 1;
    }
    const close = this.#tagEnd(open + 1);
    if (close < 0) {
      this.#parts.push("<");
      return open + 1;
    }
    const tag = html.slice(open + 1, Math.min(close, open + TAG_CHARS_MAX));
    const name = /^\/?([a-z][a-z0-9:-]{0,30})/i.exec(tag)?.[1]?.toLowerCase() ?? "";
    if (DROPPED.has(name) && isTag) return this.#skipElement(name, close + 1);
    if (BLOCKS.has(name)) this.#parts.push("\n");
    else if (isTag && CELLS.has(name)) this.#parts.push("\t");
    if (isTag) this.#attributes(name, tag);
    return close + 1;
  }

  #attributes(name: string, tag: string): void {
    if (!tag.includes("=")) return;
    for (const match of tag.matchAll(VISIBLE_ATTRIBUTES)) {
      const attribute = match[1]?.toLowerCase();
      const value = decodeEntities((match[2] ?? "").replace(/^["']|["']$/g, ""));
      if (attribute === "src" || attribute === "background") {
        if (/^\s*cid:/i.test(value)) this.#contentIds.add(contentIdOf(value));
      } else if (value.trim() !== "") {
        if (name === "img" || name === "input") this.#parts.push(` ${value} `);
        else this.#aside.push(value);
      }
    }
  }

  #comment(open: number): number {
    const close = this.#html.indexOf("-->", open + 4);
    const end = close < 0 ? this.#html.length : close;
    if (this.#readsComments) this.#aside.push(new Converter(this.#html.slice(open + 4, end), false).convert().text);
    return close < 0 ? end : close + 3;
  }

  #skipElement(name: string, from: number): number {
    if (this.#unclosed.has(name)) return from;
    const closing = new RegExp(`</${name}`, "gi");
    closing.lastIndex = from;
    const match = closing.exec(this.#html);
    if (match !== null) return match.index;
    // Never closed: nothing after it would be shown, yet the source tells it. It is read as text.
    this.#unclosed.add(name);
    return from;
  }

  /** Index of the ">" that ends the tag, or -1. */
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
    return html.indexOf(">", from);
  }
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

function tidySpaces(text: string): string {
  return text
    .replace(/ {2,}/g, " ")
    .replace(/\n[ \n]+/g, "\n")
    .replace(/^\s+/, "");
}

export function htmlToText(html: string): HtmlText {
  return new Converter(html, true).convert();
}
