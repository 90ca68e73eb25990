/**
 * Takes a compound file apart (MS-CFB, versions 3 and 4): storages, the streams in them, and the bytes of each.
 * Promises: every sector stands in one chain only and is counted, so that a chain ends and nothing is read twice; what the
 * header says of sizes is compared with what is there. Damage is told (`isDamaged`), and what could be read is given all the same;
 * what readers may take apart differently is `isAmbiguous`. Throws `Unreadable` where there is no file to speak of.
 */
import { CompoundDirectory } from "./compound-directory.ts";
import type { CompoundStorage, CompoundStream } from "./compound-directory.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";

const HEADER_BYTES = 512;
const MINI_SHIFT = 6;
const MINI_CUTOFF_BYTES = 4_096;
/** Sector numbers from here on mean something else (2.1): no sector, an end, a table. */
const SECTORS_MAX = 0xffff_fffa;
const END_OF_CHAIN = 0xffff_fffe;
const HEADER_DIFAT = 109;
/** Sectors between two looks at the clock. */
const CHECK_EVERY = 65_536;

export class CompoundFile {
  readonly root: CompoundStorage;
  readonly isAmbiguous: boolean;
  isDamaged = false;
  readonly #bytes: Buffer;
  readonly #reading: Reading;
  readonly #shift: number;
  readonly #sectors: number;
  /** Sectors that stand in a chain. */
  readonly #taken: Uint8Array;
  readonly #next: Uint32Array;
  readonly #mini: MiniStream;
  readonly #read = new Map<CompoundStream, Buffer>();

  constructor(bytes: Buffer, reading: Reading) {
    if (bytes.length < HEADER_BYTES) throw new Unreadable("damaged");
    this.#bytes = bytes;
    this.#reading = reading;
    this.#shift = shiftOf(bytes);
    // The last sector may be short: some writers cut what nothing uses.
    this.#sectors = Math.max(0, Math.ceil((bytes.length - (1 << this.#shift)) / (1 << this.#shift)));
    this.#taken = new Uint8Array(this.#sectors);
    this.#next = this.#table();
    const entries = this.#chain(bytes.readUInt32LE(48), Infinity);
    const directory = new CompoundDirectory(entries, { isLarge: bytes.readUInt16LE(26) === 4, reading });
    this.root = directory.root;
    this.isAmbiguous = directory.isAmbiguous;
    const { start, sizeBytes } = directory.miniStream;
    const table = this.#chain(bytes.readUInt32LE(64) === 0 ? END_OF_CHAIN : bytes.readUInt32LE(60), Infinity);
    const mini = this.#chain(start, sizeBytes);
    const taken = new Uint8Array(Math.min(table.length >> 2, Math.ceil(mini.length / (1 << MINI_SHIFT))));
    this.#mini = { bytes: mini, table, taken };
  }

  /** Its bytes, as far as they are there. */
  read(stream: CompoundStream): Buffer {
    const known = this.#read.get(stream);
    if (known !== undefined) return known;
    const { start, sizeBytes } = stream;
    const isMini = sizeBytes < MINI_CUTOFF_BYTES;
    const bytes = isMini ? this.#miniChain(start, sizeBytes) : this.#chain(start, sizeBytes);
    this.#read.set(stream, bytes);
    return bytes;
  }

  /** What stands in no stream that was read: free sectors with what was there before, streams nobody asked for. */
  *leftovers(): Generator<Buffer, void, undefined> {
    const { bytes, taken } = this.#mini;
    // The header takes the place of a sector.
    for (const { start, end } of gaps(this.#taken))
      yield this.#bytes.subarray((start + 1) << this.#shift, (end + 1) << this.#shift);
    for (const { start, end } of gaps(taken)) yield bytes.subarray(start << MINI_SHIFT, end << MINI_SHIFT);
  }

  /** The table that names each sector's successor, from the sectors the header and its chain of tables name. */
  #table(): Uint32Array {
    const bytes = this.#bytes;
    const perSector = 1 << (this.#shift - 2);
    const next = new Uint32Array(this.#sectors).fill(END_OF_CHAIN);
    const tables: number[] = [];
    const tablesMax = Math.ceil(this.#sectors / perSector);
    const add = (sector: number): void => void (sector < SECTORS_MAX && tables.push(sector));
    for (let index = 0; index < HEADER_DIFAT; index += 1) add(bytes.readUInt32LE(76 + index * 4));
    let difat = bytes.readUInt32LE(68);
    while (difat < this.#sectors && tables.length < tablesMax && this.#take(difat)) {
      const sector = this.#sector(difat);
      const words = sector.length >> 2;
      for (let index = 0; index < words - 1; index += 1) add(sector.readUInt32LE(index * 4));
      difat = words === 0 ? END_OF_CHAIN : sector.readUInt32LE((words - 1) * 4);
    }
    for (const [index, sector] of tables.slice(0, tablesMax).entries()) {
      if (sector >= this.#sectors || !this.#take(sector)) {
        this.isDamaged = true;
        continue;
      }
      const table = this.#sector(sector);
      const first = index * perSector;
      const count = Math.min(table.length >> 2, this.#sectors - first);
      for (let at = 0; at < count; at += 1) next[first + at] = table.readUInt32LE(at * 4);
    }
    return next;
  }

  /** At most `sizeBytes` of the chain that begins there; a chain that ends before is damage. */
  #chain(start: number, sizeBytes: number): Buffer {
    const size = 1 << this.#shift;
    const pieces: Buffer[] = [];
    let length = 0;
    for (let sector = start; length < sizeBytes && sector !== END_OF_CHAIN;) {
      if (sector >= this.#sectors || !this.#take(sector)) {
        this.isDamaged = true;
        break;
      }
      // Sectors in a row are one piece.
      const first = sector;
      let last = first;
      length += size;
      sector = this.#next[last] ?? END_OF_CHAIN;
      while (sector === last + 1 && length < sizeBytes && sector < this.#sectors && this.#take(sector)) {
        last = sector;
        length += size;
        sector = this.#next[last] ?? END_OF_CHAIN;
        if (last % CHECK_EVERY === 0) this.#reading.checkTime();
      }
      pieces.push(this.#bytes.subarray((first + 1) << this.#shift, (last + 2) << this.#shift));
    }
    const [only] = pieces;
    const whole = pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
    if (Number.isFinite(sizeBytes) && whole.length < sizeBytes) this.isDamaged = true;
    return whole.length > sizeBytes ? whole.subarray(0, sizeBytes) : whole;
  }

  #miniChain(start: number, sizeBytes: number): Buffer {
    const { bytes, table, taken } = this.#mini;
    const pieces: Buffer[] = [];
    let left = sizeBytes;
    for (let sector = start; left > 0;) {
      if (sector >= taken.length || taken[sector] !== 0) break;
      taken[sector] = 1;
      const at = sector << MINI_SHIFT;
      const piece = bytes.subarray(at, at + Math.min(left, 1 << MINI_SHIFT));
      if (piece.length === 0) break;
      pieces.push(piece);
      left -= piece.length;
      sector = table.readUInt32LE(sector * 4);
    }
    if (left > 0) this.isDamaged = true;
    return Buffer.concat(pieces);
  }

  /** False where the sector stands in a chain already. */
  #take(sector: number): boolean {
    if (this.#taken[sector] !== 0) {
      this.isDamaged = true;
      return false;
    }
    this.#taken[sector] = 1;
    return true;
  }

  #sector(sector: number): Buffer {
    return this.#bytes.subarray((sector + 1) << this.#shift, (sector + 2) << this.#shift);
  }
}

type MiniStream = { readonly bytes: Buffer; readonly table: Buffer; readonly taken: Uint8Array };

/** Runs of sectors that stand in no chain. */
function* gaps(taken: Uint8Array): Generator<{ readonly start: number; readonly end: number }, void, undefined> {
  for (let at = taken.indexOf(0); at !== -1;) {
    const start = at;
    while (at < taken.length && taken[at] === 0) at += 1;
    yield { start, end: at };
    at = taken.indexOf(0, at);
  }
}

/** Of sectors: 512 bytes in version 3, 4,096 in version 4. */
function shiftOf(bytes: Buffer): number {
  const version = bytes.readUInt16LE(26);
  const shift = bytes.readUInt16LE(30);
  const fits = (version === 3 && shift === 9) || (version === 4 && shift === 12);
  const isUsual = bytes.readUInt16LE(32) === MINI_SHIFT && bytes.readUInt32LE(56) === MINI_CUTOFF_BYTES;
  if (!fits || !isUsual || bytes.readUInt16LE(28) !== 0xfffe) throw new Unreadable("damaged");
  return shift;
}
