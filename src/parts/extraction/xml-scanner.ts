/**
 * Walks through XML as it comes (XML 1.0, much simplified): tags with their attributes, and the text between.
 * Promises: linear time; names lose their prefix; a document type declaration is refused, so that there are no entities but
 * the five and the numbered; depth, attributes and the length of a tag have an end. Leaves to callers what the names mean.
 */
import { Unreadable } from "./reading.ts";

export type XmlTag = { readonly name: string; readonly attributes: ReadonlyMap<string, string> };

export interface XmlEvents {
  open(tag: XmlTag): void;
  /** Entities resolved; one text may come in several pieces. */
  text(text: string): void;
  close(name: string): void;
}

const DEPTH_MAX = 256;
const MARKUP_CHARS_MAX = 1024 * 1024;
const ATTRIBUTES_MAX = 1_000;
const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
/** Longer than any entity that is understood. */
const ENTITY_CHARS_MAX = 12;
/** Drawings of older Office programs hold line breaks as HTML writes them, without an end. */
const BREAK = /^(?:[^\s:/]+:)?br(?:\s|$)/;
const ATTRIBUTE = /([^\s=/"'<>]{1,200})\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

export class XmlScanner {
  readonly #events: XmlEvents;
  readonly #open: string[] = [];
  #rest = "";

  constructor(events: XmlEvents) {
    this.#events = events;
  }

  write(piece: string): void {
    const xml = this.#rest === "" ? piece : this.#rest + piece;
    let at = 0;
    while (at < xml.length) {
      const markup = xml.indexOf("<", at);
      if (markup !== at) {
        at = this.#text(xml, at, markup);
        if (markup === -1) break;
      }
      const next = this.#markup(xml, markup);
      if (next === null) break;
      at = next;
    }
    this.#rest = xml.slice(at);
    if (this.#rest.length > MARKUP_CHARS_MAX) throw new Unreadable("damaged");
  }

  end(): void {
    if (this.#rest !== "" && !this.#rest.startsWith("<")) this.#events.text(decoded(this.#rest));
    if (this.#open.length > 0 || this.#rest.startsWith("<")) throw new Unreadable("damaged");
  }

  /** Text up to the next tag, or what surely is text of what has come; an entity may be cut. */
  #text(xml: string, start: number, markup: number): number {
    let end = markup;
    if (markup === -1) {
      const entity = xml.lastIndexOf("&");
      end = entity >= start && entity > xml.length - ENTITY_CHARS_MAX ? entity : xml.length;
    }
    if (end > start) this.#events.text(decoded(xml.slice(start, end)));
    return end;
  }

  /** Where reading goes on, or null where the markup has not come whole. */
  #markup(xml: string, at: number): number | null {
    if (xml.startsWith("<!", at)) return this.#declaration(xml, at);
    if (xml.startsWith("<?", at)) return behind(xml, "?>", at);
    const end = tagEnd(xml, at + 1);
    if (end === null) return null;
    const tag = xml.slice(at + 1, end);
    if (tag.startsWith("/")) this.#close(localName(tag.slice(1).trim()));
    else this.#begin(tag);
    return end + 1;
  }

  #declaration(xml: string, at: number): number | null {
    if (xml.startsWith("<!--", at)) {
      const end = behind(xml, "-->", at + 4);
      // Seen by nobody but who looks at the source.
      if (end !== null) this.#events.text(` ${xml.slice(at + 4, end - 3)} `);
      return end;
    }
    if (xml.startsWith("<![CDATA[", at)) {
      const end = behind(xml, "]]>", at);
      if (end !== null) this.#events.text(xml.slice(at + 9, end - 3));
      return end;
    }
    // Not yet to be told from one of those.
    if (xml.length - at < 9) return null;
    throw new Unreadable("damaged");
  }

  #begin(tag: string): void {
    const isEmpty = tag.endsWith("/") || BREAK.test(tag);
    const name = /^[^\s/]+/.exec(tag)?.[0] ?? "";
    if (this.#open.length >= DEPTH_MAX || name === "") throw new Unreadable("damaged");
    this.#events.open({ name: localName(name), attributes: attributesOf(tag.slice(name.length)) });
    if (isEmpty) this.#events.close(localName(name));
    else this.#open.push(localName(name));
  }

  #close(name: string): void {
    if (name === "br") return;
    if (this.#open.pop() !== name) throw new Unreadable("damaged");
    this.#events.close(name);
  }
}

function behind(xml: string, mark: string, from: number): number | null {
  const at = xml.indexOf(mark, from);
  return at === -1 ? null : at + mark.length;
}

/** The ">" that ends a tag: one inside quotes does not. */
function tagEnd(xml: string, from: number): number | null {
  let at = from;
  for (;;) {
    const close = xml.indexOf(">", at);
    if (close === -1) return null;
    const quote = firstQuote(xml, at, close);
    if (quote === -1) return close;
    const end = xml.indexOf(xml.charAt(quote), quote + 1);
    if (end === -1) return null;
    at = end + 1;
  }
}

function firstQuote(xml: string, from: number, to: number): number {
  for (let at = from; at < to; at += 1) {
    const code = xml.charCodeAt(at);
    if (code === 34 || code === 39) return at;
  }
  return -1;
}

function attributesOf(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  if (!text.includes("=")) return attributes;
  for (const match of text.matchAll(ATTRIBUTE)) {
    if (attributes.size >= ATTRIBUTES_MAX) throw new Unreadable("damaged");
    if (/^xmlns(?::|$)/.test(match[1] ?? "")) continue;
    attributes.set(localName(match[1] ?? ""), decoded(match[2] ?? match[3] ?? ""));
  }
  return attributes;
}

function localName(name: string): string {
  const colon = name.indexOf(":");
  return colon === -1 ? name : name.slice(colon + 1);
}

function decoded(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]{2,4});/gi, (whole, entity: string) => {
    if (!entity.startsWith("#")) return NAMED[entity] ?? whole;
    const code = /^#x/i.test(entity) ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1));
    return code > 0 && code <= 0x10_ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Bytes of XML as text (XML 1.0 section 4.3.3): UTF-8, or UTF-16 with its mark. Throws Unreadable for any other. */
export class XmlDecoder {
  #decoder: TextDecoder | null = null;

  write(bytes: Uint8Array): string {
    this.#decoder ??= decoderOf(bytes);
    return this.#decoder.decode(bytes, { stream: true });
  }

  end(): string {
    return this.#decoder?.decode() ?? "";
  }
}

function decoderOf(bytes: Uint8Array): TextDecoder {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le");
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be");
  const head = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  const declared = /^\s*<\?xml[^>]{0,150}encoding\s*=\s*["']([^"']{1,40})["']/i.exec(head)?.[1] ?? "utf-8";
  if (/^utf-?8$|^us-ascii$/i.test(declared)) return new TextDecoder("utf-8");
  if (/^(?:iso-8859-1|windows-1252)$/i.test(declared)) return new TextDecoder("windows-1252");
  throw new Unreadable("unknown_charset");
}
