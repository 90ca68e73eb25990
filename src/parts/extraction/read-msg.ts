/**
 * Reads a message file of Outlook (MS-OXMSG): a compound file with a stream for each property, a storage for each recipient and
 * attachment. Promises: every text property, body and attachment is handed on, messages within it to the depth the budgets allow;
 * what could not be read of it is told, beside whatever could.
 */
import { streamOf, storageOf } from "./compound-directory.ts";
import type { CompoundStorage } from "./compound-directory.ts";
import type { CompoundFile } from "./compound-file.ts";
import { ID, MAPI, MapiProperties } from "./mapi-properties.ts";
import type { MapiProperty } from "./mapi-properties.ts";
import type { AttachmentContent, OutlookMessage } from "./outlook-message.ts";
import { handOn, unpackRichTexts } from "./outlook-parts.ts";
import { attempt, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import type { Reading } from "./reading.ts";

const PROPERTIES = "__properties_version1.0";
const NAMES = "__nameid_version1.0";
const VALUE = /^__substg1\.0_([0-9A-F]{4})([0-9A-F]{4})(-[0-9A-F]{8})?$/i;
const RECIPIENT = /^__recip_version1\.0_/i;
const ATTACHMENT = /^__attach_version1\.0_/i;
/** Bytes before the entries of a property stream (2.4.1): of a message file, of a message within one, of anything else. */
const HEADERS = { file: 32, within: 24, other: 8 } as const;
const ENTRY_BYTES = 16;
const FIXED: ReadonlySet<number> = new Set([MAPI.integer16, MAPI.integer32, MAPI.double, MAPI.boolean, MAPI.time]);
const NAMED_FROM = 0x8000;
const OBJECT_DATA = /^__substg1\.0_3701000D$/i;

/** Reads a storage that is an object of another program. */
export type ReadObject = (storage: CompoundStorage, content: Content) => Promise<void>;
type Deps = { readonly file: CompoundFile; readonly reading: Reading; readonly readObject: ReadObject };
type Names = ReadonlyMap<number, string>;

export function isMsg(storage: CompoundStorage): boolean {
  return streamOf(storage, PROPERTIES) !== undefined;
}

export async function readMsg(storage: CompoundStorage, content: Content, deps: Deps): Promise<void> {
  const reader = new MsgReader(deps);
  const message = await reader.message(storage, content, HEADERS.file);
  handOn(message, content.place, deps.reading);
}

class MsgReader {
  readonly #deps: Deps;
  #names: Names = new Map();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async message(storage: CompoundStorage, content: Content, headerBytes: number): Promise<OutlookMessage> {
    const names = storageOf(storage, NAMES);
    if (names !== undefined) this.#names = this.#namesIn(names);
    const { place } = content;
    const properties = this.#properties(storage, { place, headerBytes, codePage: null });
    const others = { place, headerBytes: HEADERS.other, codePage: properties.codePage };
    const inner = (pattern: RegExp): readonly CompoundStorage[] =>
      storage.storages.filter(({ name }) => pattern.test(name));
    const attachments: OutlookMessage["attachments"][number][] = [];
    for (const [index, attachment] of inner(ATTACHMENT).entries()) {
      this.#deps.reading.spendEntries(1);
      const of = this.#properties(attachment, others);
      const at = { ...content, place: within(place, index + 1), depth: content.depth + 1 };
      attachments.push({ properties: of, content: await this.#content(attachment, of, at) });
    }
    for (const { name } of storage.storages) {
      if (![ATTACHMENT, RECIPIENT].some((known) => known.test(name)) && name !== NAMES)
        this.#deps.reading.unread(place, "unsupported_type");
    }
    return {
      properties,
      richTexts: unpackRichTexts(properties, place, this.#deps.reading),
      recipients: inner(RECIPIENT).map((recipient) => this.#properties(recipient, others)),
      attachments,
    };
  }

  async #content(storage: CompoundStorage, properties: MapiProperties, content: Content): Promise<AttachmentContent> {
    const { reading, readObject } = this.#deps;
    const [bytes] = properties.binaries(ID.attachmentData);
    if (bytes !== undefined) return { kind: "bytes", bytes };
    const object = storage.storages.find(({ name }) => OBJECT_DATA.test(name));
    if (object === undefined) return { kind: "elsewhere" };
    if (content.depth >= reading.budgets.archiveDepthMax) {
      reading.unread(content.place, "over_budget");
      return { kind: "elsewhere" };
    }
    if (isMsg(object)) return { kind: "message", message: await this.message(object, content, HEADERS.within) };
    await attempt(content.place, reading, () => readObject(object, content));
    return { kind: "elsewhere" };
  }

  #properties(
    storage: CompoundStorage,
    {
      place,
      headerBytes,
      codePage,
    }: { readonly place: string; readonly headerBytes: number; readonly codePage: number | null },
  ): MapiProperties {
    const { file, reading } = this.#deps;
    const all: MapiProperty[] = [];
    const add = (id: number, type: number, bytes: Buffer): void =>
      void all.push({ id, type, name: this.#names.get(id) ?? null, bytes });
    const fixed = streamOf(storage, PROPERTIES);
    const entries = fixed === undefined ? Buffer.alloc(0) : file.read(fixed);
    for (let at = headerBytes; at + ENTRY_BYTES <= entries.length; at += ENTRY_BYTES) {
      const type = entries.readUInt16LE(at);
      if (FIXED.has(type)) add(entries.readUInt16LE(at + 2), type, entries.subarray(at + 8, at + 16));
    }
    for (const stream of storage.streams) {
      const [, id, type, index] = VALUE.exec(stream.name) ?? [];
      if (id === undefined || type === undefined) {
        if (stream.name !== PROPERTIES) reading.unread(place, "unsupported_type");
        continue;
      }
      const declared = Number.parseInt(type, 16);
      // Of several values, the stream without a number holds their lengths.
      if ((declared & MAPI.multiple) !== 0 && index === undefined) continue;
      const kind = declared & ~MAPI.multiple;
      if (kind === MAPI.text || kind === MAPI.text8 || kind === MAPI.binary)
        add(Number.parseInt(id, 16), kind, file.read(stream));
    }
    return new MapiProperties(all, codePage);
  }

  /** 2.2.3: numbers of properties, and where their names stand. */
  #namesIn(storage: CompoundStorage): Names {
    const { file } = this.#deps;
    const streams = ["__substg1.0_00030102", "__substg1.0_00040102"].map((name) => streamOf(storage, name));
    const [entries, texts] = streams.map((stream) => (stream === undefined ? Buffer.alloc(0) : file.read(stream)));
    const names = new Map<number, string>();
    if (entries === undefined || texts === undefined) return names;
    for (let at = 0; at + 8 <= entries.length; at += 8) {
      const isText = (entries.readUInt16LE(at + 4) & 1) === 1;
      const start = entries.readUInt32LE(at);
      if (!isText || start + 4 > texts.length) continue;
      const end = start + 4 + texts.readUInt32LE(start);
      names.set(NAMED_FROM + entries.readUInt16LE(at + 6), texts.toString("utf16le", start + 4, end));
    }
    return names;
  }
}
