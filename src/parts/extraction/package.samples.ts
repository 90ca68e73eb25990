/** Office Open XML and OpenDocument packages for tests: as small as readers of them take. */
import { zipOf } from "./zip.samples.ts";
import type { SampleEntry } from "./zip.samples.ts";

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n';
const W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
const X = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
const ODF =
  'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"';

export type Parts = Readonly<Record<string, string | Buffer>>;

export function packageOf(parts: Parts, more: readonly SampleEntry[] = []): Buffer {
  const types = `${HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`;
  const entries = Object.entries({ "[Content_Types].xml": types, ...parts });
  return zipOf([...entries.map(([name, content]) => ({ name, content })), ...more]);
}

export const run = (text: string): string => `<w:r><w:t xml:space="preserve">${text}</w:t></w:r>`;
export const paragraph = (...runs: readonly string[]): string => `<w:p><w:pPr/>${runs.join("")}</w:p>`;
export const document = (body: string): string => `${HEAD}<w:document ${W}><w:body>${body}</w:body></w:document>`;
export const wordPart = (root: string, body: string): string => `${HEAD}<w:${root} ${W}>${body}</w:${root}>`;
export const docx = (body: string, parts: Parts = {}): Buffer =>
  packageOf({ "word/document.xml": document(body), ...parts });

export const sheet = (rows: string, rest = ""): string =>
  `${HEAD}<worksheet ${X}><sheetData>${rows}</sheetData>${rest}</worksheet>`;
export const strings = (...texts: readonly string[]): string =>
  `${HEAD}<sst ${X}>${texts.map((text) => `<si>${text}</si>`).join("")}</sst>`;
export const workbook = (sheets: string): string => `${HEAD}<workbook ${X}><sheets>${sheets}</sheets></workbook>`;
export const styles = (formats: string, cells: string): string =>
  `${HEAD}<styleSheet ${X}><numFmts>${formats}</numFmts><cellXfs>${cells}</cellXfs></styleSheet>`;
export const xlsx = (rows: string, parts: Parts = {}): Buffer =>
  packageOf({ "xl/worksheets/sheet1.xml": sheet(rows), ...parts });
/** A row of inline strings. */
export const row = (...texts: readonly string[]): string =>
  `<row>${texts.map((text) => `<c t="inlineStr"><is><t>${text}</t></is></c>`).join("")}</row>`;

export const slide = (text: string): string =>
  `${HEAD}<p:sld xmlns:p="p" xmlns:a="a"><p:txBody><a:p><a:r><a:t>${text}</a:t></a:r></a:p></p:txBody></p:sld>`;

export function odf(body: string, parts: Parts = {}): Buffer {
  const content = `${HEAD}<office:document-content ${ODF}><office:body>${body}</office:body></office:document-content>`;
  const manifest = `${HEAD}<manifest:manifest xmlns:manifest="m"/>`;
  const all = { "content.xml": content, "META-INF/manifest.xml": manifest, ...parts };
  const entries = Object.entries(all).map(([name, text]) => ({ name, content: text }));
  return zipOf([{ name: "mimetype", content: "application/vnd.oasis.opendocument.text", isStored: true }, ...entries]);
}
