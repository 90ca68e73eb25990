/**
 * Reads a document of Word 97 to 2003, or the text of an older one (MS-DOC): the pieces its text is made of, whatever part of the
 * document they are (headers, notes, remarks, text boxes), and the characters nothing refers to any more.
 * Promises: pieces are read where they stand, fast-saved or not, and paid for as they are read; a document under a password is
 * `encrypted`; large pictures are told.
 */
import { DocText } from "./doc-text.ts";
import { PICTURE_BYTES_MIN } from "./picture-document.ts";
import { hasPicture } from "./pictures.ts";
import { charactersIn } from "./printable.ts";

import { within } from "./read-content.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { TextCollector } from "./text-collector.ts";

const WORD_97 = 0xa5ec;
const WORD_6 = 0xa5dc;
const FIRST_97_VERSION = 0xc1;
const FLAG = { isComplex: 0x0004, isEncrypted: 0x0100, whichTable: 0x0200 } as const;
const PIECES_AT = 0x1a2;
/** Lengths of the main text, notes, headers, macros, remarks, end notes, text boxes and those in headers. */
const LENGTHS_AT = 0x4c;
const LENGTHS = 8;
const IS_NARROW = 0x4000_0000;
const PIECE_BYTES = 8;

export type DocParts = {
  readonly place: string;
  readonly reading: Reading;
  readonly tables: readonly [Buffer | null, Buffer | null];
  readonly data: Buffer | null;
};

type Piece = { readonly first: number; readonly chars: number; readonly start: number; readonly isNarrow: boolean };

export function readDoc(bytes: Buffer, { place, reading, tables, data }: DocParts): void {
  if (bytes.length < LENGTHS_AT) throw new Unreadable("damaged");
  const magic = bytes.readUInt16LE(0);
  const flags = bytes.readUInt16LE(10);
  if ((flags & FLAG.isEncrypted) !== 0) throw new Unreadable("encrypted");
  const out = new TextCollector(place, reading);
  const rest = new TextCollector(within(place, "rest"), reading);
  const text = new DocText(out);
  const unused = Buffer.from(bytes);
  try {
    const isOld = bytes.readUInt16LE(2) < FIRST_97_VERSION;
    if (magic === WORD_6 || (magic === WORD_97 && isOld)) readOld(bytes, flags, text);
    else if (magic !== WORD_97 || bytes.length < PIECES_AT + 8) throw new Unreadable("damaged");
    else readNew(bytes, (flags & FLAG.whichTable) === 0 ? tables[0] : tables[1], { text, reading, unused });
  } finally {
    out.flush();
    for (const other of [unused, ...tables, data]) {
      if (other === null) continue;
      rest.append(charactersIn(other));
      rest.endLine();
    }
    rest.flush();
  }
  const holdsPicture = (bytesMin: number): boolean =>
    [bytes, data].some((one) => one !== null && hasPicture(one, bytesMin));
  if (holdsPicture(reading.budgets.imageBytesMax)) reading.unread(place, "unsupported_type");
  // Nothing but a picture, however small: it is what the document says.
  else if (!text.hasText && holdsPicture(PICTURE_BYTES_MIN)) reading.unread(place, "image_only");
}

/** Before Word 97: one run of bytes, unless pieces were saved. */
function readOld(bytes: Buffer, flags: number, text: DocText): void {
  if ((flags & FLAG.isComplex) !== 0) throw new Unreadable("unsupported_type");
  text.append(new TextDecoder("windows-1252").decode(bytes.subarray(bytes.readUInt32LE(24), bytes.readUInt32LE(28))));
  text.end();
}

function readNew(
  bytes: Buffer,
  table: Buffer | null,
  { text, reading, unused }: { readonly text: DocText; readonly reading: Reading; readonly unused: Buffer },
): void {
  const ends = partEnds(bytes);
  try {
    for (const { first, chars, start, isNarrow } of piecesOf(bytes, table)) {
      reading.checkTime();
      const width = isNarrow ? 1 : 2;
      const content = bytes.subarray(start, start + Math.min(chars, reading.charsLeft + 1) * width);
      const piece = isNarrow ? new TextDecoder("windows-1252").decode(content) : content.toString("utf16le");
      unused.fill(0, start, start + content.length);
      let at = 0;
      // Parts of the document are told apart where one ends within the piece.
      for (const end of ends.filter((each) => each > first && each <= first + chars)) {
        text.append(piece.slice(at, end - first));
        text.endPart();
        at = end - first;
      }
      text.append(piece.slice(at));
      if (content.length < chars * width)
        throw new Unreadable(start + chars * width > bytes.length ? "damaged" : "over_budget");
    }
  } finally {
    text.end();
  }
}

function partEnds(bytes: Buffer): readonly number[] {
  let end = 0;
  return Array.from({ length: LENGTHS }, (_, index) => (end += Math.max(0, bytes.readInt32LE(LENGTHS_AT + index * 4))));
}

/** The piece table (2.8.35, 2.9.38), behind what was saved of formats. */
function* piecesOf(bytes: Buffer, table: Buffer | null): Generator<Piece, void, undefined> {
  const start = bytes.readUInt32LE(PIECES_AT);
  const size = bytes.readUInt32LE(PIECES_AT + 4);
  const clx = table?.subarray(start, start + size) ?? Buffer.alloc(0);
  let at = 0;
  while (clx[at] === 1 && at + 3 <= clx.length) at += 3 + clx.readUInt16LE(at + 1);
  if (clx[at] !== 2 || at + 5 > clx.length) throw new Unreadable("damaged");
  const list = clx.subarray(at + 5, at + 5 + clx.readUInt32LE(at + 1));
  const count = Math.floor((list.length - 4) / (4 + PIECE_BYTES));
  for (let index = 0; index < count; index += 1) {
    const first = list.readUInt32LE(index * 4);
    const chars = list.readUInt32LE(index * 4 + 4) - first;
    const place = list.readUInt32LE((count + 1) * 4 + index * PIECE_BYTES + 2);
    const isNarrow = (place & IS_NARROW) !== 0;
    const offset = place & ~IS_NARROW;
    if (chars < 0) throw new Unreadable("damaged");
    yield { first, chars, start: isNarrow ? offset >>> 1 : offset >>> 0, isNarrow };
  }
}
