/** ZIP archives for tests, honest and not, byte by byte (APPNOTE 4.3). */
import { crc32, deflateRawSync } from "node:zlib";

export type SampleEntry = {
  readonly name: string;
  readonly content: string | Buffer;
  readonly isStored?: boolean;
  /** Lies, each about one field. */
  readonly localName?: string;
  readonly flags?: number;
  readonly method?: number;
  readonly sizeBytes?: number;
  readonly crc32?: number;
  readonly comment?: string;
  readonly extra?: Buffer;
  /** Bytes behind the deflated content that belong to the entry. */
  readonly behind?: Buffer;
  /** Where the directory says that the entry begins. */
  readonly localAt?: number;
  /** Bytes before the local header that belong to no entry. */
  readonly before?: Buffer;
};

export function zipOf(entries: readonly SampleEntry[], archive: { readonly comment?: string } = {}): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const before = entry.before ?? Buffer.alloc(0);
    const content = packed(entry);
    const local = localOf(entry, content);
    centrals.push(centralOf(entry, content, entry.localAt ?? at + before.length));
    locals.push(before, local);
    at += before.length + local.length;
  }
  const directory = Buffer.concat(centrals);
  const comment = Buffer.from(archive.comment ?? "");
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, directory, end, comment]);
}

type Packed = { readonly data: Buffer; readonly method: number; readonly size: number; readonly sum: number };

function packed(entry: SampleEntry): Packed {
  const content = Buffer.from(entry.content);
  const data = entry.isStored === true ? content : deflateRawSync(content);
  return {
    data: Buffer.concat([data, entry.behind ?? Buffer.alloc(0)]),
    method: entry.method ?? (entry.isStored === true ? 0 : 8),
    size: entry.sizeBytes ?? content.length,
    sum: entry.crc32 ?? crc32(content),
  };
}

function localOf(entry: SampleEntry, { data, method, size, sum }: Packed): Buffer {
  const name = Buffer.from(entry.localName ?? entry.name);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(entry.flags ?? 0x0800, 6);
  header.writeUInt16LE(method, 8);
  header.writeUInt32LE(sum, 14);
  header.writeUInt32LE(data.length, 18);
  header.writeUInt32LE(size, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, name, data]);
}

function centralOf(entry: SampleEntry, { data, method, size, sum }: Packed, localAt: number): Buffer {
  const name = Buffer.from(entry.name);
  const comment = Buffer.from(entry.comment ?? "");
  const extra = entry.extra ?? Buffer.alloc(0);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(20, 6);
  header.writeUInt16LE(entry.flags ?? 0x0800, 8);
  header.writeUInt16LE(method, 10);
  header.writeUInt32LE(sum, 16);
  header.writeUInt32LE(data.length, 20);
  header.writeUInt32LE(size, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt16LE(comment.length, 32);
  header.writeUInt32LE(localAt, 42);
  return Buffer.concat([header, name, extra, comment]);
}
