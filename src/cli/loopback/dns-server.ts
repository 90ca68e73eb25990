/**
 * A DNS server for the demo and for tests: answers from a plain zone object on UDP and TCP of a loopback port, and misbehaves
 * on request. It speaks as a recursive resolver does (RA set, aliases followed). Not for any other use: it has no cache, no
 * limits and no zones of its own.
 */
import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { CLASS_IN, decodeMessage, encodeResponse, RCODE, TYPE_CODE } from "../../parts/dns/codec.ts";
import type { DnsMessage, DnsRecord, Question, RecordType } from "../../parts/dns/codec.ts";

/**
 * `bogus` is SERVFAIL with the extended error of a failed validation; `truncate` sets TC on UDP and answers over TCP;
 * `garbage` answers with bytes that are no message; `wrong-id` and `wrong-question` answer something nobody asked.
 */
export type Misbehaviour =
  "servfail" | "bogus" | "refused" | "drop" | "nxdomain" | "truncate" | "garbage" | "wrong-id" | "wrong-question";

export type ZoneEntry = {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly CNAME?: string;
  readonly MX?: readonly (readonly [preference: number, exchange: string])[];
  /** A string, or its pieces of at most 255 bytes. */
  readonly TXT?: readonly (string | readonly string[])[];
  /** As a zone file has it, `3 1 1 0a…`, or the octets of a record. */
  readonly TLSA?: readonly (string | Uint8Array)[];
  /** For every type, or by type. */
  readonly behaviour?: Misbehaviour | Partial<Record<RecordType, Misbehaviour>>;
  /** Sets AD, as a validating resolver does for a signed zone; for every type, or for these. */
  readonly authenticated?: boolean | readonly RecordType[];
};

/** Names in lower case without the trailing dot. */
export type Zone = Readonly<Record<string, ZoneEntry>>;

export type SeenQuery = { readonly name: string; readonly type: string; readonly transport: "udp" | "tcp" };

export type LoopbackDns = {
  /** `127.0.0.1:PORT`, as the configuration writes it. */
  readonly address: string;
  readonly port: number;
  /** Every query so far, oldest first. */
  readonly queries: readonly SeenQuery[];
  /** Replaces what the name answers from now on; null takes the name away. */
  setRecord(name: string, entry: ZoneEntry | null): void;
  close(): Promise<void>;
};

const ALIASES_MAX = 20;
const PORT_TRIES_MAX = 20;
const UDP_BYTES_WITHOUT_EDNS = 512;
const EDE_BOGUS = 6;

type Served = { readonly zone: Map<string, ZoneEntry>; readonly queries: SeenQuery[] };

export async function startLoopbackDns(
  zone: Zone,
  listen: { readonly host: string; readonly port: number } = { host: "127.0.0.1", port: 0 },
): Promise<LoopbackDns> {
  const served: Served = { zone: new Map(Object.entries(zone)), queries: [] };
  const { tcp, udp, port } = await bindBoth(served, listen);
  return {
    address: listen.host.includes(":") ? `[${listen.host}]:${port}` : `${listen.host}:${port}`,
    port,
    queries: served.queries,
    setRecord(name, entry) {
      if (entry === null) served.zone.delete(name);
      else served.zone.set(name, entry);
    },
    async close() {
      await Promise.all([tcp.close(), closeUdp(udp)]);
    },
  };
}

type TcpSide = { readonly port: number; close(): Promise<void> };

/** The same port number for both protocols; another one is tried where UDP has it taken. */
async function bindBoth(
  served: Served,
  listen: { readonly host: string; readonly port: number },
): Promise<{ readonly tcp: TcpSide; readonly udp: UdpSocket; readonly port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const tcp = await bindTcp(served, listen);
    try {
      return { tcp, udp: await bindUdp(served, { host: listen.host, port: tcp.port }), port: tcp.port };
    } catch (error) {
      await tcp.close();
      if (listen.port !== 0 || attempt === PORT_TRIES_MAX) throw error;
    }
  }
}

async function bindTcp(served: Served, listen: { readonly host: string; readonly port: number }): Promise<TcpSide> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serveStream(served, socket);
  });
  await listening(server, listen);
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listening(server: Server, listen: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function serveStream(served: Served, socket: Socket): void {
  let received: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const response = respond(served, received.subarray(2, end), "tcp");
      received = received.subarray(end);
      if (response === null) continue;
      const prefix = Buffer.alloc(2);
      prefix.writeUInt16BE(response.length);
      socket.write(Buffer.concat([prefix, response]));
    }
  });
}

function bindUdp(served: Served, listen: { readonly host: string; readonly port: number }): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(listen.host.includes(":") ? "udp6" : "udp4");
    socket.once("error", reject);
    socket.on("message", (bytes, peer) => {
      const response = respond(served, bytes, "udp");
      if (response !== null) socket.send(response, peer.port, peer.address);
    });
    socket.bind(listen.port, listen.host, () => {
      socket.off("error", reject);
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

function closeUdp(socket: UdpSocket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}

function respond(served: Served, bytes: Buffer, transport: "udp" | "tcp"): Buffer | null {
  const query = decodeMessage(bytes);
  const question = query?.questions[0];
  if (query === null || question === undefined) return null;
  const name = question.name.toLowerCase();
  served.queries.push({ name, type: typeName(question.type), transport });
  const behaviour = behaviourOf(served.zone.get(name), typeName(question.type));
  if (behaviour === "drop") return null;
  if (behaviour === "garbage") return Buffer.concat([bytes.subarray(0, 2), Buffer.alloc(40, 0xff)]);
  const response = compose(served.zone, query, { question, behaviour });
  if (transport === "tcp") return response.whole;
  const sizeMax = query.udpPayloadBytes ?? UDP_BYTES_WITHOUT_EDNS;
  return behaviour === "truncate" || response.whole.length > sizeMax ? response.truncated() : response.whole;
}

type Asked = { readonly question: Question; readonly behaviour: Misbehaviour | undefined };

function compose(
  zone: ReadonlyMap<string, ZoneEntry>,
  query: DnsMessage,
  { question, behaviour }: Asked,
): { readonly whole: Buffer; readonly truncated: () => Buffer } {
  const { rcode, answers, isAuthenticated } = resolveIn(zone, question, behaviour);
  const parts = {
    id: behaviour === "wrong-id" ? (query.id + 1) % 65_536 : query.id,
    question: behaviour === "wrong-question" ? { ...question, name: `not.${question.name}` } : question,
    rcode,
    isTruncated: false,
    // RFC 6840 section 5.8: AD only for those who ask for it.
    isAuthenticated: isAuthenticated && query.isAuthenticated,
    answers,
    extendedErrors: behaviour === "bogus" ? [EDE_BOGUS] : [],
    withEdns: query.udpPayloadBytes !== null,
  };
  return {
    whole: encodeResponse(parts),
    truncated: () => encodeResponse({ ...parts, isTruncated: true, answers: [] }),
  };
}

type Resolution = { readonly rcode: number; readonly answers: readonly DnsRecord[]; readonly isAuthenticated: boolean };

function resolveIn(
  zone: ReadonlyMap<string, ZoneEntry>,
  question: Question,
  behaviour: Misbehaviour | undefined,
): Resolution {
  const failure = { answers: [], isAuthenticated: false };
  if (behaviour === "servfail" || behaviour === "bogus") return { ...failure, rcode: RCODE.servFail };
  if (behaviour === "refused") return { ...failure, rcode: RCODE.refused };
  const answers: DnsRecord[] = [];
  let name = question.name.toLowerCase();
  let isAuthenticated = true;
  for (let hops = 0; hops < ALIASES_MAX; hops += 1) {
    const entry = zone.get(name);
    isAuthenticated &&= isSigned(entry, question.type);
    if (behaviour === "nxdomain") return { rcode: RCODE.nxDomain, answers, isAuthenticated };
    if (entry === undefined) {
      return { rcode: isNonTerminal(zone, name) ? RCODE.noError : RCODE.nxDomain, answers, isAuthenticated };
    }
    if (entry.CNAME === undefined || question.type === TYPE_CODE.CNAME) {
      return { rcode: RCODE.noError, answers: [...answers, ...recordsOf(name, entry, question)], isAuthenticated };
    }
    answers.push({ type: "CNAME", name, target: entry.CNAME });
    name = entry.CNAME.toLowerCase();
  }
  return { rcode: RCODE.noError, answers, isAuthenticated };
}

function isSigned(entry: ZoneEntry | undefined, type: number): boolean {
  const { authenticated = false } = entry ?? {};
  return typeof authenticated === "boolean"
    ? authenticated
    : authenticated.some((signed) => TYPE_CODE[signed] === type);
}

/** A name that has names below it exists, though it holds nothing (RFC 8020). */
function isNonTerminal(zone: ReadonlyMap<string, ZoneEntry>, name: string): boolean {
  return [...zone.keys()].some((other) => other.endsWith(`.${name}`));
}

function recordsOf(name: string, entry: ZoneEntry, question: Question): readonly DnsRecord[] {
  if (question.class !== CLASS_IN) return [];
  switch (question.type) {
    case TYPE_CODE.A:
      return (entry.A ?? []).map((address) => ({ type: "A", name, address }));
    case TYPE_CODE.AAAA:
      return (entry.AAAA ?? []).map((address) => ({ type: "AAAA", name, address }));
    case TYPE_CODE.CNAME:
      return entry.CNAME === undefined ? [] : [{ type: "CNAME", name, target: entry.CNAME }];
    case TYPE_CODE.MX:
      return (entry.MX ?? []).map(([preference, exchange]) => ({ type: "MX", name, preference, exchange }));
    case TYPE_CODE.TXT:
      return (entry.TXT ?? []).map((text) => ({
        type: "TXT",
        name,
        strings: typeof text === "string" ? [text] : text,
      }));
    case TYPE_CODE.TLSA:
      return (entry.TLSA ?? []).map((tlsa) => ({ type: "TLSA", name, rdata: tlsaRdata(tlsa) }));
    default:
      return [];
  }
}

function tlsaRdata(tlsa: string | Uint8Array): Uint8Array {
  if (typeof tlsa !== "string") return tlsa;
  const [usage, selector, matching, hex = ""] = tlsa.split(" ");
  return Buffer.concat([Buffer.from([Number(usage), Number(selector), Number(matching)]), Buffer.from(hex, "hex")]);
}

function behaviourOf(entry: ZoneEntry | undefined, type: string): Misbehaviour | undefined {
  const behaviour = entry?.behaviour;
  return typeof behaviour === "object" ? behaviour[type as RecordType] : behaviour;
}

function typeName(code: number): string {
  return Object.entries(TYPE_CODE).find(([, value]) => value === code)?.[0] ?? `TYPE${code}`;
}
