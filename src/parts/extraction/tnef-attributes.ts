/**
 * Takes a TNEF stream apart into its attributes (MS-OXTNEF 2.1.3), and their property lists into properties.
 * Promises: each step goes forward, so that the stream ends; what does not fit, checksums included, is told (`isDamaged`), and what
 * came before is given.
 */
import { MAPI } from "./mapi-properties.ts";
import type { MapiProperty } from "./mapi-properties.ts";

const SIGNATURE_BYTES = 6;
const HEADER_BYTES = 9;
const CHECKSUM_BYTES = 2;
const NAMED_FROM = 0x8000;
const GUID_BYTES = 16;
const NAME_IS_TEXT = 1;
/** Properties of a list, and values of one. */
const VALUES_MAX = 100_000;
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [MAPI.integer16, 4],
  [MAPI.integer32, 4],
  [0x04, 4],
  [MAPI.double, 8],
  [0x06, 8],
  [0x07, 8],
  [0x0a, 4],
  [MAPI.boolean, 4],
  [MAPI.integer64, 8],
  [MAPI.time, 8],
  [0x48, 16],
]);
const OF_ANY_LENGTH: ReadonlySet<number> = new Set([MAPI.text8, MAPI.text, MAPI.binary, MAPI.object]);

export type TnefAttribute = { readonly id: number; readonly bytes: Buffer };

export type TnefAttributes = { readonly attributes: readonly TnefAttribute[]; readonly isDamaged: boolean };

export function tnefAttributes(bytes: Buffer): TnefAttributes {
  const attributes: TnefAttribute[] = [];
  let isDamaged = false;
  let at = SIGNATURE_BYTES;
  while (at < bytes.length) {
    if (at + HEADER_BYTES > bytes.length) return { attributes, isDamaged: true };
    const start = at + HEADER_BYTES;
    const end = start + bytes.readUInt32LE(at + 5);
    const content = bytes.subarray(start, end);
    attributes.push({ id: bytes.readUInt32LE(at + 1) & 0xffff, bytes: content });
    if (end + CHECKSUM_BYTES > bytes.length) return { attributes, isDamaged: true };
    if (sumOf(content) !== bytes.readUInt16LE(end)) isDamaged = true;
    at = end + CHECKSUM_BYTES;
  }
  return { attributes, isDamaged };
}

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (const byte of bytes) sum = (sum + byte) & 0xffff;
  return sum;
}

/** Reads lists of properties one behind the other (2.1.3.4, 2.1.3.5). */
export class TnefProperties {
  isDamaged = false;
  readonly #bytes: Buffer;
  #at = 0;
  #valuesLeft = VALUES_MAX;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The lists of a table, one a row. */
  rows(): readonly (readonly MapiProperty[])[] {
    const rows: MapiProperty[][] = [];
    for (let left = this.#word(); left > 0 && !this.isDamaged; left -= 1) rows.push(this.list());
    return rows;
  }

  list(): MapiProperty[] {
    const properties: MapiProperty[] = [];
    for (let left = this.#word(); left > 0 && !this.isDamaged; left -= 1) {
      const tag = this.#word();
      const id = tag >>> 16;
      const name = id >= NAMED_FROM ? this.#name() : null;
      const declared = tag & 0xffff;
      const type = declared & ~MAPI.multiple;
      for (const bytes of this.#values(declared)) properties.push({ id, type, name, bytes });
    }
    return properties;
  }

  #values(declared: number): readonly Buffer[] {
    const type = declared & ~MAPI.multiple;
    const width = WIDTHS.get(type);
    const isOne = width !== undefined && (declared & MAPI.multiple) === 0;
    if (width === undefined && !OF_ANY_LENGTH.has(type)) this.isDamaged = true;
    const values: Buffer[] = [];
    for (let left = isOne ? 1 : this.#word(); left > 0 && !this.isDamaged; left -= 1) {
      values.push(this.#take(width ?? this.#word()));
    }
    return values;
  }

  #name(): string | null {
    this.#take(GUID_BYTES);
    if (this.#word() !== NAME_IS_TEXT) {
      this.#word();
      return null;
    }
    return this.#take(this.#word()).toString("utf16le").replace(/\0+$/, "");
  }

  #word(): number {
    const bytes = this.#take(4);
    return bytes.length === 4 ? bytes.readUInt32LE(0) : 0;
  }

  /** Each value fills up to a multiple of four. */
  #take(length: number): Buffer {
    this.#valuesLeft -= 1;
    const start = this.#at;
    if (this.#valuesLeft < 0 || start + length > this.#bytes.length) {
      this.isDamaged = true;
      this.#at = this.#bytes.length;
      return this.#bytes.subarray(start);
    }
    this.#at = start + length + ((4 - (length % 4)) % 4);
    return this.#bytes.subarray(start, start + length);
  }
}
