/**
 * DNS messages as octets, apart from the codec under test: a writer that compresses names as resolvers do, and a reader strict
 * enough to say what a message may be taken for (RFC 1035 section 4.1).
 */

export const CLASS_IN = 1;
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  DNAME: 39,
  OPT: 41,
  RRSIG: 46,
  TLSA: 52,
} as const;

export type WireRecord = {
  readonly name: string;
  readonly type: number;
  readonly class?: number;
  /** Octets, or a name behind octets: that of an MX, CNAME or NS. */
  readonly rdata: Uint8Array | { readonly head?: Uint8Array; readonly name: string };
};

export type WireMessage = {
  readonly id: number;
  readonly flags: number;
  readonly question: { readonly name: string; readonly type: number };
  readonly answers: readonly WireRecord[];
  readonly authority?: readonly WireRecord[];
  /** OPT, with this extended error (RFC 8914). */
  readonly ede?: number;
};

export const FLAGS = { qr: 0x8000, aa: 0x0400, tc: 0x0200, rd: 0x0100, ra: 0x0080, ad: 0x0020 } as const;
export const ANSWERED = FLAGS.qr | FLAGS.rd | FLAGS.ra;

export function writeMessage(message: WireMessage): Buffer {
  const writer = new Writer();
  const { answers, authority = [], ede } = message;
  const counts = [1, answers.length, authority.length, ede === undefined ? 0 : 1];
  for (const value of [message.id, message.flags, ...counts]) writer.u16(value);
  writer.name(message.question.name);
  writer.u16(message.question.type);
  writer.u16(CLASS_IN);
  for (const record of [...answers, ...authority]) writer.record(record);
  if (ede !== undefined) writer.opt(ede);
  return writer.bytes();
}

class Writer {
  #bytes: number[] = [];
  readonly #places = new Map<string, number>();

  u16(value: number): void {
    this.#bytes.push(value >> 8, value & 0xff);
  }

  name(name: string): void {
    const labels = name === "" ? [] : name.split(".");
    for (const [index, label] of labels.entries()) {
      const rest = labels.slice(index).join(".");
      const place = this.#places.get(rest);
      if (place !== undefined) return this.u16(0xc000 | place);
      if (this.#bytes.length < 0x4000) this.#places.set(rest, this.#bytes.length);
      this.#bytes.push(Buffer.byteLength(label), ...Buffer.from(label));
    }
    this.#bytes.push(0);
  }

  record({ name, type, class: cls = CLASS_IN, rdata }: WireRecord): void {
    this.name(name);
    for (const value of [type, cls, 0, 60]) this.u16(value);
    const lengthAt = this.#bytes.length;
    this.u16(0);
    if (rdata instanceof Uint8Array) this.#bytes.push(...rdata);
    else {
      this.#bytes.push(...(rdata.head ?? []));
      this.name(rdata.name);
    }
    const length = this.#bytes.length - lengthAt - 2;
    this.#bytes[lengthAt] = length >> 8;
    this.#bytes[lengthAt + 1] = length & 0xff;
  }

  opt(ede: number): void {
    this.#bytes.push(0);
    for (const value of [TYPE.OPT, 1232, 0, 0, 6, 15, 2, ede]) this.u16(value);
  }

  bytes(): Buffer {
    return Buffer.from(this.#bytes);
  }
}

export type ReadRecord = { readonly name: string; readonly type: number; readonly class: number };

export type ReadMessage = {
  readonly id: number;
  readonly flags: number;
  /** Of header and OPT together (RFC 6891 section 6.1.3). */
  readonly rcode: number;
  readonly questions: readonly ReadRecord[];
  readonly answers: readonly ReadRecord[];
};

/** null for whatever is no whole message from its first to its last octet; names in lower case, a dot in a label as `\.`. */
export function readMessage(bytes: Buffer): ReadMessage | null {
  if (bytes.length < 12) return null;
  const [id = 0, flags = 0, ...counts] = [0, 2, 4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
  const sections: ReadRecord[][] = [];
  let at = 12;
  let upper = 0;
  for (const [section, count] of counts.entries()) {
    const records: ReadRecord[] = [];
    for (let index = 0; index < count; index += 1) {
      const read = readRecord(bytes, at, section === 0);
      if (read === null) return null;
      if (read.record.type === TYPE.OPT && section === 3) upper = read.ttlHigh;
      records.push(read.record);
      at = read.end;
    }
    sections.push(records);
  }
  const [questions = [], answers = []] = sections;
  return at === bytes.length ? { id, flags, rcode: (upper << 4) | (flags & 0xf), questions, answers } : null;
}

function readRecord(
  bytes: Buffer,
  start: number,
  isQuestion: boolean,
): { readonly record: ReadRecord; readonly end: number; readonly ttlHigh: number } | null {
  const named = readName(bytes, start);
  if (named === null || named.end + (isQuestion ? 4 : 10) > bytes.length) return null;
  const record = { name: named.name, type: bytes.readUInt16BE(named.end), class: bytes.readUInt16BE(named.end + 2) };
  if (isQuestion) return { record, end: named.end + 4, ttlHigh: 0 };
  const end = named.end + 10 + bytes.readUInt16BE(named.end + 8);
  return end > bytes.length ? null : { record, end, ttlHigh: bytes[named.end + 4] ?? 0 };
}

function readName(bytes: Buffer, start: number): { readonly name: string; readonly end: number } | null {
  const labels: string[] = [];
  let end: number | null = null;
  let at = start;
  for (let steps = 0; steps < 200; steps += 1) {
    const length = bytes[at];
    if (length === undefined) return null;
    if (length === 0) return { name: labels.join("."), end: end ?? at + 1 };
    if (length >= 0xc0) {
      if (at + 1 >= bytes.length) return null;
      end ??= at + 2;
      at = bytes.readUInt16BE(at) & 0x3fff;
      continue;
    }
    if (length > 63 || at + 1 + length > bytes.length) return null;
    labels.push(lower(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return null;
}

function lower(label: Buffer): string {
  const text = label.toString("latin1");
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()).replaceAll(".", "\\.");
}
