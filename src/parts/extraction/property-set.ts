/**
 * Titles, authors, remarks and properties of people's own in compound files (MS-OLEPS): SummaryInformation and its like.
 * Promises: bounded by the stream; a value that lies outside of it is left out and told (`isDamaged`).
 */
import { codePageText } from "./code-pages.ts";
import { Unreadable } from "./reading.ts";

const SETS_MAX = 10;
const PROPERTIES_MAX = 10_000;
const VALUES_MAX = 10_000;
const DICTIONARY = 0;
const CODE_PAGE = 1;
const FIRST_OF_PEOPLE = 2;
const WINDOWS_1252 = 1252;
const UTF_16 = 1200;
const VECTOR = 0x1000;
const VARIANT = 12;
const DAYS_TO_1970_MS = 11_644_473_600_000;

/** A line each: the value, behind its name where people gave one. */
export function propertySetText(stream: Buffer): string {
  if (stream.length < 48 || stream.readUInt16LE(0) !== 0xfffe) throw new Unreadable("damaged");
  const sets = Math.min(SETS_MAX, stream.readUInt32LE(24));
  const lines: string[] = [];
  for (let index = 0; index < sets && 48 + index * 20 <= stream.length; index += 1) {
    const start = stream.readUInt32LE(44 + index * 20);
    if (start + 8 > stream.length) throw new Unreadable("damaged");
    lines.push(...new PropertySet(stream.subarray(start)).lines());
  }
  return lines.join("\n");
}

class PropertySet {
  readonly #bytes: Buffer;
  #codePage = WINDOWS_1252;
  #valuesLeft = VALUES_MAX;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  lines(): readonly string[] {
    const places = this.#places();
    const codePage = places.get(CODE_PAGE);
    if (codePage !== undefined && this.#bytes.length >= codePage + 6)
      this.#codePage = this.#bytes.readUInt16LE(codePage + 4);
    const dictionary = places.get(DICTIONARY);
    const names = dictionary === undefined ? new Map<number, string>() : this.#names(dictionary);
    const lines: string[] = [];
    for (const [id, at] of places) {
      if (id < FIRST_OF_PEOPLE) continue;
      const name = names.get(id);
      const text = this.#value(at).text.trim();
      if (text !== "") lines.push(name === undefined ? text : `${name}: ${text}`);
    }
    return lines;
  }

  #places(): ReadonlyMap<number, number> {
    const count = Math.min(PROPERTIES_MAX, this.#bytes.readUInt32LE(4), (this.#bytes.length - 8) >> 3);
    const places = new Map<number, number>();
    for (let index = 0; index < count; index += 1) {
      places.set(this.#bytes.readUInt32LE(8 + index * 8), this.#bytes.readUInt32LE(12 + index * 8));
    }
    return places;
  }

  /** 2.17: names of people's own. */
  #names(start: number): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    if (start + 4 > this.#bytes.length) return names;
    const count = Math.min(PROPERTIES_MAX, this.#bytes.readUInt32LE(start));
    let at = start + 4;
    for (let index = 0; index < count && at + 8 <= this.#bytes.length; index += 1) {
      const id = this.#bytes.readUInt32LE(at);
      const length = this.#bytes.readUInt32LE(at + 4);
      const isWide = this.#codePage === UTF_16;
      const end = at + 8 + length * (isWide ? 2 : 1);
      names.set(id, this.#text(at + 8, end));
      at = isWide ? end + ((4 - (end % 4)) % 4) : end;
    }
    return names;
  }

  #text(start: number, end: number): string {
    const bytes = this.#bytes.subarray(start, end);
    return codePageText(bytes, this.#codePage).text.replace(/\0+$/, "");
  }

  /** A value with its type before it, and where it ends. */
  #value(at: number): { readonly text: string; readonly end: number } {
    if (at + 8 > this.#bytes.length) return { text: "", end: this.#bytes.length };
    const type = this.#bytes.readUInt16LE(at);
    if ((type & VECTOR) === 0) return this.#scalar(type, at + 4);
    const texts: string[] = [];
    let end = at + 8;
    for (let left = this.#bytes.readUInt32LE(at + 4); left > 0 && end < this.#bytes.length; left -= 1) {
      if ((this.#valuesLeft -= 1) < 0) break;
      const element = type & 0xfff;
      const value = element === VARIANT ? this.#value(end) : this.#scalar(element, end);
      texts.push(value.text);
      if (value.end <= end) break;
      end = value.end;
    }
    return { text: texts.join("\n"), end };
  }

  #scalar(type: number, at: number): { readonly text: string; readonly end: number } {
    const bytes = this.#bytes;
    if (at + 4 > bytes.length) return { text: "", end: bytes.length };
    switch (type) {
      case 3:
        return { text: String(bytes.readInt32LE(at)), end: at + 4 };
      case 5:
        return { text: at + 8 <= bytes.length ? String(bytes.readDoubleLE(at)) : "", end: at + 8 };
      case 64:
        return { text: at + 8 <= bytes.length ? dateOf(bytes.readBigUInt64LE(at)) : "", end: at + 8 };
      case 8:
      case 30: {
        const end = Math.min(bytes.length, at + 4 + bytes.readUInt32LE(at));
        return { text: this.#text(at + 4, end), end: padded(end) };
      }
      case 31: {
        const end = Math.min(bytes.length, at + 4 + bytes.readUInt32LE(at) * 2);
        return { text: bytes.toString("utf16le", at + 4, end).replace(/\0+$/, ""), end: padded(end) };
      }
      default:
        return { text: "", end: at + 4 };
    }
  }
}

function padded(end: number): number {
  return end + ((4 - (end % 4)) % 4);
}

/** Of hundred nanoseconds since 1601; durations and nonsense are none. */
function dateOf(ticks: bigint): string {
  const ms = Number(ticks / 10_000n) - DAYS_TO_1970_MS;
  return ms > -DAYS_TO_1970_MS / 2 && ms < 4e12 ? new Date(ms).toISOString().slice(0, 10) : "";
}
