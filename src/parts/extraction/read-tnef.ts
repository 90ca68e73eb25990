/**
 * Reads TNEF, the `winmail.dat` of Outlook and Exchange (MS-OXTNEF): a message, or the rest of the one it lies in.
 * Promises: subject, bodies, names, properties and attachments are handed on as those of a message file are, messages within to the
 * depth the budgets allow; damage is told beside what could be read.
 */
import { ID, MAPI, MapiProperties } from "./mapi-properties.ts";
import type { MapiProperty } from "./mapi-properties.ts";
import type { AttachmentContent, OutlookAttachment, OutlookMessage } from "./outlook-message.ts";
import { handOn, unpackRichTexts } from "./outlook-parts.ts";
import { attempt, readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { tnefAttributes, TnefProperties } from "./tnef-attributes.ts";
import type { TnefAttribute } from "./tnef-attributes.ts";

const SIGNATURE = 0x223e_9f78;
/** Numbers of attributes without their types. */
const ATTRIBUTE = {
  from: 0x8000,
  subject: 0x8004,
  body: 0x800c,
  attachmentData: 0x800f,
  attachmentTitle: 0x8010,
  attachmentTransportName: 0x9001,
  attachmentBegins: 0x9002,
  properties: 0x9003,
  recipients: 0x9004,
  attachmentProperties: 0x9005,
  oemCodePage: 0x9007,
} as const;
const TEXTS: ReadonlyMap<number, number> = new Map([
  [ATTRIBUTE.subject, ID.subject],
  [ATTRIBUTE.body, ID.body],
]);
const ATTACHMENT_TEXTS: ReadonlyMap<number, number> = new Map([
  [ATTRIBUTE.attachmentTitle, ID.attachmentLongFilename],
  [ATTRIBUTE.attachmentTransportName, ID.attachmentFilename],
]);
/** Classes, dates and numbers of messages, and the pictures that stand for attachments. */
const SILENT: ReadonlySet<number> = new Set([
  0x8005,
  0x8006,
  0x8007,
  0x8008,
  0x8009,
  0x800a,
  0x800b,
  0x800d,
  0x8011,
  0x8012,
  0x8013,
  0x8020,
  0x9006,
  0x9008,
  0x0600,
  ATTRIBUTE.oemCodePage,
]);
const IID_BYTES = 16;
const IID_MESSAGE = Buffer.from("0703020000000000c000000000000046", "hex");
const PIECE_BYTES_MIN = 14;

export async function readTnef(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  const message = await new TnefReader(reading).message(bytes, content);
  handOn(message, content.place, reading);
}

type Draft = { readonly properties: MapiProperty[]; bytes: Buffer | null; object: Buffer | null };

class TnefReader {
  readonly #reading: Reading;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  async message(bytes: Buffer, content: Content): Promise<OutlookMessage> {
    if (bytes.length < PIECE_BYTES_MIN || bytes.readUInt32LE(0) !== SIGNATURE) throw new Unreadable("damaged");
    const { place } = content;
    const { attributes, isDamaged } = tnefAttributes(bytes);
    if (isDamaged) this.#reading.unread(place, "damaged");
    const properties: MapiProperty[] = [];
    const recipients: (readonly MapiProperty[])[] = [];
    const drafts: Draft[] = [];
    for (const attribute of attributes) {
      const draft = this.#attachmentOf(attribute, drafts);
      if (draft !== null) this.#attachment(attribute, draft, place);
      else if (attribute.id === ATTRIBUTE.recipients) recipients.push(...this.#lists(attribute.bytes, place, "rows"));
      else if (attribute.id === ATTRIBUTE.properties)
        properties.push(...this.#lists(attribute.bytes, place, "list").flat());
      else properties.push(...textOf(attribute, TEXTS), ...strangeOf(attribute));
    }
    const all = new MapiProperties(properties, oemCodePage(attributes));
    const others = (list: readonly MapiProperty[]): MapiProperties => new MapiProperties(list, all.codePage);
    const attachments: OutlookAttachment[] = [];
    for (const [index, draft] of drafts.entries()) {
      this.#reading.spendEntries(1);
      const at = { place: within(place, index + 1), name: null, depth: content.depth + 1 };
      attachments.push({ properties: others(draft.properties), content: await this.#content(draft, at) });
    }
    return {
      properties: all,
      richTexts: unpackRichTexts(all, place, this.#reading),
      recipients: recipients.map(others),
      attachments,
    };
  }

  /** The attachment an attribute belongs to; the first of each says that it begins. */
  #attachmentOf({ id }: TnefAttribute, drafts: Draft[]): Draft | null {
    const isOfOne =
      ATTACHMENT_TEXTS.has(id) || id === ATTRIBUTE.attachmentData || id === ATTRIBUTE.attachmentProperties;
    if (id === ATTRIBUTE.attachmentBegins || (isOfOne && drafts.length === 0))
      drafts.push({ properties: [], bytes: null, object: null });
    return isOfOne ? (drafts.at(-1) ?? null) : null;
  }

  #attachment(attribute: TnefAttribute, draft: Draft, place: string): void {
    draft.properties.push(...textOf(attribute, ATTACHMENT_TEXTS));
    if (attribute.id === ATTRIBUTE.attachmentData) draft.bytes = attribute.bytes;
    if (attribute.id !== ATTRIBUTE.attachmentProperties) return;
    for (const property of this.#lists(attribute.bytes, place, "list").flat()) {
      const isData = property.id === ID.attachmentData;
      if (isData && property.type === MAPI.object) draft.object = property.bytes;
      else if (isData) draft.bytes ??= property.bytes;
      else draft.properties.push(property);
    }
  }

  #lists(bytes: Buffer, place: string, kind: "rows" | "list"): readonly (readonly MapiProperty[])[] {
    const reader = new TnefProperties(bytes);
    const lists = kind === "rows" ? reader.rows() : [reader.list()];
    if (reader.isDamaged) this.#reading.unread(place, "damaged");
    return lists;
  }

  async #content({ bytes, object }: Draft, content: Content): Promise<AttachmentContent> {
    if (object === null) return bytes === null ? { kind: "elsewhere" } : { kind: "bytes", bytes };
    if (content.depth >= this.#reading.budgets.archiveDepthMax) {
      this.#reading.unread(content.place, "over_budget");
      return { kind: "elsewhere" };
    }
    // Beside an object, bytes show it to whoever cannot read it, or hide behind it.
    if (bytes !== null) await attempt(content.place, this.#reading, () => readContent(bytes, content, this.#reading));
    const inner = object.subarray(IID_BYTES);
    let read: AttachmentContent = { kind: "elsewhere" };
    await attempt(content.place, this.#reading, async () => {
      if (object.subarray(0, IID_BYTES).equals(IID_MESSAGE))
        read = { kind: "message", message: await this.message(inner, content) };
      else await readContent(inner, content, this.#reading);
    });
    return read;
  }
}

function textOf({ id, bytes }: TnefAttribute, texts: ReadonlyMap<number, number>): readonly MapiProperty[] {
  const property = texts.get(id);
  return property === undefined ? [] : [{ id: property, type: MAPI.text8, name: null, bytes }];
}

/** What the format does not name, or names people: its characters may say something. */
function strangeOf({ id, bytes }: TnefAttribute): readonly MapiProperty[] {
  const isKnown = SILENT.has(id) || TEXTS.has(id) || id === ATTRIBUTE.attachmentBegins;
  if (isKnown) return [];
  const text =
    bytes
      .toString("latin1")
      .match(/[\t\n\r -~\x80-\xff]{4,}/g)
      ?.join("\n") ?? "";
  return text === "" ? [] : [{ id: 0, type: MAPI.text, name: null, bytes: Buffer.from(text, "utf16le") }];
}

function oemCodePage(attributes: readonly TnefAttribute[]): number | null {
  const found = attributes.find(({ id }) => id === ATTRIBUTE.oemCodePage)?.bytes;
  return found !== undefined && found.length >= 4 ? found.readUInt32LE(0) : null;
}
