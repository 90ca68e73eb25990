/**
 * Reads compound files by what they hold: messages of Outlook, documents of Word, Excel and PowerPoint before Office 2007, and objects
 * that lie in such documents. Promises: a stream is read by its reader, or is known to show nothing, or is told as unread; the
 * characters in whatever no reader took are read all the same. Macros and unknown objects are `unsupported_type`, passwords `encrypted`.
 */
import { contentKindOf } from "./content-kind.ts";
import { storageOf, streamOf } from "./compound-directory.ts";
import type { CompoundStorage, CompoundStream } from "./compound-directory.ts";
import { CompoundFile } from "./compound-file.ts";
import { readOleNative } from "./ole-native.ts";
import { hasPicture } from "./pictures.ts";
import { charactersIn } from "./printable.ts";
import { propertySetText } from "./property-set.ts";
import { attempt, readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { readDoc } from "./read-doc.ts";
import { isMsg, readMsg } from "./read-msg.ts";
import { readPpt } from "./read-ppt.ts";
import { readXls } from "./read-xls.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";

/** A document whose password hides everything (MS-OFFCRYPTO). */
const LOCKED = ["EncryptedPackage", "EncryptedSummary", "\tDRMContent"];
/** Of macros (MS-OVBA): a project, or the storage that holds one. */
const MACROS = ["VBA", "_VBA_PROJECT_CUR", "Macros"];
/** Storages that only part what they hold. */
const FOLDERS = /^(?:ObjectPool|MsoDataStore|_SX_DB_CUR)$/i;
const PROPERTY_SET = "\x05";
const PACKED_FILE = "\x01OLE10NATIVE";
/** Streams that show nothing a reader of their document does not show: numbers, previews, signatures, settings. */
const SHOWS_NOTHING =
  /^(?:\x01(?:CompObj|Ole)|\x02OlePres\d{3}|\x03(?:ObjInfo|EPRINT|PRINT|META|LinkInfo)|[01]Table|Data|Current User|User Names|Equation Native|\x06DataSpaces|LayoutCache)$/; // oxlint-disable-line no-control-regex
const WITH_DOCUMENT = /^(?:[01]Table|Data)$/;
const BIFF = /^(?:Workbook|Book|Revision Log|[0-9A-F]{4})$/i;
const REST_CHARS_MAX = 1024 * 1024;

export async function readCompound(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  const file = new CompoundFile(bytes, reading);
  const reader = new CompoundReader(file, reading);
  try {
    await reader.storage(file.root, content);
    reader.rest(content.place);
  } finally {
    if (file.isDamaged) reading.unread(content.place, "damaged");
    if (file.isAmbiguous) reading.unread(content.place, "structure_defect");
  }
}

class CompoundReader {
  readonly #file: CompoundFile;
  readonly #reading: Reading;

  constructor(file: CompoundFile, reading: Reading) {
    this.#file = file;
    this.#reading = reading;
  }

  async storage(storage: CompoundStorage, content: Content): Promise<void> {
    const { place, depth } = content;
    if (depth >= this.#reading.budgets.archiveDepthMax) throw new Unreadable("over_budget");
    if (LOCKED.some((name) => streamOf(storage, name) !== undefined)) throw new Unreadable("encrypted");
    if (isMsg(storage)) return this.#msg(storage, content);
    if (MACROS.some((name) => storageOf(storage, name) !== undefined)) this.#reading.unread(place, "unsupported_type");
    // Nothing in it, and yet a file.
    if (storage.streams.length + storage.storages.length === 0) throw new Unreadable("unsupported_type");
    // Streams that only go with a document, and none: something may be hidden here.
    const isShell = storage === this.#file.root && storage.streams.every(({ name }) => isBeside(name));
    if (isShell && storage.storages.length === 0) this.#reading.unread(place, "unsupported_type");
    for (const stream of storage.streams)
      await attempt(place, this.#reading, () => this.#stream(stream, storage, content));
    await this.#objects(storage, content);
  }

  /** What stands in no stream that was read. */
  rest(place: string): void {
    let charsLeft = REST_CHARS_MAX;
    for (const bytes of this.#file.leftovers()) {
      if (charsLeft <= 0) break;
      this.#reading.checkTime();
      const text = charactersIn(bytes).slice(0, charsLeft);
      charsLeft -= text.length;
      this.#reading.text(within(place, "rest"), text);
    }
  }

  #msg(storage: CompoundStorage, content: Content): Promise<void> {
    const readObject = (object: CompoundStorage, at: Content): Promise<void> => this.storage(object, at);
    return readMsg(storage, content, { file: this.#file, reading: this.#reading, readObject });
  }

  async #objects(storage: CompoundStorage, content: Content): Promise<void> {
    for (const [index, object] of storage.storages.entries()) {
      const isEmpty = object.streams.length + object.storages.length === 0;
      if (isEmpty || MACROS.some((name) => name.toUpperCase() === object.name.toUpperCase())) continue;
      this.#reading.spendEntries(1);
      const isFolder = FOLDERS.test(object.name);
      const place = within(content.place, index + 1);
      const at = isFolder ? content : { place, name: null, depth: content.depth + 1 };
      await attempt(at.place, this.#reading, () => this.storage(object, at));
    }
  }

  #pictures(stream: CompoundStream, place: string): void {
    const isLarge = hasPicture(this.#file.read(stream), this.#reading.budgets.imageBytesMax);
    if (isLarge) this.#reading.unread(place, "unsupported_type");
  }

  async #stream(stream: CompoundStream, storage: CompoundStorage, content: Content): Promise<void> {
    const { place } = content;
    const { name } = stream;
    const deps = { place, reading: this.#reading };
    if (/^WordDocument$/i.test(name)) {
      const others = ["0Table", "1Table", "Data"].map((other) => streamOf(storage, other));
      const [table0, table1, data] = others.map((other) => (other === undefined ? null : this.#file.read(other)));
      return readDoc(this.#file.read(stream), {
        ...deps,
        tables: [table0 ?? null, table1 ?? null],
        data: data ?? null,
      });
    }
    if (/^PowerPoint Document$/i.test(name)) return readPpt(this.#file.read(stream), content, this.#reading);
    if (/^Pictures$/i.test(name)) return this.#pictures(stream, place);
    if (BIFF.test(name)) return readXls(this.#file.read(stream), deps);
    if (name.startsWith(PROPERTY_SET))
      return this.#reading.text(within(place, "settings"), propertySetText(this.#file.read(stream)));
    const inner = {
      place: within(place, `s${storage.streams.indexOf(stream) + 1}`),
      name: null,
      depth: content.depth + 1,
      isShown: true,
    };
    const bytes = this.#file.read(stream);
    // Whatever its name: a file within is read as one.
    if (SHOWS_NOTHING.test(name) && !["container", "image"].includes(contentKindOf(bytes).kind)) {
      // Those of a document are read with it.
      if (WITH_DOCUMENT.test(name) && streamOf(storage, "WordDocument") !== undefined) return;
      return this.#reading.text(within(place, "rest"), charactersIn(bytes.subarray(0, REST_CHARS_MAX)));
    }
    if (name.toUpperCase() === PACKED_FILE) return readOleNative(bytes, { ...inner, isShown: false }, this.#reading);
    this.#reading.text(within(place, "rest"), charactersIn(bytes.subarray(0, REST_CHARS_MAX)));
    if (bytes.length > 0) await readContent(bytes, inner, this.#reading);
  }
}

function isBeside(name: string): boolean {
  return SHOWS_NOTHING.test(name) || name.startsWith(PROPERTY_SET);
}
