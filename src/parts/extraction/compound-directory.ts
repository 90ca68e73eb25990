/**
 * The tree of storages and streams in a compound file (MS-CFB 2.6): siblings are a binary tree, children hang below a storage.
 * Promises: each entry is visited once, so that the tree ends; entries that hang nowhere, in two places or under one name twice are
 * told (`isAmbiguous`). Throws `Unreadable` for more entries than anybody needs and for a root that is none.
 */
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";

const ENTRY_BYTES = 128;
const ENTRIES_MAX = 50_000;
const DEPTH_MAX = 100;
const NO_ENTRY = 0xffff_ffff;
const STORAGE = 1;
const STREAM = 2;
const ROOT = 5;
const STREAM_BYTES_MAX = 0x7fff_ffff;
/** Entries between two looks at the clock. */
const CHECK_EVERY = 4_096;

export type CompoundStream = { readonly name: string; readonly start: number; readonly sizeBytes: number };
export type CompoundStorage = {
  readonly name: string;
  readonly streams: CompoundStream[];
  readonly storages: CompoundStorage[];
};

/** Names are told apart as the format sorts them: without regard to case. */
export function streamOf(storage: CompoundStorage, name: string): CompoundStream | undefined {
  return storage.streams.find((stream) => isNamed(stream, name));
}

export function storageOf(storage: CompoundStorage, name: string): CompoundStorage | undefined {
  return storage.storages.find((inner) => isNamed(inner, name));
}

function isNamed(entry: { readonly name: string }, name: string): boolean {
  return entry.name.toUpperCase() === name.toUpperCase();
}

type Waiting = { readonly index: number; readonly into: CompoundStorage; readonly depth: number };

export class CompoundDirectory {
  readonly root: CompoundStorage = { name: "", streams: [], storages: [] };
  /** Where the small streams stand. */
  readonly miniStream: Pick<CompoundStream, "start" | "sizeBytes">;
  isAmbiguous = false;
  readonly #bytes: Buffer;
  readonly #count: number;
  /** Version 4 writes sizes in eight bytes; in version 3 the upper four may hold anything. */
  readonly #isLarge: boolean;

  constructor(bytes: Buffer, { isLarge, reading }: { readonly isLarge: boolean; readonly reading: Reading }) {
    this.#bytes = bytes;
    this.#count = Math.floor(bytes.length / ENTRY_BYTES);
    this.#isLarge = isLarge;
    if (this.#count > ENTRIES_MAX) throw new Unreadable("over_budget");
    if (this.#count === 0 || bytes[66] !== ROOT) throw new Unreadable("damaged");
    this.miniStream = { start: bytes.readUInt32LE(116), sizeBytes: this.#sizeOf(0) };
    this.#walk(reading);
  }

  #walk(reading: Reading): void {
    const seen = new Uint8Array(this.#count);
    seen[0] = 1;
    const names = new Set<string>();
    const waiting: Waiting[] = [{ index: this.#bytes.readUInt32LE(76), into: this.root, depth: 1 }];
    const storages = new Map<CompoundStorage, number>([[this.root, 0]]);
    for (let next = waiting.pop(), steps = 0; next !== undefined; next = waiting.pop(), steps += 1) {
      if (steps % CHECK_EVERY === 0) reading.checkTime();
      const { index, into, depth } = next;
      if (index === NO_ENTRY) continue;
      if (index >= this.#count || seen[index] !== 0 || depth > DEPTH_MAX) {
        this.isAmbiguous = true;
        continue;
      }
      seen[index] = 1;
      const at = index * ENTRY_BYTES;
      waiting.push(
        { ...next, index: this.#bytes.readUInt32LE(at + 68) },
        { ...next, index: this.#bytes.readUInt32LE(at + 72) },
      );
      const entry = this.#enter(at, into);
      const key = `${storages.get(into) ?? 0}/${(entry?.name ?? "").toUpperCase()}`;
      if (entry === null || names.has(key)) this.isAmbiguous = true;
      names.add(key);
      if (entry === null || "start" in entry) continue;
      storages.set(entry, index);
      waiting.push({ index: this.#bytes.readUInt32LE(at + 76), into: entry, depth: depth + 1 });
    }
    this.#lookForOrphans(seen);
  }

  /** An entry in no tree: one reader leaves it out, another one finds it. */
  #lookForOrphans(seen: Uint8Array): void {
    for (let index = 0; index < this.#count; index += 1) {
      const type = this.#bytes[index * ENTRY_BYTES + 66];
      if (seen[index] === 0 && (type === STORAGE || type === STREAM)) this.isAmbiguous = true;
    }
  }

  #enter(at: number, into: CompoundStorage): CompoundStream | CompoundStorage | null {
    const name = this.#nameOf(at);
    const type = this.#bytes[at + 66];
    if (type === STREAM) {
      const stream = { name, start: this.#bytes.readUInt32LE(at + 116), sizeBytes: this.#sizeOf(at) };
      into.streams.push(stream);
      return stream;
    }
    if (type !== STORAGE) return null;
    const storage: CompoundStorage = { name, streams: [], storages: [] };
    into.storages.push(storage);
    return storage;
  }

  #nameOf(at: number): string {
    const bytes = Math.min(64, this.#bytes.readUInt16LE(at + 64));
    return this.#bytes.toString("utf16le", at, at + Math.max(0, bytes - 2)).replace(/\0.*$/s, "");
  }

  #sizeOf(at: number): number {
    const upper = this.#isLarge ? this.#bytes.readUInt32LE(at + 124) : 0;
    const lower = this.#bytes.readUInt32LE(at + 120);
    return upper > 0 || lower > STREAM_BYTES_MAX ? STREAM_BYTES_MAX : lower;
  }
}
