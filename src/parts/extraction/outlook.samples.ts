/** Messages of Outlook for tests, as a message file and as TNEF. */
import { compoundOf } from "./compound.samples.ts";
import type { SampleTree } from "./compound.samples.ts";

export type SampleProperty = readonly [id: number, value: string | Buffer | number | Date];
export type SampleAttachment = {
  readonly properties?: readonly SampleProperty[];
  readonly message?: SampleMessage;
  /** An object of another program. */
  readonly object?: SampleTree;
};
export type SampleMessage = {
  readonly properties?: readonly SampleProperty[];
  /** Properties with names of people's own. */
  readonly named?: Readonly<Record<string, string>>;
  readonly recipients?: readonly (readonly SampleProperty[])[];
  readonly attachments?: readonly SampleAttachment[];
  /** Texts as bytes of this code page. */
  readonly codePage?: number;
  readonly encode?: (text: string) => Buffer;
};

const TO_1970_MS = 11_644_473_600_000;
const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, "0");
const utf16 = (text: string): Buffer => Buffer.from(text, "utf16le");

export const msgOf = (message: SampleMessage): Buffer => compoundOf(messageTree(message, 32));

function messageTree(message: SampleMessage, headerBytes: number): SampleTree {
  const tree: Record<string, Buffer | SampleTree> = {};
  const named = Object.entries(message.named ?? {});
  const all = [...(message.properties ?? []), ...named.map(([, value], index) => [0x8000 + index, value] as const)];
  const codePage = message.codePage === undefined ? [] : [[0x3ffd, message.codePage] as const];
  Object.assign(tree, propertyStreams([...all, ...codePage], headerBytes, message.encode));
  if (headerBytes === 32) tree["__nameid_version1.0"] = nameStreams(named.map(([name]) => name));
  for (const [index, recipient] of (message.recipients ?? []).entries())
    tree[`__recip_version1.0_#${hex(index, 8)}`] = propertyStreams(recipient, 8, message.encode);
  for (const [index, { properties = [], message: inner, object }] of (message.attachments ?? []).entries()) {
    tree[`__attach_version1.0_#${hex(index, 8)}`] = {
      ...propertyStreams(properties, 8, message.encode),
      ...(inner === undefined ? {} : { "__substg1.0_3701000D": messageTree(inner, 24) }),
      ...(object === undefined ? {} : { "__substg1.0_3701000D": object }),
    };
  }
  return tree;
}

function propertyStreams(
  properties: readonly SampleProperty[],
  headerBytes: number,
  encode: ((text: string) => Buffer) | undefined,
): Record<string, Buffer> {
  const streams: Record<string, Buffer> = {};
  const entries: Buffer[] = [Buffer.alloc(headerBytes)];
  for (const [id, value] of properties) {
    const entry = Buffer.alloc(16);
    const type = typeOf(value, encode !== undefined);
    entry.writeUInt16LE(type, 0);
    entry.writeUInt16LE(id, 2);
    entry.writeUInt32LE(6, 4);
    if (typeof value === "number") entry.writeInt32LE(value, 8);
    else if (value instanceof Date) entry.writeBigUInt64LE(ticksOf(value), 8);
    else {
      const bytes = typeof value === "string" ? (encode ?? utf16)(value) : value;
      streams[`__substg1.0_${hex(id, 4)}${hex(type, 4)}`] = bytes;
      entry.writeUInt32LE(bytes.length, 8);
    }
    entries.push(entry);
  }
  return { ...streams, "__properties_version1.0": Buffer.concat(entries) };
}

function typeOf(value: SampleProperty[1], isNarrow: boolean): number {
  if (typeof value === "number") return 0x03;
  if (value instanceof Date) return 0x40;
  return typeof value === "string" ? (isNarrow ? 0x1e : 0x1f) : 0x102;
}

const ticksOf = (date: Date): bigint => BigInt(date.getTime() + TO_1970_MS) * 10_000n;

function nameStreams(names: readonly string[]): SampleTree {
  const texts: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const [index, name] of names.entries()) {
    const entry = Buffer.alloc(8);
    entry.writeUInt32LE(at, 0);
    entry.writeUInt16LE(7, 4);
    entry.writeUInt16LE(index, 6);
    entries.push(entry);
    const text = utf16(name);
    const piece = Buffer.alloc(4 + Math.ceil(text.length / 4) * 4);
    piece.writeUInt32LE(text.length, 0);
    text.copy(piece, 4);
    texts.push(piece);
    at += piece.length;
  }
  return {
    "__substg1.0_00020102": Buffer.alloc(0),
    "__substg1.0_00030102": Buffer.concat(entries),
    "__substg1.0_00040102": Buffer.concat(texts),
  };
}

const BODY_LEVEL = 1;
const ATTACHMENT_LEVEL = 2;

export function tnefOf(message: SampleMessage): Buffer {
  const { properties = [], named = {}, recipients = [], attachments = [], codePage, encode } = message;
  const names = Object.entries(named);
  const all = [...properties, ...(codePage === undefined ? [] : [[0x3ffd, codePage] as const])];
  const list = listOf([
    ...all.map((one) => value(one, encode)),
    ...names.map(([name, text]) => namedValue(name, text)),
  ]);
  const rows = recipients.map((recipient) => listOf(recipient.map((one) => value(one, encode))));
  return Buffer.concat([
    Buffer.from([0x78, 0x9f, 0x3e, 0x22, 1, 0]),
    attribute(BODY_LEVEL, 0x0008_9006, long(0x1_0000)),
    attribute(BODY_LEVEL, 0x0006_9003, list),
    ...(rows.length === 0 ? [] : [attribute(BODY_LEVEL, 0x0006_9004, Buffer.concat([long(rows.length), ...rows]))]),
    ...attachments.flatMap(tnefAttachment),
  ]);
}

function tnefAttachment({ properties = [], message }: SampleAttachment): readonly Buffer[] {
  const data = properties.find(([id]) => id === 0x3701)?.[1];
  const object = message === undefined ? [] : [objectValue(0x3701, tnefOf(message))];
  const others = properties.filter(([id]) => id !== 0x3701).map((one) => value(one, undefined));
  return [
    attribute(ATTACHMENT_LEVEL, 0x0006_9002, Buffer.alloc(14)),
    ...(Buffer.isBuffer(data) ? [attribute(ATTACHMENT_LEVEL, 0x0006_800f, data)] : []),
    attribute(ATTACHMENT_LEVEL, 0x0006_9005, listOf([...others, ...object])),
  ];
}

export function attribute(level: number, id: number, content: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head[0] = level;
  head.writeUInt32LE(id, 1);
  head.writeUInt32LE(content.length, 5);
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(content.reduce((total, byte) => (total + byte) & 0xffff, 0));
  return Buffer.concat([head, content, sum]);
}

const long = (number: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
};
const filled = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
const listOf = (values: readonly Buffer[]): Buffer => Buffer.concat([long(values.length), ...values]);
const tag = (id: number, type: number): Buffer => long(((id << 16) | type) >>> 0);

function value([id, content]: SampleProperty, encode: ((text: string) => Buffer) | undefined): Buffer {
  const type = typeOf(content, encode !== undefined);
  if (typeof content === "number") return Buffer.concat([tag(id, type), long(content)]);
  if (content instanceof Date) {
    const ticks = Buffer.alloc(8);
    ticks.writeBigUInt64LE(ticksOf(content));
    return Buffer.concat([tag(id, type), ticks]);
  }
  const bytes = typeof content === "string" ? (encode ?? utf16)(`${content}\0`) : content;
  return Buffer.concat([tag(id, type), long(1), long(bytes.length), filled(bytes)]);
}

function namedValue(name: string, text: string): Buffer {
  const label = utf16(`${name}\0`);
  const head = Buffer.concat([tag(0x8001, 0x1f), Buffer.alloc(16), long(1), long(label.length), filled(label)]);
  const bytes = utf16(`${text}\0`);
  return Buffer.concat([head, long(1), long(bytes.length), filled(bytes)]);
}

function objectValue(id: number, tnef: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.from("0703020000000000c000000000000046", "hex"), tnef]);
  return Buffer.concat([tag(id, 0x0d), long(1), long(bytes.length), filled(bytes)]);
}

/** LZFu without any reference: every byte by itself, and the end. */
export function lzfuOf(rtf: string, declared: { readonly rawBytes?: number; readonly crc?: number } = {}): Buffer {
  const raw = Buffer.from(rtf, "latin1");
  const pieces: Buffer[] = [];
  for (let at = 0; at < raw.length; at += 8) pieces.push(Buffer.from([0]), raw.subarray(at, at + 8));
  const write = (207 + raw.length) % 4_096;
  // A control byte of its own for the end, unless the last run is open.
  const end = Buffer.from([(write << 4) >> 8, (write << 4) & 0xff]);
  if (raw.length % 8 === 0) pieces.push(Buffer.from([1]), end);
  else {
    const control = pieces.at(-2) as Buffer;
    control[0] = 1 << (raw.length % 8);
    pieces.push(end);
  }
  return lzfuAround(Buffer.concat(pieces), { rawBytes: raw.length, ...declared });
}

/** Nothing but references, each of which stands for 17 bytes. */
export function lzfuBomb(runs: number): Buffer {
  const bytes = Buffer.alloc(runs * 17, 0xff);
  let write = 207;
  for (let at = 0; at < bytes.length; at += 2) {
    if (at % 17 === 0) at += 1;
    bytes.writeUInt16BE((((write + 1) % 4_096) << 4) | 0xf, at);
    write = (write + 17) % 4_096;
  }
  return bytes;
}

export function lzfuAround(
  content: Buffer,
  { rawBytes, crc }: { readonly rawBytes: number; readonly crc?: number },
): Buffer {
  return Buffer.concat([
    long(content.length + 12),
    long(rawBytes),
    Buffer.from("LZFu"),
    long(crc ?? crcOf(content)),
    content,
  ]);
}

function crcOf(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb8_8320;
  }
  return crc >>> 0;
}
