/**
 * Reads PDF (ISO 32000-2) through pdf.js: the text of its pages and what stands for it, form fields, annotations with what they show, scripts,
 * labels of pages, properties and outline, the files within as attachments of their own, and what earlier states of it told.
 * Promises: nothing is drawn and no script runs; pages without text that show something are `image_only`; where pdf.js
 * has to repair a file, what it makes of it is read, and the file is `damaged`. A page has no end of its own: the process does.
 */
import { createHash } from "node:crypto";
import { getDocument, OPS } from "unpdf/pdfjs";
import type { PDFDocumentProxy, PDFPageProxy } from "unpdf/pdfjs";
import { attempt, readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { earlierEnds, PdfSections } from "./pdf-revisions.ts";
import { readUnlisted } from "./pdf-unlisted.ts";
import { picturesOf } from "./pdf-pictures.ts";
import { drawnByAnnotations, pixelsOf } from "./pdf-operators.ts";
import type { Operators } from "./pdf-operators.ts";
import { inOrder, inPlaces, isGibberish } from "./pdf-text.ts";
import type { PdfText } from "./pdf-text.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { TextCollector } from "./text-collector.ts";

/** Fewer characters than this are a stamp on a picture, and no page of text. */
const PAGE_CHARS_MIN = 40;
/** Fewer than this beside a picture as large as a text are its title. */
const TITLE_CHARS_MAX = 200;
/** Pixels in which a page of text can be read. */
const TEXT_PIXELS_MIN = 250_000;
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
/** Names behind which a text stands for what is shown; in streams of objects they may hide. */
const ALTERNATIVES = ["/Alt", "/ActualText", "/ObjStm"];
/** Annotations whose text pdf.js gives by itself, or that show none. */
const TOLD: ReadonlySet<string> = new Set(["FreeText", "Link", "Popup", "Widget"]);
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
  const { ends, isWhole } = earlierEnds(bytes);
  const known: Known = { sections: ends.length === 0 ? null : new Set(), files: new Set(), listed: 0 };
  try {
    await new PdfReader(content, reading, { isStrict: true, known, isEarlier: false }).read(bytes);
  } catch (error) {
    if (error instanceof Unreadable) throw error;
    // As most readers do, which do not tell that they had to guess.
    reading.unread(content.place, "damaged");
    await new PdfReader(content, reading, { isStrict: false, known, isEarlier: false }).read(bytes);
  }
  for (const [index, end] of ends.entries()) {
    const place = within(content.place, `earlier${index + 1}`);
    try {
      await new PdfReader({ ...content, place }, reading, { isStrict: true, known, isEarlier: true }).read(
        bytes.subarray(0, end),
      );
    } catch (error) {
      if (error instanceof Unreadable && error.reason === "over_budget") throw error;
      // An end that was none, such as that of a file within: nothing that a reader would open.
    }
  }
  if (!isWhole) reading.unread(content.place, "over_budget");
  const isKnown = (file: Buffer): boolean => !isNewFile(file, known);
  await readUnlisted(bytes, content, { reading, listed: known.listed, isKnown });
}

function isNewFile(bytes: Buffer, { files }: Known): boolean {
  const hash = createHash("sha256").update(bytes).digest("base64url");
  const isNew = !files.has(hash);
  files.add(hash);
  return isNew;
}

/** What was read before told: the states behind, and all files. */
type Known = {
  /** null: there are no others. */ readonly sections: Set<string> | null;
  readonly files: Set<string>;
  listed: number;
};
type Manner = { readonly isStrict: boolean; readonly known: Known; readonly isEarlier: boolean };

class PdfReader {
  readonly #content: Content;
  readonly #reading: Reading;
  readonly #out: PdfSections;
  readonly #isStrict: boolean;
  readonly #known: Known;
  readonly #isEarlier: boolean;
  #hasPictures = false;
  /** Of annotations, by their ids. */
  readonly #files = new Map<string, PdfFile>();

  constructor(content: Content, reading: Reading, { isStrict, known, isEarlier }: Manner) {
    this.#isStrict = isStrict;
    this.#known = known;
    this.#isEarlier = isEarlier;
    this.#content = content;
    this.#reading = reading;
    this.#out = new PdfSections(new TextCollector(content.place, reading), known.sections, { isEarlier });
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
      await this.#document(await opened(task.promise), {
        mayTellMore: ALTERNATIVES.some((name) => bytes.includes(name)),
      });
    } finally {
      await task.destroy();
      this.#out.flush();
    }
    if (this.#hasPictures) this.#reading.unread(this.#content.place, "image_only");
  }

  async #document(document: PDFDocumentProxy, { mayTellMore }: { readonly mayTellMore: boolean }): Promise<void> {
    const { pdfPagesMax } = this.#reading.budgets;
    await this.#properties(document);
    await this.#fields(document);
    await this.#outline(document);
    this.#actions(await document.getJSActions());
    for (const label of (await document.getPageLabels()) ?? []) if (/[^\divxlc]/i.test(label)) this.#line(label);
    this.#out.endSection();
    const isTagged = mayTellMore && (await document.getMarkInfo()) !== null;
    for (let number = 1; number <= Math.min(document.numPages, pdfPagesMax); number += 1) {
      this.#reading.checkTime();
      const page = await document.getPage(number);
      await this.#page(page);
      if (isTagged) this.#alternatives((await page.getStructTree()) as Structure | null);
      this.#out.endSection();
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
    await this.#annotations(page);
    this.#actions(await page.getJSActions());
    const dense = withoutSpace(text);
    if (this.#isEarlier) return;
    if (isGibberish(dense)) this.#hasPictures = true;
    else if (dense.length < TITLE_CHARS_MAX && (!this.#hasPictures || this.#reading.takesPictures))
      await this.#lookAt(page, dense);
  }

  async #annotations(page: PDFPageProxy): Promise<void> {
    const annotations = (await page.getAnnotations()) as readonly Annotation[];
    for (const annotation of annotations) this.#annotation(annotation);
    if (!annotations.some(({ subtype, hasAppearance }) => hasAppearance === true && !TOLD.has(subtype ?? ""))) return;
    this.#out.append(`${await drawnByAnnotations(page)}\n`);
  }

  /** What is read aloud in the place of a picture or of letters. */
  #alternatives(root: Structure | null): void {
    const waiting = root === null ? [] : [root];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      this.#line(node.alt);
      waiting.push(...(node.children ?? []).toReversed());
    }
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
    if (!this.#isStrict) return text.length < PAGE_CHARS_MIN;
    try {
      const { fnArray, argsArray } = (await page.getOperatorList()) as Operators;
      if (text.length >= PAGE_CHARS_MIN) {
        // All together: some scanners cut a page into strips.
        const pixels = fnArray.map((operator, index) => (PICTURES.has(operator) ? pixelsOf(argsArray[index]) : 0));
        return pixels.reduce((sum, of) => sum + of, 0) >= TEXT_PIXELS_MIN;
      }
      const showing = text === "" ? SHOWING : PICTURES;
      // A path that is neither drawn nor filled is only the edge of something.
      const isEdge = (index: number): boolean =>
        fnArray[index] === OPS.constructPath && argsArray[index]?.[0] === OPS.endPath;
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
    if (annotation.fileId !== undefined && annotation.file !== undefined)
      this.#files.set(annotation.fileId, annotation.file);
  }

  /** Scripts, which no reader here runs: what they say stands in them. */
  #actions(actions: unknown): void {
    for (const scripts of Object.values((actions ?? {}) as Readonly<Record<string, unknown>>))
      for (const script of [scripts].flat()) this.#line(script);
  }

  async #properties(document: PDFDocumentProxy): Promise<void> {
    const { info, metadata } = (await document.getMetadata()) as unknown as Properties;
    // Programs that know such forms show them in the place of the pages.
    if (info["IsXFAPresent"] === true && !document.isPureXfa)
      this.#reading.unread(this.#content.place, "unsupported_type");
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
    const files = new Map([...((await document.getAttachments()) ?? []), ...this.#files] as readonly [
      string,
      PdfFile,
    ][]);
    let index = 0;
    for (const [id, { filename, description }] of files) {
      index += 1;
      const place = within(this.#content.place, index);
      const begin = (): void => {
        this.#reading.spendEntries(1);
        for (const text of new Set([filename, description ?? ""])) this.#reading.name(place, text);
      };
      if (!this.#isEarlier) begin();
      await attempt(place, this.#reading, async () => {
        const bytes = Buffer.from((await document.getAttachmentContent(id)) ?? []);
        const isNew = isNewFile(bytes, this.#known);
        this.#known.listed += 1;
        if (this.#isEarlier && !isNew) return;
        if (this.#isEarlier) begin();
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
type PdfFile = { readonly filename: string; readonly description?: string };
type Text = { readonly str?: string };
type Annotation = {
  readonly subtype?: string;
  readonly hasAppearance?: boolean;
  readonly fileId?: string;
  readonly file?: PdfFile;
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
type Structure = { readonly alt?: string; readonly children?: readonly Structure[] };
type Outline = { readonly title?: string; readonly items?: readonly Outline[] };

async function opened(document: Promise<PDFDocumentProxy>): Promise<PDFDocumentProxy> {
  try {
    return await document;
  } catch (error) {
    // By a password, or in a way that pdf.js does not know: to certificates, or by a system that manages rights.
    const isEncrypted =
      error instanceof Error && (error.name === "PasswordException" || /encryption method/.test(error.message));
    if (isEncrypted) throw new Unreadable("encrypted");
    throw error;
  }
}

function withoutSpace(text: string): string {
  return text.replace(/\s+/g, "");
}
