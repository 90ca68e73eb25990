/**
 * Tells Office documents that are one file of XML as a reader sees them: Word and Excel 2003, flat OpenDocument, flat OPC packages of Word.
 * Promises: pure; never throws; of a damaged document what comes before the damage. Files in base64 within are found as in any text.
 */
import { OfficeText } from "../../../parts/extraction/office-text.ts";
import { XmlScanner } from "../../../parts/extraction/xml-scanner.ts";
import type { RecordLines } from "./record-lines.ts";

/** Behind a declaration, instructions and comments. */
const ROOT = /<(?:[\w.-]{1,40}:)?(?:wordDocument|Workbook|document|package)\s/;
const VOCABULARY =
  /(?:schemas\.microsoft\.com\/office\/(?:word\/2003|2006\/xmlPackage)|microsoft-com:office:spreadsheet|opendocument:xmlns:office)/;
const HEAD_CHARS = 8_192;
/** Excel 2003 writes a day as its first moment. */
const MIDNIGHT = /T00:00:00\.000\b/g;

export function hasOfficeXml(text: string): boolean {
  if (!/^\s{0,200}</.test(text)) return false;
  const head = text.slice(0, HEAD_CHARS);
  return VOCABULARY.test(head) && ROOT.test(head);
}

export function tellOfficeXml(text: string, lines: RecordLines): void {
  let line = "";
  const endLine = (): void => {
    lines.add("", line.replace(MIDNIGHT, ""));
    line = "";
  };
  const append = (piece: string): void => {
    const [first = "", ...more] = piece.split("\n");
    line += first;
    for (const next of more) {
      endLine();
      line = next;
    }
  };
  const reader = new OfficeText({ append, endLine }, { readsAll: false });
  try {
    const scanner = new XmlScanner(reader);
    scanner.write(text);
    scanner.end();
  } catch {
    // Told as far as it went.
  }
  reader.end();
}
