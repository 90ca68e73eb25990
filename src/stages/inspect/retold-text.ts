/**
 * A text told once more, as a program that opens it would show it: encoded words of a quoted header, escapes of JSON, markup of XML and SVG.
 * Promises: linear time; nothing for a text that holds none of their marks. Pure.
 */
import { guessWords } from "../../parts/mime/header-fields.ts";
import { htmlToText } from "./html-text.ts";

const FOLDS = /\r?\n[ \t]/g;
const ASCII_ESCAPE = /\\u00([2-7][0-9a-f])/gi;
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
  if (isMarkup && text.includes("<")) texts.push(htmlToText(text).text);
  return texts;
}

function unescaped(_: string, hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}
