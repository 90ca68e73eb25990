/**
 * A text told once more, as a program that opens it would show it: encoded words of a quoted header, escapes of JSON, markup of XML and SVG,
 * words in links.
 * Promises: linear time; nothing for a text that holds none of their marks. Pure.
 */
import { guessWords } from "../../parts/mime/header-fields.ts";
import { percentDecoded } from "./files-in-text.ts";
import { htmlToText } from "./html-text.ts";

const FOLDS = /\r?\n[ \t]/g;
const ASCII_ESCAPE = /\\u00([2-7][0-9a-f])/gi;
/** What percent signs hide in a link, up to where a text or markup ends it. */
const LINK = /\b(?:https?|mailto|sms|tel|whatsapp):[^\s"'<>]{1,8000}/gi;
const BLANK = "%20";
const XML_TYPE = /(?:^image\/svg|[/+]xml$)/;
const XML_NAME = /\.(?:xml|svg)$/i;
const XML_BEGIN = /^\s{0,200}<(?:\?xml|svg)[\s>]/i;

/** Entities of a document's own stand for text that no reader here puts together (XML 1.0 section 4.2). */
export function hidesInEntities(text: string): boolean {
  return text.includes("<!ENTITY");
}

export function isXml(type: string, name: string | null, text: string): boolean {
  return XML_TYPE.test(type) || (name !== null && XML_NAME.test(name)) || XML_BEGIN.test(text.slice(0, 300));
}

export function retoldTexts(text: string, { isMarkup }: { readonly isMarkup: boolean }): readonly string[] {
  const texts: string[] = [];
  const words = text.includes("=?") ? guessWords(text.replace(FOLDS, " ")) : text;
  if (words.length !== text.length) texts.push(words);
  if (text.includes("\\u00")) texts.push(text.replace(ASCII_ESCAPE, unescaped));
  if (text.includes(BLANK)) texts.push(linksIn(text));
  if (isMarkup && text.includes("<")) texts.push(htmlToText(text).text);
  return texts.filter((each) => each !== "");
}

/** Addresses and parameters of links that are words, one a line: `?subject=MRN%2048` is `subject: MRN 48`. */
function linksIn(text: string): string {
  const lines: string[] = [];
  for (const [link] of text.matchAll(LINK)) {
    if (!link.includes(BLANK)) continue;
    const parts = link.split(/[?&;#]/).map((part) => percentDecoded(part.replace("=", ": ").replaceAll("+", " ")));
    for (const part of parts) lines.push(part.toString("utf8"));
  }
  return lines.join("\n");
}

function unescaped(_: string, hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}
