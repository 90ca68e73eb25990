/**
 * DNS messages in and out (RFC 1035 section 4, RFC 6891, RFC 8914); the only home of dns2, which is used as a codec alone.
 * Promises: `decodeMessage` never throws and never returns half a message: whatever does not decode whole is null. What the
 * records mean, and whether the message answers our question, is left to answer.ts and the transports.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Packet as Dns2Packet } from "dns2";
import { assertNever } from "../../core/assert-never.ts";
import { endsWithLastRecord } from "./message-end.ts";

const require = createRequire(import.meta.url);
/** Its codec alone: by its front door the package loads its servers, DNS over HTTPS and HTTP/2 as well, 7 MB. */
const Packet = require(join(dirname(require.resolve("dns2")), "packet.js")) as typeof Dns2Packet;

export type RecordType = "A" | "AAAA" | "CNAME" | "MX" | "SOA" | "TLSA" | "TXT";

export const TYPE_CODE: Readonly<Record<RecordType, number>> = {
  A: 1,
  AAAA: 28,
  CNAME: 5,
  MX: 15,
  SOA: 6,
  TLSA: 52,
  TXT: 16,
};
export const CLASS_IN = 1;
const TYPE_OPT = 41;
const OPTION_EDE = 15;

export const RCODE = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5 } as const;

/** What we tell servers they may send by UDP: fits every usual path unfragmented. */
export const UDP_PAYLOAD_BYTES = 1232;
/** More records than any honest answer holds; decoding cost grows with them. */
const RECORDS_MAX = 600;
const HEADER_BYTES = 12;

export type Question = { readonly name: string; readonly type: number; readonly class: number };

export type DnsRecord =
  | { readonly type: "A" | "AAAA"; readonly name: string; readonly address: string }
  | { readonly type: "CNAME"; readonly name: string; readonly target: string }
  | { readonly type: "MX"; readonly name: string; readonly preference: number; readonly exchange: string }
  | { readonly type: "TXT"; readonly name: string; readonly strings: readonly string[] }
  /** As it came; tlsa.ts reads it. */
  | { readonly type: "TLSA"; readonly name: string; readonly rdata: Uint8Array }
  /** `code` 0: of a class other than IN, and so of no use whatever its type. */
  | { readonly type: "other"; readonly name: string; readonly code: number };

export type DnsMessage = {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly isTruncated: boolean;
  /** AA: the server holds the zone. */
  readonly isAuthoritative: boolean;
  /** RA: the server resolves for us. */
  readonly canRecurse: boolean;
  /** AD: the server says it validated the whole answer (RFC 4035 section 3.2.3). In a query: the asker understands AD. */
  readonly isAuthenticated: boolean;
  /** 12 bits, the upper ones from OPT. */
  readonly rcode: number;
  readonly questions: readonly Question[];
  /** Empty where the message is truncated. */
  readonly answers: readonly DnsRecord[];
  /** Extended DNS errors (RFC 8914), numbers only; their text is the server's and is dropped. */
  readonly extendedErrors: readonly number[];
  /** EDNS payload size the sender offers, or null without EDNS. */
  readonly udpPayloadBytes: number | null;
};

type Header = ConstructorParameters<typeof Packet.Header>[0] & { readonly ad?: 0 | 1 };

function bit(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}

/** A recursive query with EDNS and AD=1: "tell me whether you validated" (RFC 6840 section 5.7). `name` may be "" for the root. */
export function encodeQuery(query: { readonly id: number; readonly name: string; readonly type: RecordType }): Buffer {
  const packet = new Packet();
  const header: Header = { id: query.id, rd: 1, ad: 1 };
  packet.header = new Packet.Header(header);
  packet.questions.push(new Packet.Question(query.name, TYPE_CODE[query.type], CLASS_IN));
  packet.additionals.push(Packet.Resource.EDNS([], { udpPayloadSize: UDP_PAYLOAD_BYTES }));
  return packet.toBuffer();
}

export type ResponseParts = {
  readonly id: number;
  readonly question: Question;
  readonly rcode: number;
  readonly isTruncated: boolean;
  readonly isAuthenticated: boolean;
  readonly answers: readonly DnsRecord[];
  readonly extendedErrors: readonly number[];
  readonly withEdns: boolean;
};

/** A resolver's response, for the loopback server and for tests. */
export function encodeResponse(parts: ResponseParts): Buffer {
  const packet = new Packet();
  const header: Header = {
    id: parts.id,
    qr: 1,
    rd: 1,
    ra: 1,
    tc: bit(parts.isTruncated),
    ad: bit(parts.isAuthenticated),
    rcode: parts.rcode,
  };
  packet.header = new Packet.Header(header);
  packet.questions.push(new Packet.Question(parts.question.name, parts.question.type, parts.question.class));
  for (const record of parts.answers) packet.answers.push(new Packet.Resource(toResource(record)));
  if (parts.withEdns) {
    const options = parts.extendedErrors.map((code) => Packet.Resource.EDNS.EDE(code, ""));
    packet.additionals.push(Packet.Resource.EDNS(options, { udpPayloadSize: UDP_PAYLOAD_BYTES }));
  }
  return packet.toBuffer();
}

/** The message, or null where it is damaged, cut short or larger than sense. */
export function decodeMessage(bytes: Buffer): DnsMessage | null {
  if (bytes.length < HEADER_BYTES) return null;
  if (bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10) > RECORDS_MAX) return null;
  const packet = parse(bytes);
  if (packet === null) return null;
  const { header, questions, additionals } = packet;
  if (questions.length !== header.qdcount) return null;
  const records = wholeAnswers(packet);
  if (records === null) return null;
  // What follows the last record belongs to no record: a count was changed, or somebody put it there.
  if (header.tc === 0 && !endsWithLastRecord(bytes)) return null;
  const opt = additionals.find((resource) => resource.type === TYPE_OPT);
  return {
    id: header.id,
    isResponse: header.qr === 1,
    opcode: header.opcode,
    isTruncated: header.tc === 1,
    isAuthoritative: header.aa === 1,
    canRecurse: header.ra === 1,
    isAuthenticated: (header as Header).ad === 1,
    rcode: header.rcode,
    questions: questions.map(({ name, type, class: cls }) => ({ name, type, class: cls })),
    answers: records,
    extendedErrors: (opt?.rdata ?? []).flatMap((option) => extendedError(option)),
    udpPayloadBytes: opt === undefined ? null : opt.class,
  };
}

function parse(bytes: Buffer): Dns2Packet | null {
  try {
    return Packet.parse(bytes);
  } catch {
    // The border of a foreign parser: what it cannot read is damaged for us, whatever its reason was.
    return null;
  }
}

/** Of a truncated message nothing is used: it may be cut anywhere, and the asker comes again over TCP (RFC 2181 section 9). */
function wholeAnswers({ header, answers, errors }: Dns2Packet): readonly DnsRecord[] | null {
  if (header.tc === 1) return [];
  if (errors.length > 0 || answers.length !== header.ancount) return null;
  const records = answers.map(toRecord);
  const whole = records.filter((record) => record !== null);
  return whole.length === records.length ? whole : null;
}

function extendedError(option: { readonly ednsCode: number; readonly infoCode?: number }): readonly number[] {
  return option.ednsCode === OPTION_EDE && typeof option.infoCode === "number" ? [option.infoCode] : [];
}

function toRecord(resource: Dns2Packet["answers"][number]): DnsRecord | null {
  const { name, type, address, domain, exchange, priority, data } = resource;
  if (resource.class !== CLASS_IN) return { type: "other", name, code: 0 };
  switch (type) {
    case TYPE_CODE.A:
      return address === undefined ? null : { type: "A", name, address };
    case TYPE_CODE.AAAA:
      return address === undefined ? null : { type: "AAAA", name, address };
    case TYPE_CODE.CNAME:
      return domain === undefined ? null : { type: "CNAME", name, target: domain };
    case TYPE_CODE.MX:
      return exchange === undefined || priority === undefined
        ? null
        : { type: "MX", name, preference: priority, exchange };
    case TYPE_CODE.TXT:
      return Array.isArray(data) ? { type: "TXT", name, strings: data } : null;
    // A type dns2 does not know: it hands over the octets of the record.
    case TYPE_CODE.TLSA:
      return data instanceof Uint8Array ? { type: "TLSA", name, rdata: data } : null;
    default:
      return { type: "other", name, code: type };
  }
}

function toResource(record: DnsRecord): Partial<Dns2Packet["answers"][number]> {
  const base = { name: record.name, class: CLASS_IN, ttl: 60 };
  switch (record.type) {
    case "A":
    case "AAAA":
      return { ...base, type: TYPE_CODE[record.type], address: record.address };
    case "CNAME":
      return { ...base, type: TYPE_CODE.CNAME, domain: record.target };
    case "MX":
      return { ...base, type: TYPE_CODE.MX, priority: record.preference, exchange: record.exchange };
    case "TXT":
      return { ...base, type: TYPE_CODE.TXT, data: [...record.strings] };
    case "TLSA":
      return { ...base, type: TYPE_CODE.TLSA, data: Buffer.from(record.rdata) };
    case "other":
      return { ...base, type: record.code, data: Buffer.alloc(0) };
    default:
      return assertNever(record);
  }
}
