/**
 * Reads PDF (ISO 32000-2) through pdf.js: the text of its pages, form fields, annotations, properties and outline, and the
 * files within as attachments of their own.
 * Promises: nothing is drawn and no script runs; pages without text that show something are `image_only`; where pdf.js
 * has to repair a file, what it makes of it is read, and the file is `damaged`. A page has no end of its own: the process does.
 */
import { getDocument, OPS } from "unpdf/pdfjs";
import type { PDFDocumentProxy, PDFPageProxy } from "unpdf/pdfjs";
import { attempt, readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { picturesOf } from "./pdf-pictures.ts";
import { inOrder, inPlaces } from "./pdf-text.ts";
import type { PdfText } from "./pdf-text.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { TextCollector } from "./text-collector.ts";

/** Fewer characters than this are a stamp on a picture, and no page of text. */
const PAGE_CHARS_MIN = 40;
/** Share of characters that mean nothing from which on a page counts as unreadable: its font tells shapes only. */
const STRANGE_SHARE_MAX = 0.3;
const STRANGE = /[\0-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]/g; // oxlint-disable-line no-control-regex
const OUTLINE_MAX = 10_000;
const PICTURES: ReadonlySet<number> = new Set([
  OPS.paintImageMaskXObject,
  OPS.paintImageMaskXObjectGroup,
  OPS.paintImageMaskXObjectRepeat,
  OPS.paintImageXObject,
  OPS.paintImageXObjectRepeat,
  OPS.paintInlineImageXObject,
  OPS.paintInlineImageXObjectGroup,
  OPS.paintSolidColorImageMask,
]);
/** Operators that put something on a page. */
const SHOWING: ReadonlySet<number> = new Set([
  ...PICTURES,
  OPS.stroke,
  OPS.closeStroke,
  OPS.fill,
  OPS.eoFill,
  OPS.fillStroke,
  OPS.eoFillStroke,
  OPS.closeFillStroke,
  OPS.closeEOFillStroke,
  OPS.constructPath,
  OPS.shadingFill,
]);

export async function readPdf(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  try {
    await new PdfReader(content, reading, true).read(bytes);
  } catch (error) {
    if (error instanceof Unreadable) throw error;
    // As most readers do, which do not tell that they had to guess.
    reading.unread(content.place, "damaged");
    await new PdfReader(content, reading, false).read(bytes);
  }
}

class PdfReader {
  readonly #content: Content;
  readonly #reading: Reading;
  readonly #out: TextCollector;
  readonly #isStrict: boolean;
  #hasPictures = false;

  constructor(content: Content, reading: Reading, isStrict: boolean) {
    this.#isStrict = isStrict;
    this.#content = content;
    this.#reading = reading;
    this.#out = new TextCollector(content.place, reading);
  }

  /** Throws what pdf.js throws where it is to be strict. */
  async read(bytes: Buffer): Promise<void> {
    const task = getDocument({
      // Its own copy: it takes the bytes away.
      data: Uint8Array.from(bytes),
      stopAtErrors: this.#isStrict,
      useSystemFonts: false,
      disableFontFace: true,
      useWorkerFetch: false,
      isOffscreenCanvasSupported: false,
      isImageDecoderSupported: false,
      useWasm: false,
      enableXfa: true,
      verbosity: 0,
    });
    try {
      await this.#document(await opened(task.promise));
    } finally {
      await task.destroy();
      this.#out.flush();
    }
    if (this.#hasPictures) this.#reading.unread(this.#content.place, "image_only");
  }

  async #document(document: PDFDocumentProxy): Promise<void> {
    const { pdfPagesMax } = this.#reading.budgets;
    await this.#properties(document);
    await this.#fields(document);
    await this.#outline(document);
    for (let number = 1; number <= Math.min(document.numPages, pdfPagesMax); number += 1) {
      this.#reading.checkTime();
      const page = await document.getPage(number);
      await this.#page(page);
      page.cleanup();
    }
    await this.#attachments(document);
    if (document.numPages > pdfPagesMax) throw new Unreadable("over_budget");
  }

  async #page(page: PDFPageProxy): Promise<void> {
    const { items } = await page.getTextContent();
    const texts = items.filter((item): item is Extract<typeof item, PdfText> => "str" in item);
    const text = inOrder(texts);
    const placed = inPlaces(texts);
    this.#out.append(text);
    this.#out.endLine();
    // Labels drawn before all values, as forms are filled: near one another only on the page.
    if (withoutSpace(placed) !== withoutSpace(text)) this.#out.append(`${placed}\n`);
    for (const annotation of (await page.getAnnotations()) as readonly Annotation[]) this.#annotation(annotation);
    const dense = withoutSpace(text);
    const isStrange = (dense.match(STRANGE)?.length ?? 0) > dense.length * STRANGE_SHARE_MAX;
    if (isStrange) this.#hasPictures = true;
    else if (dense.length < PAGE_CHARS_MIN && (!this.#hasPictures || this.#reading.takesPictures))
      await this.#lookAt(page, dense);
  }

  /** A page of pictures: those that can be taken out are handed to whoever reads them. */
  async #lookAt(page: PDFPageProxy, text: string): Promise<void> {
    if (!(await this.#showsMore(page, text))) return;
    const pictures = this.#isStrict && this.#reading.takesPictures ? await picturesOf(page, this.#reading) : null;
    if (pictures === null) this.#hasPictures = true;
    for (const picture of pictures ?? [])
      this.#reading.picture(within(this.#content.place, `page${page.pageNumber}`), picture, "image_only");
  }

  /** A blank page shows nothing; a few words may be all there is, unless a picture stands beside them. */
  async #showsMore(page: PDFPageProxy, text: string): Promise<boolean> {
    if (!this.#isStrict) return true;
    const showing = text === "" ? SHOWING : PICTURES;
    try {
      const { fnArray, argsArray } = await page.getOperatorList();
      // A path that is neither drawn nor filled is only the edge of something.
      const isEdge = (index: number): boolean =>
        fnArray[index] === OPS.constructPath && (argsArray as readonly unknown[][])[index]?.[0] === OPS.endPath;
      return fnArray.some((operator, index) => showing.has(operator) && !isEdge(index));
    } catch {
      // It shows something that pdf.js cannot draw.
      return true;
    }
  }

  #annotation(annotation: Annotation): void {
    const { contentsObj, titleObj, alternativeText, fieldValue, url, unsafeUrl, textContent, richText } = annotation;
    const texts = [
      titleObj?.str,
      contentsObj?.str,
      richText?.str,
      alternativeText,
      ...[fieldValue ?? []].flat(),
      url ?? unsafeUrl,
      ...(textContent ?? []),
    ];
    for (const text of texts) this.#line(text);
  }

  async #properties(document: PDFDocumentProxy): Promise<void> {
    const { info, metadata } = (await document.getMetadata()) as unknown as Properties;
    const custom = typeof info["Custom"] === "object" && info["Custom"] !== null ? Object.entries(info["Custom"]) : [];
    for (const [name, value] of [...Object.entries(info), ...custom, ...(metadata ?? [])]) {
      for (const each of [value].flat()) if (typeof each === "string") this.#line(`${name}: ${each}`);
    }
  }

  async #fields(document: PDFDocumentProxy): Promise<void> {
    const fields = (await document.getFieldObjects()) as Readonly<Record<string, readonly Field[]>> | null;
    for (const [name, widgets] of Object.entries(fields ?? {})) {
      for (const { value, defaultValue } of widgets) {
        for (const each of [value, defaultValue].flat())
          if (typeof each === "string" && each !== "") this.#line(`${name}: ${each}`);
      }
    }
  }

  async #outline(document: PDFDocumentProxy): Promise<void> {
    const waiting = [...(((await document.getOutline()) as readonly Outline[] | null) ?? [])];
    for (let told = 0; waiting.length > 0 && told < OUTLINE_MAX; told += 1) {
      const next = waiting.shift();
      this.#line(next?.title);
      waiting.push(...(next?.items ?? []));
    }
  }

  async #attachments(document: PDFDocumentProxy): Promise<void> {
    const files = await document.getAttachments();
    let index = 0;
    for (const [id, file] of files ?? []) {
      index += 1;
      this.#reading.spendEntries(1);
      const place = within(this.#content.place, index);
      const { filename, description } = file as { readonly filename: string; readonly description?: string };
      for (const text of new Set([filename, description ?? ""])) this.#reading.name(place, text);
      await attempt(place, this.#reading, async () => {
        const bytes = Buffer.from((await document.getAttachmentContent(id)) ?? []);
        this.#reading.spendInflated(bytes.length);
        await readContent(bytes, { place, name: filename, depth: this.#content.depth + 1 }, this.#reading);
      });
    }
  }

  #line(text: unknown): void {
    if (typeof text !== "string" || text.trim() === "") return;
    this.#out.append(text);
    this.#out.endLine();
  }
}

type Properties = {
  readonly info: Readonly<Record<string, unknown>>;
  readonly metadata: Iterable<readonly [string, unknown]> | null;
};
type Text = { readonly str?: string };
type Annotation = {
  readonly contentsObj?: Text;
  readonly titleObj?: Text;
  readonly richText?: Text;
  readonly alternativeText?: string;
  readonly fieldValue?: unknown;
  readonly url?: string;
  readonly unsafeUrl?: string;
  readonly textContent?: readonly string[];
};
type Field = { readonly value?: unknown; readonly defaultValue?: unknown };
type Outline = { readonly title?: string; readonly items?: readonly Outline[] };

async function opened(document: Promise<PDFDocumentProxy>): Promise<PDFDocumentProxy> {
  try {
    return await document;
  } catch (error) {
    if (error instanceof Error && error.name === "PasswordException") throw new Unreadable("encrypted");
    throw error;
  }
}

function withoutSpace(text: string): string {
  return text.replace(/\s+/g, "");
}
