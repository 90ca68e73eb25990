/** Documents of Office 97 to 2003 for tests: those LibreOffice made, and records put together by hand. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { compoundOf } from "./compound.samples.ts";

const FOLDER = new URL("../../../test/fixtures/office-97/", import.meta.url);

type Made =
  "letter.doc" | "visits.xls" | "slides.ppt" | "letter.word.xml" | "visits.excel.xml" | "letter.fodt" | "visits.fods";

/** By LibreOffice; see the folder's README. */
export function madeFile(name: Made): Buffer {
  if (/\.(?:ppt|xml)$/.test(name)) return gunzipSync(readFileSync(new URL(`${name}.gz`, FOLDER)));
  return readFileSync(new URL(name, FOLDER));
}

type Piece = number | string | Buffer;

/** Numbers are of two bytes. */
export const bytesOf = (...pieces: readonly Piece[]): Buffer =>
  Buffer.concat(
    pieces.map((piece) => (typeof piece === "number" ? short(piece) : Buffer.from(piece as string, "latin1"))),
  );

export const short = (value: number): Buffer => Buffer.from([value & 0xff, (value >> 8) & 0xff]);
export const long = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
export const double = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};
export const wide = (text: string): Buffer => Buffer.from(text, "utf16le");

export function record(type: number, ...pieces: readonly Piece[]): Buffer {
  const body = bytesOf(...pieces);
  return Buffer.concat([short(type), short(body.length), body]);
}

const EXCEL_97 = 0x600;
export const BEGIN_BOOK = record(0x809, EXCEL_97, 0x05);
export const BEGIN_SHEET = record(0x809, EXCEL_97, 0x10);
export const END = record(0x0a);
/** A string as cells and names have it. */
export const narrow = (text: string): Buffer => bytesOf(text.length, "\0", text);

/** A workbook whose second part is a sheet of these records. */
export function xls(globals: readonly Buffer[], cells: readonly Buffer[]): Buffer {
  return compoundOf({ Workbook: Buffer.concat([BEGIN_BOOK, ...globals, END, BEGIN_SHEET, ...cells, END]) });
}

/** Strings that cells share, in one record. */
export const sharedStrings = (...texts: readonly string[]): Buffer =>
  record(0xfc, long(texts.length), long(texts.length), ...texts.map(narrow));

export type DocPiece = { readonly text: string; readonly isWide?: boolean };

/** A document of these pieces, which stand in the file the other way round, as fast saves leave them. */
export function doc(pieces: readonly DocPiece[], { flags = 0x200, parts = [] as readonly number[] } = {}): Buffer {
  const texts = pieces.map(({ text, isWide = false }) => (isWide ? wide(text) : Buffer.from(text, "latin1")));
  const head = Buffer.alloc(1_024);
  for (const [at, value] of [
    [0, 0xa5ec],
    [2, 0xc1],
    [10, flags],
  ] as const)
    head.writeUInt16LE(value, at);
  const chars = pieces.reduce((sum, { text }) => sum + text.length, 0);
  for (const [index, count] of (parts.length === 0 ? [chars] : parts).entries())
    head.writeUInt32LE(count, 0x4c + index * 4);
  const places: number[] = [];
  let at = head.length;
  for (const index of texts.keys().toArray().toReversed()) {
    places[index] = at;
    at += texts[index]?.length ?? 0;
  }
  const firsts = pieces.reduce<number[]>((sums, { text }) => [...sums, (sums.at(-1) ?? 0) + text.length], [0]);
  const descriptors = pieces.map(({ isWide = false }, index) =>
    Buffer.concat([short(0), long(isWide ? (places[index] ?? 0) : ((places[index] ?? 0) * 2) | 0x4000_0000), short(0)]),
  );
  const list = Buffer.concat([...firsts.map(long), ...descriptors]);
  const table = Buffer.concat([Buffer.from([1, 2, 0, 9, 9, 2]), long(list.length), list]);
  head.writeUInt32LE(0, 0x1a2);
  head.writeUInt32LE(table.length, 0x1a6);
  return compoundOf({ WordDocument: Buffer.concat([head, ...texts.toReversed()]), "1Table": table });
}

/** A record of PowerPoint; a container's body is what it holds. */
export function atom(type: number, body: Buffer, { isContainer = false, instance = 0 } = {}): Buffer {
  return Buffer.concat([short((instance << 4) | (isContainer ? 0xf : 0)), short(type), long(body.length), body]);
}

/** A set of properties in one code page; each a type and a value. */
export function propertySet(values: readonly (readonly [number, Buffer])[], dictionary: Buffer | null = null): Buffer {
  const all: readonly (readonly [number, Buffer])[] = [
    ...(dictionary === null ? [] : [[0, dictionary] as const]),
    [1, Buffer.concat([long(2), long(1252)])],
    ...values,
  ];
  let at = 8 + all.length * 8;
  const places = all.map(([id, value]) => {
    const place = Buffer.concat([long(id), long(at)]);
    at += value.length;
    return place;
  });
  const set = Buffer.concat([long(at), long(all.length), ...places, ...all.map(([, value]) => value)]);
  return Buffer.concat([short(0xfffe), short(0), long(0), Buffer.alloc(16), long(1), Buffer.alloc(16), long(48), set]);
}

export const textValue = (text: string): Buffer => {
  const bytes = Buffer.from(`${text}\0`, "latin1");
  return Buffer.concat([long(30), long(bytes.length), bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
};

/** A picture as documents keep it: its kind, its length, its bytes. */
export function picture(length: number): Buffer {
  return Buffer.concat([short(0), short(0xf01e), long(length), Buffer.alloc(length, 1)]);
}
