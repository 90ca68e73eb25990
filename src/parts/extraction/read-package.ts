/**
 * Reads Office Open XML and OpenDocument packages (ISO/IEC 29500, ISO/IEC 26300): ZIP archives of XML parts and files.
 * Promises: every part is read, by what it is and not by its name or by who refers to it; nothing in the package is skipped but
 * fonts and printer settings, whose characters are read all the same; an encrypted package is told as such.
 */
import { contentKindOf } from "./content-kind.ts";
import { OfficeText } from "./office-text.ts";
import { DOCUMENT_CHARS_MIN, PICTURE_BYTES_MIN } from "./picture-document.ts";
import { charactersIn } from "./printable.ts";
import { attempt, readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { SheetText } from "./sheet-text.ts";
import { TextCollector } from "./text-collector.ts";
import { SharedStrings, Styles, Workbook } from "./workbook.ts";
import { XmlDecoder, XmlScanner } from "./xml-scanner.ts";
import type { XmlEvents, XmlTag } from "./xml-scanner.ts";
import type { ZipEntry } from "./zip-directory.ts";
import { inflateEntry, readEntry } from "./zip-entry.ts";

const MANIFEST = "META-INF/manifest.xml";
const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
/** Files that show nothing. What characters stand in them is read. */
const SHOWS_NOTHING = /(?:printerSettings\d*\.bin|\.(?:odttf|fntdata|ttf|otf)|^layout-cache)$/i;
const SHOWS_NOTHING_BYTES_MAX = 16 * 1024 * 1024;
/** Parts in the order of a reader: what others refer to, then headers, the text, what stands below it. */
const ORDER: readonly RegExp[] = [
  /sharedStrings\.xml$/i,
  /(?:^|\/)(?:styles|workbook)\.xml$/i,
  /^(?:docProps\/|meta\.xml$)/i,
  /header\d*\.xml$/i,
  /(?:document|content)\.xml$/i,
  /slide\d*\.xml$/i,
];
/** Parts of numbers and switches: told apart from what the document says. */
const HEAD_BYTES = 512;
/** Roots of what a document says, in Word, PowerPoint, Excel, OpenDocument and XPS. */
const SAYING: ReadonlySet<string> = new Set("document sld worksheet document-content FixedPage".split(" "));
const SETTINGS = /(?:^|\/)(?:settings|webSettings|app)\.xml$/i;
/** Roots of parts that are written in the words of Office; parts of any other kind may say something in attributes. */
const FOREIGN_PARTS = /^customXml\//i;

export function isPackage(entries: readonly ZipEntry[]): boolean {
  const names = new Set(entries.map(({ name }) => name));
  return names.has("[Content_Types].xml") || (names.has("mimetype") && names.has(MANIFEST));
}

export async function readPackage(entries: readonly ZipEntry[], content: Content, reading: Reading): Promise<void> {
  if (await isEncrypted(entries, reading)) throw new Unreadable("encrypted");
  await new PackageReader(content, reading).read(entries);
}

async function isEncrypted(entries: readonly ZipEntry[], reading: Reading): Promise<boolean> {
  const manifest = entries.find(({ name }) => name === MANIFEST);
  if (manifest === undefined) return false;
  if (manifest.sizeBytes > MANIFEST_BYTES_MAX) throw new Unreadable("over_budget");
  return (await readEntry(manifest, reading)).includes("encryption-data");
}

class PackageReader {
  readonly #content: Content;
  readonly #reading: Reading;
  readonly #workbook = new Workbook();
  readonly #text: TextCollector;
  readonly #settings: TextCollector;
  #sheets = 0;
  /** Characters of what the document says, blanks aside. */
  #said = 0;
  #hasSmallPicture = false;

  constructor(content: Content, reading: Reading) {
    this.#content = content;
    this.#reading = reading;
    this.#text = new TextCollector(content.place, reading);
    this.#settings = new TextCollector(within(content.place, "settings"), reading);
  }

  async read(entries: readonly ZipEntry[]): Promise<void> {
    const numbered = entries.map((entry, index) => ({ entry, place: within(this.#content.place, index + 1) }));
    const ordered = numbered.toSorted(
      (a, b) => rank(a.entry) - rank(b.entry) || a.entry.name.localeCompare(b.entry.name, "en", { numeric: true }),
    );
    try {
      for (const { entry, place } of ordered) {
        if (!entry.isFolder) await attempt(place, this.#reading, () => this.#part(entry, place));
      }
      this.#workbook.tellUnused(this.#text);
      this.#names(entries);
      if (this.#hasSmallPicture && this.#said < DOCUMENT_CHARS_MIN)
        this.#reading.unread(this.#content.place, "image_only");
    } finally {
      // Also where a budget ended it: what was read is told.
      this.#text.flush();
      this.#settings.flush();
    }
  }

  #names(entries: readonly ZipEntry[]): void {
    for (const { name, otherNames, comment } of entries) {
      this.#settings.append([name, ...otherNames, comment].join(" ").trim());
      this.#settings.endLine();
    }
  }

  async #part(entry: ZipEntry, place: string): Promise<void> {
    const pieces = inflateEntry(entry, this.#reading);
    const first = await pieces.next();
    if (first.done === true) return;
    const isPage = PAGE.test(first.value.toString("latin1", 0, HEAD_BYTES));
    if (looksLikeXml(first.value) && !isPage) return this.#xml(entry, chained(first.value, pieces));
    const rest: Buffer[] = [first.value];
    for await (const piece of pieces) rest.push(piece);
    const name = isPage && !PAGE_NAME.test(entry.name) ? `${entry.name}.html` : entry.name;
    return this.#file(Buffer.concat(rest), { ...entry, name }, place);
  }

  async #xml(entry: ZipEntry, pieces: AsyncIterable<Buffer>): Promise<void> {
    const decoder = new XmlDecoder();
    const part = new PackagePart((root) => this.#readerOf(root, entry));
    const scanner = new XmlScanner(part);
    try {
      for await (const piece of pieces) scanner.write(decoder.write(piece));
      scanner.write(decoder.end());
      scanner.end();
    } finally {
      // Of a damaged part, what came before the damage.
      part.end();
    }
  }

  #readerOf(root: string, entry: ZipEntry): XmlEvents & { end(): void } {
    const reader = this.#partReader(root, entry);
    if (!SAYING.has(root)) return reader;
    const text = (piece: string): void => {
      this.#said += piece.replace(/\s+/g, "").length;
      reader.text(piece);
    };
    return { open: (tag) => reader.open(tag), text, close: (name) => reader.close(name), end: () => reader.end() };
  }

  #partReader(root: string, { name }: ZipEntry): XmlEvents & { end(): void } {
    switch (root) {
      case "sst":
        return new SharedStrings(this.#workbook, this.#reading.charsLeft);
      case "styleSheet":
        return new Styles(this.#workbook);
      case "worksheet":
      case "chartsheet":
      case "dialogsheet":
      case "macrosheet":
        this.#sheets += 1;
        return this.#sheet(within(this.#content.place, `sheet${this.#sheets}`));
      default:
        return new OfficeText(SETTINGS.test(name) ? this.#settings : this.#text, {
          readsAll: FOREIGN_PARTS.test(name),
        });
    }
  }

  #sheet(place: string): XmlEvents & { end(): void } {
    const out = new TextCollector(place, this.#reading);
    const sheet = new SheetText(out, this.#workbook);
    return {
      open: (tag) => sheet.open(tag),
      text: (text) => sheet.text(text),
      close: (name) => sheet.close(name),
      end: () => {
        sheet.end();
        out.flush();
      },
    };
  }

  async #file(bytes: Buffer, entry: ZipEntry, place: string): Promise<void> {
    if (
      SHOWS_NOTHING.test(entry.name) &&
      bytes.length <= SHOWS_NOTHING_BYTES_MAX &&
      contentKindOf(bytes).kind === "binary"
    ) {
      return this.#reading.text(place, charactersIn(bytes));
    }
    const isSmall = bytes.length >= PICTURE_BYTES_MIN && bytes.length < this.#reading.budgets.imageBytesMax;
    if (isSmall && contentKindOf(bytes).kind === "image") this.#hasSmallPicture = true;
    await readContent(bytes, { place, name: entry.name, depth: this.#content.depth + 1, isShown: true }, this.#reading);
  }
}

/** Hands a part to the reader its root asks for. */
class PackagePart implements XmlEvents {
  readonly #choose: (root: string) => XmlEvents & { end(): void };
  #reader: (XmlEvents & { end(): void }) | null = null;

  constructor(choose: (root: string) => XmlEvents & { end(): void }) {
    this.#choose = choose;
  }

  open(tag: XmlTag): void {
    this.#reader ??= this.#choose(tag.name);
    this.#reader.open(tag);
  }

  text(text: string): void {
    this.#reader?.text(text);
  }

  close(name: string): void {
    this.#reader?.close(name);
  }

  end(): void {
    this.#reader?.end();
  }
}

function rank({ name }: ZipEntry): number {
  const at = ORDER.findIndex((pattern) => pattern.test(name));
  return at === -1 ? ORDER.length : at;
}

/** Markup of web pages and drawings: read as files of their own, for letters of one word stand in many elements. */
const PAGE =
  /^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?<(?:!doctype (?:html|svg)|(?:html|head|body|div|span|p|h[1-6]|br|b|i|font|svg)[\s>/])/i;
const PAGE_NAME = /\.(?:x?html?|svg)$/i;

/** A mark and blanks may stand before the first tag; UTF-16 takes two bytes for each. */
function looksLikeXml(bytes: Buffer): boolean {
  const head = bytes.toString("latin1", 0, HEAD_BYTES).replace(/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)/, "");
  return /^[\0\s]*<[\0]?[A-Za-z_?!]/.test(head);
}

async function* chained(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  yield first;
  yield* rest;
}
