/**
 * Walks the structure of a message and collects every text a reader could see, and whatever could not be read.
 * Promises: reads at most the budgets allow; each leaf is text, known harmless, protected, or named in `uninspectable`; the source of a
 * multipart between its parts is read too. Rejects only when the store does. Leaves charsets and headers to parts/mime.
 */
import type { UninspectableReason } from "../../core/findings.ts";
import type { MimeDefect, MimePart, MimeStructure } from "../../core/mime-structure.ts";
import type { ReadBody } from "../../core/stages.ts";
import { archiveBehind } from "../../parts/extraction/archive-behind.ts";
import { contentKindOf, hasReader, SNIFF_BYTES } from "../../parts/extraction/content-kind.ts";
import type { ContentKind } from "../../parts/extraction/content-kind.ts";
import type { ExtractedItem } from "../../parts/extraction/extraction-types.ts";
import { decodeUndeclared } from "../../parts/mime/charset.ts";
import { readHeaderSection } from "../../parts/mime/header-fields.ts";
import type { HeaderField } from "../../parts/mime/header-fields.ts";
import { isEmbeddedMessage } from "../../parts/mime/part-facts.ts";
import { depthOf, isMisdeclared } from "./attachments.ts";
import type { Attachments, Place } from "./attachments.ts";
import type { Segment } from "./compiled-pack.ts";
import { encodedRunsOf } from "./encoded-runs.ts";
import type { Extraction, Uninspectable } from "./extraction-result.ts";
import { contentIdOf } from "./html-text.ts";
import type { InspectOptions } from "./inspect-options.ts";
import { attachmentOf, isMarkupFile, isMessageFile, messagesOf, structureOf, withoutPrelude } from "./loose-file.ts";
import { asksOf, headerSegments, namedValues, otherFields, senderNamesOf } from "./message-header.ts";
import type { NamedValues, Wanted } from "./message-header.ts";
import { normaliseText } from "./normalise.ts";
import { contentOf, isControlPart, isTextual, readPartText, readRawText } from "./part-text.ts";
import {
  armourHeaders,
  isArmouredMessage,
  isEncryptedCms,
  isRpmsg,
  isWholeEncryptedCms,
  PKCS7_MIME_TYPES,
  reasonOfUnknown,
  RPMSG_TYPE,
} from "./protected-content.ts";
import { undisguisedTexts } from "./undisguised.ts";
import { holdsEncodedPart, nameText, printableRuns, withoutDelimiters } from "./text-pieces.ts";

/** Defects behind which no text hides: the last part of an unclosed multipart reaches to the end and is read. */
const HARMLESS_DEFECTS: ReadonlySet<MimeDefect> = new Set(["unclosed_multipart"]);
const SIGNATURE_BYTES_MAX = 65_536;
const HEADER_BYTES_MAX = 262_144;
/** The message of fields that no subject stands before. */
const NO_MESSAGE = -1;

export type ExtractLimits = {
  readonly options: InspectOptions;
  readonly wanted: Wanted;
  readonly isLate: () => boolean;
  readonly attachments: Attachments;
};

export async function extractTexts(mime: MimeStructure, read: ReadBody, limits: ExtractLimits): Promise<Extraction> {
  return new Extractor(read, limits, 0).run(mime);
}

type Picture = {
  readonly part: MimePart;
  readonly contentId: string;
  readonly isSmall: boolean;
  readonly message: number;
};

class Extractor {
  readonly #read: ReadBody;
  readonly #limits: ExtractLimits;
  readonly #nesting: number;
  readonly #options: InspectOptions;
  readonly #wanted: Wanted;
  readonly #isLate: () => boolean;
  readonly #segments: Segment[] = [];
  readonly #uninspectable: Uninspectable[] = [];
  readonly #protectedParts: string[] = [];
  readonly #misdeclared: string[] = [];
  readonly #pictures: Picture[] = [];
  readonly #contentIds = new Set<string>();
  #chars = 0;
  #messages = 0;

  /** `nesting`: files and messages within attachments around this one. */
  constructor(read: ReadBody, limits: ExtractLimits, nesting: number) {
    const { options, wanted, isLate } = limits;
    this.#read = read;
    this.#limits = limits;
    this.#nesting = nesting;
    this.#options = options;
    this.#wanted = wanted;
    this.#isLate = isLate;
  }

  async run(mime: MimeStructure): Promise<Extraction> {
    if (mime.defects.some((defect) => !HARMLESS_DEFECTS.has(defect))) this.#blame("", "structure_defect");
    const values = await this.#message(mime.root);
    for (const { part, contentId, isSmall, message } of this.#pictures) {
      if (isSmall && this.#contentIds.has(contentId)) continue;
      if (this.#limits.attachments.takesPictures) await this.#attachment(part, message);
      else this.#blame(part.path, "unsupported_type");
    }
    return {
      segments: this.#segments,
      uninspectable: this.#uninspectable,
      protectedParts: this.#protectedParts,
      ...asksOf(values, this.#wanted),
      senderNames: senderNamesOf(values),
      misdeclared: this.#misdeclared,
    };
  }

  async #message(root: MimePart): Promise<NamedValues> {
    const message = this.#messages;
    this.#messages += 1;
    const suffix = message === 0 ? "" : `@${root.path}`;
    const values = namedValues(await this.#fields(root, { message, suffix, isMessage: true }));
    for (const { name, text, ...more } of headerSegments(values, this.#wanted)) {
      this.#add({ part: `header:${name}${suffix}`, message, ...more }, text);
    }
    await this.#part(root, message);
    return values;
  }

  async #child(part: MimePart, message: number): Promise<void> {
    if (part.bodyStart > part.headerStart)
      await this.#fields(part, { message, suffix: `@${part.path}`, isMessage: false });
    await this.#part(part, message);
  }

  /** Adds the fields that have no place of their own, and what readers disagree on. */
  async #fields(
    part: MimePart,
    { message, suffix, isMessage }: { readonly message: number; readonly suffix: string; readonly isMessage: boolean },
  ): Promise<readonly HeaderField[]> {
    const header = await this.#header(part);
    const { fields, isMalformed } = readHeaderSection(header);
    for (const text of otherFields(fields, { all: !isMessage })) {
      this.#add({ part: `header:other${suffix}`, kind: "header", message: NO_MESSAGE }, text);
    }
    // Some readers show the section from the malformed line on as text.
    if (isMalformed) this.#add({ part: `header:malformed${suffix}`, kind: "body", message }, decodeUndeclared(header));
    return fields;
  }

  async #part(part: MimePart, message: number): Promise<void> {
    for (const name of new Set([part.filename, part.parameters["name"]])) {
      if (typeof name === "string")
        this.#add({ part: `${part.path}:filename`, kind: "filename", message }, nameText(name));
    }
    if (isEmbeddedMessage(part.contentType) && part.children.length > 0) {
      for (const child of part.children) await this.#message(child);
      return;
    }
    if (part.contentType.startsWith("multipart/")) return this.#multipart(part, message);
    return this.#leaf(part, message);
  }

  async #multipart(part: MimePart, message: number): Promise<void> {
    const [first] = part.children;
    if (first === undefined) {
      // Without a usable boundary, or beyond a limit: the source is all there is.
      this.#blame(part.path, "structure_defect");
      return this.#add({ part: part.path, kind: "body", message }, readRawText(part, await this.#body(part)).join(""));
    }
    if (part.contentType === "multipart/encrypted" && (await this.#isPgpMime(part, message))) {
      this.#protectedParts.push(part.path);
      for (const extra of part.children.filter((_, index) => index !== 1)) await this.#child(extra, message);
    } else {
      for (const child of part.children) await this.#child(child, message);
    }
    await this.#between(part, message);
  }

  /** Preamble, epilogue and what stands between two parts: not shown by mail readers, but told by the source. */
  async #between(part: MimePart, message: number): Promise<void> {
    const { partBytesMax } = this.#options;
    let start = part.bodyStart;
    for (const [index, next] of [...part.children, null].entries()) {
      const end = next?.headerStart ?? part.bodyEnd;
      if (end - start > partBytesMax) this.#blame(part.path, "over_budget");
      const bytes = end > start ? await this.#read(start, Math.min(end, start + partBytesMax)) : Buffer.alloc(0);
      const text = withoutDelimiters(bytes.toString("latin1"), { isAfterPart: index > 0, isBeforePart: next !== null });
      if (text.trim() !== "") this.#add({ part: part.path, kind: "body", message }, text);
      if (holdsEncodedPart(text)) this.#blame(part.path, "structure_defect");
      start = next?.bodyEnd ?? end;
    }
  }

  async #leaf(part: MimePart, message: number): Promise<void> {
    if (this.#isLate()) return this.#blame(part.path, "over_budget");
    if (isTextual(part)) return this.#text(part, message);
    const head = contentOf(part, await this.#head(part)).bytes;
    if (await this.#isProtected(part, head)) {
      this.#protectedParts.push(part.path);
      return;
    }
    const kind = contentKindOf(head);
    if (isControlPart(part.contentType, kind, head)) return this.#smallText(part, message);
    this.#compare(part, kind);
    if (part.contentType.startsWith("image/") && kind.kind === "image") return this.#picture(part, message);
    if (hasReader(kind)) return this.#attachment(part, message);
    const body = await this.#body(part);
    const { bytes, reason } = contentOf(part, body);
    if (kind.kind === "text" && (isMarkupFile(bytes) || isMessageFile(withoutPrelude(bytes), part.filename))) {
      if (reason !== null) this.#blame(part.path, reason);
      if (part.bodyEnd - part.bodyStart > body.length) this.#blame(part.path, "over_budget");
      return this.#file({ name: part.filename ?? "", bytes }, this.#at(part, message));
    }
    this.#blame(part.path, reasonOfUnknown(bytes));
    for (const text of readRawText(part, body)) this.#add({ part: part.path, kind: "body", message }, text);
  }

  async #text(part: MimePart, message: number): Promise<void> {
    const bytes = await this.#body(part);
    const { inlineImageBytesMax } = this.#options;
    const limits = { isCut: part.bodyEnd - part.bodyStart > bytes.length, inlineImageBytesMax };
    const { texts, reason, contentIds, content, files, shown, ...more } = readPartText(part, bytes, limits);
    this.#compare(part, content);
    if (hasReader(content)) return this.#attachment(part, message);
    if (/\.(?:eml|mbox|mbx|mht|mhtml)$/i.test(part.filename ?? "") && content.kind === "text") {
      return this.#file({ name: part.filename ?? "", bytes: contentOf(part, bytes).bytes }, this.#at(part, message));
    }
    if (more.holdsEncrypted) this.#protectedParts.push(part.path);
    const [only] = texts;
    if (texts.length === 1 && reason === null && only !== undefined && isArmouredMessage(only)) {
      this.#add({ part: part.path, kind: "body", message }, armourHeaders(only));
      return;
    }
    if (reason !== null) this.#blame(part.path, reason);
    for (const id of contentIds) this.#contentIds.add(id);
    texts.forEach((text, at) => this.#add({ part: part.path, kind: "body", message, ...(at === 0 && shown) }, text));
    await this.#containers(files, this.#at(part, message));
  }

  #compare({ path, contentType, filename }: MimePart, kind: ContentKind): void {
    if (isMisdeclared(contentType, filename, kind)) this.#misdeclared.push(path);
  }

  /** A format that a reader process reads. */
  async #attachment(part: MimePart, message: number): Promise<void> {
    const body = await this.#body(part);
    if (part.bodyEnd - part.bodyStart > body.length) return this.#blame(part.path, "over_budget");
    const { bytes, reason } = contentOf(part, body);
    if (reason !== null) this.#blame(part.path, reason);
    await this.#container(bytes, this.#at(part, message));
  }

  #at = ({ path }: MimePart, message: number): Place => ({ path, nesting: this.#nesting, message });

  async #container(bytes: Buffer, at: Place): Promise<void> {
    const charsLeft = this.#options.textCharsMax - this.#chars;
    const items = await this.#limits.attachments.read(bytes, { charsLeft, nesting: at.nesting });
    for (const item of items) await this.#item(item, at);
  }

  /** Files that stand within a text: of cards, records and markup. */
  async #containers(files: readonly Buffer[], { path, nesting, message }: Place): Promise<void> {
    for (const [index, bytes] of files.entries())
      await this.#container(bytes, { path: `${path}>${index + 1}`, nesting: nesting + 1, message });
  }

  async #item(item: ExtractedItem, { path, nesting, message }: Place): Promise<void> {
    const place = item.place === "" ? path : `${path}>${item.place}`;
    switch (item.kind) {
      case "text":
        return this.#add({ part: place, kind: "body", message }, item.text);
      case "name":
        return this.#add({ part: `${place}:filename`, kind: "filename", message }, nameText(item.text));
      case "unread":
        return this.#blame(place, item.reason);
      case "misnamed":
        this.#misdeclared.push(place);
        return;
      case "file":
        return this.#file(item, { path: place, nesting: nesting + depthOf(item.place), message });
    }
  }

  /** A text or a message out of an archive, read as it would be by itself. */
  async #file({ name, bytes }: { readonly name: string; readonly bytes: Buffer }, at: Place): Promise<void> {
    const { path, message } = at;
    if (this.#isLate()) return this.#blame(path, "over_budget");
    const content = withoutPrelude(bytes);
    if (isMessageFile(content, name)) return this.#mailbox(messagesOf(content, this.#options.archiveEntriesMax), at);
    const { inlineImageBytesMax } = this.#options;
    const { texts, reason, files, ...more } = readPartText(attachmentOf(content, name).root, content, {
      isCut: false,
      inlineImageBytesMax,
    });
    if (more.holdsEncrypted) this.#protectedParts.push(path);
    if (reason !== null) this.#blame(path, reason);
    for (const text of texts) this.#add({ part: path, kind: "body", message }, text);
    await this.#containers(files, at);
  }

  /** One message, or the several of a mailbox file. */
  async #mailbox({ messages, isWhole }: ReturnType<typeof messagesOf>, { path, nesting }: Place): Promise<void> {
    if (!isWhole) this.#blame(path, "over_budget");
    for (const [index, bytes] of messages.entries()) {
      await this.#messageFile(bytes, messages.length === 1 ? path : `${path}>${index + 1}`, nesting + 1);
    }
  }

  async #messageFile(bytes: Buffer, place: string, nesting: number): Promise<void> {
    if (nesting > this.#options.archiveDepthMax) return this.#blame(place, "over_budget");
    const read: ReadBody = (start, end) => Promise.resolve(bytes.subarray(start, end));
    const inner = new Extractor(read, this.#limits, nesting);
    inner.#chars = this.#chars;
    const found = await inner.run(structureOf(bytes));
    this.#chars = inner.#chars;
    const at = (part: string): string => (part === "" ? place : `${place}>${part}`);
    for (const segment of found.segments) {
      const message = segment.message === NO_MESSAGE ? NO_MESSAGE : segment.message + this.#messages;
      this.#segments.push({ ...segment, part: at(segment.part), message });
    }
    this.#messages += inner.#messages;
    for (const { part, reason } of found.uninspectable) this.#blame(at(part), reason);
    this.#protectedParts.push(...found.protectedParts.map(at));
    this.#misdeclared.push(...found.misdeclared.map(at));
  }

  /** Signatures and control parts: short, and read as text in case they are something else. */
  async #smallText(part: MimePart, message: number): Promise<void> {
    if (part.bodyEnd - part.bodyStart > SIGNATURE_BYTES_MAX) this.#blame(part.path, "unsupported_type");
    const { bytes, reason } = contentOf(part, await this.#body(part));
    if (reason !== null) this.#blame(part.path, reason);
    const texts = [bytes.toString("latin1"), ...encodedRunsOf(bytes.toString("latin1")).texts];
    this.#add({ part: part.path, kind: "body", message }, texts.join("\n"));
  }

  async #picture(part: MimePart, message: number): Promise<void> {
    const { fields } = readHeaderSection(await this.#header(part));
    const contentId = fields.find((field) => field.name.toLowerCase() === "content-id")?.value ?? "";
    const bytes = part.bodyEnd - part.bodyStart;
    const sizeBytes = part.encoding === "base64" ? Math.ceil((bytes * 3) / 4) : bytes;
    const isSmall = sizeBytes < this.#options.inlineImageBytesMax && contentId !== "";
    this.#pictures.push({ part, contentId: contentIdOf(contentId), isSmall, message });
    // A picture names who and what it shows, and a text can hide behind its first bytes.
    if (!isSmall) return;
    const { bytes: picture } = contentOf(part, await this.#body(part));
    const archive = archiveBehind(picture, 1);
    if (archive !== null) {
      this.#blame(part.path, "structure_defect");
      await this.#container(archive, this.#at(part, message));
    }
    const text = printableRuns(picture);
    if (text !== "") this.#add({ part: part.path, kind: "body", message }, text);
  }

  async #isProtected(part: MimePart, head: Buffer): Promise<boolean> {
    if (part.contentType === RPMSG_TYPE) return isRpmsg(head);
    if (!PKCS7_MIME_TYPES.has(part.contentType) || !isEncryptedCms(head)) return false;
    const body = await this.#body(part);
    const isCut = part.bodyEnd - part.bodyStart > body.length;
    return !isCut && isWholeEncryptedCms(contentOf(part, body).bytes);
  }

  /** RFC 3156 section 4: two parts, the second one armoured message and nothing else. */
  async #isPgpMime(part: MimePart, message: number): Promise<boolean> {
    const encrypted = part.children[1];
    if (encrypted === undefined) return false;
    const body = await this.#body(encrypted);
    if (encrypted.bodyEnd - encrypted.bodyStart > body.length) return false;
    const text = contentOf(encrypted, body).bytes.toString("latin1");
    if (!isArmouredMessage(text)) return false;
    await this.#fields(encrypted, { message, suffix: `@${encrypted.path}`, isMessage: false });
    this.#add({ part: encrypted.path, kind: "body", message }, armourHeaders(text));
    return true;
  }

  #header(part: MimePart): Promise<Buffer> {
    if (part.bodyStart - part.headerStart > HEADER_BYTES_MAX) this.#blame(part.path, "over_budget");
    return this.#read(part.headerStart, Math.min(part.bodyStart, part.headerStart + HEADER_BYTES_MAX));
  }

  #head(part: MimePart): Promise<Buffer> {
    return this.#read(part.bodyStart, Math.min(part.bodyEnd, part.bodyStart + 2 * SNIFF_BYTES));
  }

  #body(part: MimePart): Promise<Buffer> {
    return this.#read(part.bodyStart, Math.min(part.bodyEnd, part.bodyStart + this.#options.partBytesMax));
  }

  #add(place: Omit<Segment, "text">, text: string): void {
    const room = this.#options.textCharsMax - this.#chars;
    if (text.length > room) this.#blame(place.part, "over_budget");
    const raw = text.length > room ? text.slice(0, Math.max(0, room)) : text;
    const kept = normaliseText(raw);
    this.#chars += kept.length;
    if (kept === "" && place.sender === undefined) return;
    for (const told of [kept, ...undisguisedTexts(raw, kept)]) this.#segments.push({ ...place, text: told });
  }

  #blame(part: string, reason: UninspectableReason): void {
    if (!this.#uninspectable.some((each) => each.part === part && each.reason === reason)) {
      this.#uninspectable.push({ part, reason });
    }
  }
}
