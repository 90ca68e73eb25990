/**
 * The data elements of a DICOM data set (PS3.5 section 7): tags, representations, lengths and nesting, in either byte order, with
 * representations written or not.
 * Promises: each step goes forward and none beyond the end; depth is limited; what does not fit throws `Unreadable` with `damaged`.
 * Leaves the meaning of values to read-dicom.ts.
 */
import { isPrivate, TAG } from "./dicom-tags.ts";
import { Unreadable } from "./reading.ts";

export type Syntax = { readonly isExplicit: boolean; readonly isBigEndian: boolean };
export type Element = {
  readonly tag: number;
  /** Empty where the file does not write it. */
  readonly vr: string;
  readonly value: Buffer;
};
export interface ElementEvents {
  element(element: Element): void;
  /** Around the items of a sequence. */
  open(tag: number): void;
  close(tag: number): void;
  /** Asked at each element; throws where time is over. */
  checkTime(): void;
}

/** Representations whose length takes four bytes, behind two that mean nothing. */
const LONG = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);
const UNDEFINED_LENGTH = 0xffff_ffff;
const DEPTH_MAX = 64;
const IMPLICIT: Syntax = { isExplicit: false, isBigEndian: false };

type Head = {
  readonly tag: number;
  readonly vr: string;
  readonly start: number;
  /** null: undefined. */
  readonly length: number | null;
};

export class ElementWalk {
  readonly #bytes: Buffer;
  readonly #events: ElementEvents;

  constructor(bytes: Buffer, events: ElementEvents) {
    this.#bytes = bytes;
    this.#events = events;
  }

  /** Elements from `at` to `end`, or while `isWanted` says so; returns where it stopped. */
  walk(at: number, { end, syntax, isWanted }: Span): number {
    let next = at;
    while (next < end) {
      if (isWanted?.(tagAt(this.#bytes, next, syntax.isBigEndian)) === false) return next;
      const head = headAt(this.#bytes, next, { end, syntax });
      next = this.#one(head, { end, syntax, depth: 0 });
    }
    return next;
  }

  #one(head: Head, place: Place): number {
    this.#events.checkTime();
    const { tag, vr, start, length } = head;
    const isSequence =
      vr === "SQ" || (length === null && (vr === "UN" || vr === "")) || this.#looksLikeItems(head, place);
    if (isSequence) {
      // A sequence of unknown representation is written without representations (PS3.5 section 6.2.2).
      const syntax = vr === "UN" && length === null ? IMPLICIT : place.syntax;
      this.#events.open(tag);
      const next = this.#items(head, { ...place, syntax });
      this.#events.close(tag);
      return next;
    }
    if (length === null) return this.#fragments(head, place);
    this.#events.element({ tag, vr, value: this.#bytes.subarray(start, start + length) });
    return start + length;
  }

  /** Without representations only the content tells a sequence of known length. */
  #looksLikeItems({ vr, start, length }: Head, { syntax }: Place): boolean {
    if ((vr !== "" && vr !== "UN") || length === null || length < 8) return false;
    return tagAt(this.#bytes, start, syntax.isBigEndian) === TAG.item;
  }

  #items({ start, length }: Head, place: Place): number {
    if (place.depth >= DEPTH_MAX) throw new Unreadable("over_budget");
    const end = length === null ? place.end : start + length;
    let at = start;
    while (at < end) {
      const item = headAt(this.#bytes, at, { ...place, end });
      if (item.tag === TAG.sequenceEnd && length === null) return item.start;
      if (item.tag !== TAG.item) throw new Unreadable("damaged");
      at = this.#item(item, { ...place, end, depth: place.depth + 1 });
    }
    if (length === null) throw new Unreadable("damaged");
    return end;
  }

  #item({ start, length }: Head, place: Place): number {
    const end = length === null ? place.end : start + length;
    let at = start;
    while (at < end) {
      const head = headAt(this.#bytes, at, { ...place, end });
      if (head.tag === TAG.itemEnd && length === null) return head.start;
      at = this.#one(head, { ...place, end });
    }
    if (length === null) throw new Unreadable("damaged");
    return at;
  }

  /** Encapsulated data (PS3.5 annex A.4): told as one value, the first fragment with bytes. */
  #fragments({ tag, vr, start }: Head, place: Place): number {
    let at = start;
    let value = this.#bytes.subarray(start, start);
    for (;;) {
      this.#events.checkTime();
      const item = headAt(this.#bytes, at, place);
      if (item.tag === TAG.sequenceEnd) break;
      if (item.tag !== TAG.item || item.length === null) throw new Unreadable("damaged");
      if (value.length === 0) value = this.#bytes.subarray(item.start, item.start + item.length);
      at = item.start + item.length;
    }
    this.#events.element({ tag, vr, value });
    return at + 8;
  }
}

type Span = {
  readonly end: number;
  readonly syntax: Syntax;
  readonly isWanted?: (tag: number) => boolean;
};
type Place = { readonly end: number; readonly syntax: Syntax; readonly depth: number };

function headAt(bytes: Buffer, at: number, { end, syntax }: { readonly end: number; readonly syntax: Syntax }): Head {
  if (at + 8 > end) throw new Unreadable("damaged");
  const { isBigEndian } = syntax;
  const tag = tagAt(bytes, at, isBigEndian);
  const isDelimiter = tag >>> 16 === 0xfffe;
  const vr = syntax.isExplicit && !isDelimiter ? bytes.toString("latin1", at + 4, at + 6) : "";
  // Some writers drop the representation of one element, private ones above all.
  const isWritten = /^[A-Z]{2}$/.test(vr);
  if (syntax.isExplicit && !isDelimiter && !isWritten && !isPrivate(tag)) throw new Unreadable("damaged");
  if (!isWritten) return sized({ tag, vr: "", start: at + 8 }, fourBytes(bytes, at + 4, isBigEndian), end);
  if (!LONG.has(vr)) {
    const length = isBigEndian ? bytes.readUInt16BE(at + 6) : bytes.readUInt16LE(at + 6);
    return sized({ tag, vr, start: at + 8 }, length, end);
  }
  if (at + 12 > end) throw new Unreadable("damaged");
  return sized({ tag, vr, start: at + 12 }, fourBytes(bytes, at + 8, isBigEndian), end);
}

function sized(head: Omit<Head, "length">, length: number, end: number): Head {
  if (length === UNDEFINED_LENGTH) return { ...head, length: null };
  if (head.start + length > end) throw new Unreadable("damaged");
  return { ...head, length };
}

export function tagAt(bytes: Buffer, at: number, isBigEndian: boolean): number {
  if (at + 4 > bytes.length) return 0;
  const [group, element] = isBigEndian
    ? [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2)]
    : [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
  return group * 0x1_0000 + element;
}

function fourBytes(bytes: Buffer, at: number, isBigEndian: boolean): number {
  return isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
}
