/**
 * Reads DICOM (PS3.5, PS3.10): the attributes of files, directories (DICOMDIR) and bare data sets as labelled lines, structured
 * reports with their concepts, encapsulated documents as files of their own.
 * Promises: where an attribute of the patient is filled the first line says so, for the detector of the format; pictures are told as
 * `unsupported_type`, since letters burned into them cannot be excluded whatever the file says of itself; a transfer syntax that
 * does not fit the bytes is not believed.
 */
import { DicomCharset } from "./dicom-charset.ts";
import { ElementWalk, tagAt } from "./dicom-elements.ts";
import type { Element, ElementEvents, Syntax } from "./dicom-elements.ts";
import {
  DATE_TAGS,
  isPicture,
  isPrivate,
  NAME_TAGS,
  PATIENT_TAGS,
  REPORT_VALUES,
  TAG,
  TAG_NAMES,
} from "./dicom-tags.ts";
import { inflate } from "./inflate.ts";
import { attempt, readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";

const PREAMBLE_BYTES = 128;
const DEFLATED = /^1\.2\.840\.10008\.1\.2\.(?:1\.99|4\.95|4\.205)$/;
const BIG_ENDIAN = "1.2.840.10008.1.2.2";
/** Representations of text. UI and numbers too: who writes a file can write anything there. */
const TEXTS = new Set("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split(" "));
const UIDS = /^(?:[0-2](?:\.\d{1,39}){3,30}\\?)+$/;
/** Lists of numbers: contours, curves. */
const NUMBERS_MAX = 16;
const BINARY_BYTES_MAX = 1024 * 1024;
const RUN_CHARS_MIN = 12;
const FIRST_LINE = { patient: "DICOM record of a patient", nobody: "DICOM file without a patient" } as const;

export async function readDicom(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  const reader = new DicomReader(bytes, reading);
  let damage: unknown = null;
  try {
    await reader.read();
  } catch (error) {
    damage = error;
  }
  const { place, depth } = content;
  // Also where a budget ended it: what was read is told.
  reading.text(place, reader.text());
  if (damage !== null) {
    if (damage instanceof Unreadable) throw damage;
    throw new Unreadable("damaged");
  }
  if (!reader.isCharsetKnown) reading.unread(place, "unknown_charset");
  if (reader.hasPicture) reading.unread(place, "unsupported_type");
  for (const [index, document] of reader.documents.entries()) {
    const inner = within(place, index + 1);
    reading.spendEntries(1);
    await attempt(inner, reading, () => readContent(document, { place: inner, name: null, depth: depth + 1 }, reading));
  }
}

class DicomReader implements ElementEvents {
  readonly #bytes: Buffer;
  readonly #reading: Reading;
  readonly #lines: string[] = [];
  readonly documents: Buffer[] = [];
  #charset = new DicomCharset([]);
  #transferSyntax = "";
  #hasPatient = false;
  #hasUnread = false;
  #conceptDepth = 0;
  #concept = "";
  #chars = 0;
  hasPicture = false;
  isCharsetKnown = true;

  constructor(bytes: Buffer, reading: Reading) {
    this.#bytes = bytes;
    this.#reading = reading;
  }

  async read(): Promise<void> {
    const start =
      this.#bytes.toString("latin1", PREAMBLE_BYTES, PREAMBLE_BYTES + 4) === "DICM" ? PREAMBLE_BYTES + 4 : 0;
    if (start > 0) this.#preamble();
    const file = new ElementWalk(this.#bytes, this);
    const meta: Syntax = { isExplicit: true, isBigEndian: false };
    const isMeta = (tag: number): boolean => tag >>> 16 === 2;
    const end = this.#bytes.length;
    const at = isMeta(tagAt(this.#bytes, start, false))
      ? file.walk(start, { end, syntax: meta, isWanted: isMeta })
      : start;
    const rest = this.#bytes.subarray(at);
    if (!DEFLATED.test(this.#transferSyntax)) return this.#dataSet(rest);
    const inflated = await inflate(rest, "deflate", this.#reading);
    this.#dataSet(inflated.bytes);
    // A byte may fill the stream to an even length.
    if (!inflated.isWhole && rest.length > 2) this.#throwUnlessPadded(rest, inflated.bytes);
  }

  text(): string {
    if (this.#lines.length === 0) return "";
    return [this.#hasPatient ? FIRST_LINE.patient : FIRST_LINE.nobody, ...this.#lines].join("\n");
  }

  checkTime(): void {
    this.#reading.checkTime();
    if (this.#chars > this.#reading.charsLeft) throw new Unreadable("over_budget");
  }

  open(tag: number): void {
    if (tag === TAG.conceptName) this.#concept = "";
    if (tag === TAG.conceptName || this.#conceptDepth > 0) this.#conceptDepth += 1;
  }

  close(): void {
    if (this.#conceptDepth > 0) this.#conceptDepth -= 1;
  }

  element({ tag, vr, value }: Element): void {
    if (tag === TAG.transferSyntax) this.#transferSyntax = trimmed(value.toString("latin1"));
    if (tag === TAG.characterSet) return this.#useCharset(value);
    if (isPicture(tag)) {
      this.hasPicture ||= value.length > 0;
      return;
    }
    if (tag === TAG.encapsulatedDocument && value.length > 0) {
      this.documents.push(value);
      return;
    }
    if (TEXTS.has(vr)) return this.#text({ tag, vr, value });
    if (vr === "" || vr === "UN") return this.#unknown({ tag, vr, value });
    if (/^O[BDFLVW]$/.test(vr)) this.#binary(value);
  }

  /** What stands where a text may hide: before the mark. */
  #preamble(): void {
    this.#line("", printableRuns(this.#bytes.subarray(0, PREAMBLE_BYTES)));
  }

  #useCharset(value: Buffer): void {
    this.#charset = new DicomCharset(value.toString("latin1").split("\\"));
    this.isCharsetKnown &&= this.#charset.isKnown;
  }

  #dataSet(bytes: Buffer): void {
    const syntax = syntaxOf(bytes, this.#transferSyntax === BIG_ENDIAN);
    new ElementWalk(bytes, this).walk(0, { end: bytes.length, syntax });
  }

  #throwUnlessPadded(rest: Buffer, inflated: Buffer): void {
    if (rest.at(-1) !== 0 || inflated.length === 0) throw new Unreadable("damaged");
  }

  /** Of an unknown representation: text where it looks like one. */
  #unknown({ tag, value }: Element): void {
    const isNamed = TAG_NAMES.has(tag);
    const vr = NAME_TAGS.has(tag) ? "PN" : DATE_TAGS.has(tag) ? "DA" : "LO";
    if (isNamed || looksLikeText(value)) this.#text({ tag, vr, value });
    else this.#binary(value);
  }

  /** Manufacturers keep whole protocols in bytes. */
  #binary(value: Buffer): void {
    if (value.length <= BINARY_BYTES_MAX) return this.#line("", printableRuns(value));
    if (!this.#hasUnread) this.hasPicture = true;
    this.#hasUnread = true;
  }

  #text({ tag, vr, value }: Element): void {
    const text = trimmed(this.#charset.decode(value));
    if (text === "" || isNumberList(vr, text) || UIDS.test(text)) return;
    if (PATIENT_TAGS.has(tag)) this.#hasPatient = true;
    const shown = text.split(vr === "LT" || vr === "ST" || vr === "UT" || vr === "UR" ? "\0" : "\\").map((each) => {
      if (vr === "PN") return nameOf(each);
      return vr === "DA" || vr === "DT" ? dateOf(each) : each.trim();
    });
    if (tag === TAG.codeMeaning && this.#conceptDepth === 1) this.#concept = shown[0] ?? "";
    const name = REPORT_VALUES.has(tag) && this.#concept !== "" ? this.#concept : (TAG_NAMES.get(tag) ?? "");
    this.#line(name, shown.filter((each) => each !== "").join(", "));
    if (isPrivate(tag)) return;
    // Names are written surname first, in parts; kept as they are written too.
    if (vr === "PN" && text.includes("^")) this.#line(name, text.replace(/[\^=]+/g, " ").trim());
  }

  #line(name: string, text: string): void {
    if (text === "") return;
    this.#chars += text.length;
    this.#lines.push(name === "" ? text : `${name}: ${text}`);
  }
}

/** Told by what stands there, and only where that is silent by what the file says. */
function syntaxOf(bytes: Buffer, isBigEndian: boolean): Syntax {
  const isExplicit = /^[A-Z]{2}$/.test(bytes.toString("latin1", 4, 6));
  // The first group of a data set is a small number.
  const looksBig = (bytes[0] ?? 0) === 0 && (bytes[1] ?? 0) !== 0;
  return { isExplicit, isBigEndian: bytes.length >= 2 ? looksBig : isBigEndian };
}

function isNumberList(vr: string, text: string): boolean {
  return (
    (vr === "DS" || vr === "IS") &&
    text.split("\\", NUMBERS_MAX + 1).length > NUMBERS_MAX &&
    /^[-+.\d eE\\]*$/.test(text)
  );
}

/** Blanks and NULs fill values to an even length. */
function trimmed(text: string): string {
  return text.replace(/^[ \0]+|[ \0]+$/g, "");
}

/** `SAMPLE^ANNA^M^DR=…`: family, given, middle, prefix, suffix, in up to three scripts. */
function nameOf(text: string): string {
  const groups = text.split("=").map((group) => {
    const [family = "", given = "", middle = "", prefix = "", suffix = ""] = group.split("^");
    return [prefix, given, middle, family, suffix]
      .map((part) => capitalised(part.trim()))
      .filter(Boolean)
      .join(" ");
  });
  return groups.filter(Boolean).join(", ");
}

/** Devices write names in capitals; what stands here is a name for sure. */
function capitalised(name: string): string {
  return /^[A-Z' -]{2,}$/.test(name)
    ? name
        .toLowerCase()
        .replace(/(^|[' -])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase())
    : name;
}

function dateOf(text: string): string {
  return text
    .trim()
    .replace(/^(\d{4})(\d{2})(\d{2})(?=$|\d)/, "$1-$2-$3 ")
    .trim();
}

function looksLikeText(value: Buffer): boolean {
  if (value.length === 0 || value.length > BINARY_BYTES_MAX) return false;
  const end = value.at(-1) === 0 ? value.length - 1 : value.length;
  for (let at = 0; at < end; at += 1) {
    const byte = value[at] ?? 0;
    if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 27 && byte !== 12) return false;
  }
  return end > 0;
}

function printableRuns(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  return (text.match(/[\t\n\r -~]+/g) ?? []).filter((run) => run.length >= RUN_CHARS_MIN).join("\n");
}
