/** Compound files for tests: version 3, small streams in the mini stream, written the plainest way. */

export type SampleTree = { readonly [name: string]: Buffer | string | SampleTree };

const SECTOR = 512;
const MINI = 64;
const CUTOFF = 4_096;
const FREE = 0xffff_ffff;
const END = 0xffff_fffe;
const FAT = 0xffff_fffd;
const DIFAT = 0xffff_fffc;

type Entry = { name: string; type: number; content: Buffer; left: number; right: number; child: number; start: number };

/** Sectors, and which one follows each. */
type Space = { readonly sectors: Buffer[]; readonly next: number[] };

export function compoundOf(tree: SampleTree): Buffer {
  const entries = entriesOf(tree);
  const large: Space = { sectors: [], next: [] };
  const small: Space = { sectors: [], next: [] };
  const { sectors, next } = large;
  for (const entry of entries.slice(1)) {
    if (entry.type !== 2 || entry.content.length === 0) continue;
    const isMini = entry.content.length < CUTOFF;
    entry.start = isMini ? chain(entry.content, MINI, small) : chain(entry.content, SECTOR, large);
  }
  const root = entries[0] as Entry;
  root.content = Buffer.concat(small.sectors);
  root.start = root.content.length === 0 ? END : chain(root.content, SECTOR, large);
  const miniTable = small.next.length === 0 ? END : chain(words(small.next, SECTOR), SECTOR, large);
  const directory = chain(Buffer.concat(entries.map(entryBytes)), SECTOR, large);
  const { tables, more } = tablesFor(next.length);
  const first = sectors.length;
  for (let index = 0; index < tables; index += 1) next.push(FAT);
  for (let index = 0; index < more; index += 1) next.push(DIFAT);
  const table = words(next, SECTOR);
  const header = Buffer.alloc(SECTOR);
  Buffer.from("d0cf11e0a1b11ae1", "hex").copy(header);
  for (const [at, value] of [
    [24, 0x3e],
    [26, 3],
    [28, 0xfffe],
    [30, 9],
    [32, 6],
  ] as const)
    header.writeUInt16LE(value, at);
  const counts = [
    [44, tables],
    [48, directory],
    [56, CUTOFF],
    [60, miniTable],
    [64, Math.ceil(small.next.length / 128)],
    [68, more === 0 ? END : first + tables],
  ] as const;
  for (const [at, value] of counts) header.writeUInt32LE(value, at);
  for (let index = 0; index < 109; index += 1)
    header.writeUInt32LE(index < tables ? first + index : FREE, 76 + index * 4);
  const names = Array.from({ length: Math.max(0, tables - 109) }, (_, index) => first + 109 + index);
  return Buffer.concat([header, ...sectors, table.subarray(0, tables * SECTOR), ...namings(names, first + tables)]);
}

/** Sectors of the table, and sectors that name those of them for which the header has no room. */
function tablesFor(sectors: number): { readonly tables: number; readonly more: number } {
  let tables = 0;
  let more = 0;
  while (tables * 128 < sectors + tables + more) {
    tables += 1;
    more = Math.ceil(Math.max(0, tables - 109) / 127);
  }
  return { tables, more };
}

function namings(names: readonly number[], first: number): readonly Buffer[] {
  const count = Math.ceil(names.length / 127);
  return Array.from({ length: count }, (_, index) => {
    const sector = words(names.slice(index * 127, index * 127 + 127), SECTOR);
    sector.writeUInt32LE(index === count - 1 ? END : first + index + 1, 508);
    return sector;
  });
}

function entriesOf(tree: SampleTree): Entry[] {
  const entries: Entry[] = [
    { name: "Root Entry", type: 5, content: Buffer.alloc(0), left: FREE, right: FREE, child: FREE, start: END },
  ];
  const add = (parent: Entry, inner: SampleTree): void => {
    const names = Object.keys(inner).toSorted(
      (a, b) => a.length - b.length || (a.toUpperCase() < b.toUpperCase() ? -1 : 1),
    );
    let previous: Entry | null = null;
    for (const name of names) {
      const value = inner[name] ?? "";
      const isStream = typeof value === "string" || Buffer.isBuffer(value);
      const content = isStream ? Buffer.from(value as Buffer) : Buffer.alloc(0);
      const entry: Entry = { name, type: isStream ? 2 : 1, content, left: FREE, right: FREE, child: FREE, start: END };
      if (previous === null) parent.child = entries.length;
      else previous.right = entries.length;
      previous = entry;
      entries.push(entry);
      if (!isStream) add(entry, value);
    }
  };
  add(entries[0] as Entry, tree);
  return entries;
}

function entryBytes({ name, type, content, left, right, child, start }: Entry): Buffer {
  const bytes = Buffer.alloc(128);
  bytes.write(name, 0, 62, "utf16le");
  bytes.writeUInt16LE(name.length * 2 + 2, 64);
  bytes[66] = type;
  bytes[67] = 1;
  for (const [at, value] of [
    [68, left],
    [72, right],
    [76, child],
    [116, start],
    [120, content.length],
  ] as const)
    bytes.writeUInt32LE(value, at);
  return bytes;
}

/** Cuts the content into sectors in a row, and says where they begin. */
function chain(content: Buffer, size: number, { sectors, next }: Space): number {
  const start = sectors.length;
  for (let at = 0; at < content.length; at += size) {
    const sector = Buffer.alloc(size);
    content.copy(sector, 0, at, at + size);
    sectors.push(sector);
    next.push(at + size < content.length ? sectors.length : END);
  }
  return start;
}

function words(values: readonly number[], size: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil((values.length * 4) / size) * size, 0xff);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}
