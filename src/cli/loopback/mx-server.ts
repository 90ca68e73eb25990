/**
 * A scriptable mail server on loopback, for the demo and the tests: takes mail, or refuses and fails exactly as told.
 * Promises: keeps every transaction and every byte it could read, apart for what came in the clear, so that "never in the clear" can
 * be shown. Not for production: it keeps all in memory, up to a cap.
 */
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { SecureVersion, TLSSocketOptions } from "node:tls";
import type { MxBehaviour, MxTransaction } from "./mx-behaviour.ts";
import { MxSession } from "./mx-session.ts";
import type { MxWorld } from "./mx-session.ts";

export type MxTls = {
  readonly key: string;
  readonly cert: string;
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  readonly ciphers?: string;
};

export type MxServerOptions = {
  /** Address to listen on, such as 127.0.0.2. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Name in banner and EHLO; `mx.test` by default. */
  readonly name?: string;
  readonly tls?: MxTls;
  readonly behaviour?: MxBehaviour;
};

export type MxServer = {
  readonly host: string;
  readonly port: number;
  readonly transactions: readonly MxTransaction[];
  /** Every command verb in order, with the TLS protocol it came under. */
  readonly verbs: readonly { readonly verb: string; readonly tls: string | null }[];
  /** Every byte that came in the clear, over all connections. */
  readonly plaintextSeen: Buffer;
  /** Every byte it could read, in the clear or decrypted. */
  readonly allSeen: Buffer;
  readonly connections: number;
  readonly setBehaviour: (behaviour: MxBehaviour) => void;
  readonly close: () => Promise<void>;
};

const SEEN_BYTES_MAX = 64 * 1024 * 1024;

export async function startMxServer(options: MxServerOptions): Promise<MxServer> {
  const record = new MxRecord();
  let behaviour = options.behaviour ?? {};
  const world: MxWorld = {
    name: options.name ?? "mx.test",
    tls: options.tls === undefined ? null : tlsOptionsOf(options.tls),
    behaviour: () => behaviour,
    isGreylisted: (pair) => record.isFirst(pair),
    saw: (bytes, protocol) => record.saw(bytes, protocol),
    heard: (verb, tls) => record.verbs.push({ verb, tls }),
    took: (transaction) => record.transactions.push(transaction),
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    record.connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    void new MxSession(socket, world);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port, options.host, resolve);
  });
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const { port } = server.address() as AddressInfo;
  return serverView(record, { host: options.host, port, close, setBehaviour: (next) => (behaviour = next) });
}

function serverView(record: MxRecord, fixed: Pick<MxServer, "host" | "port" | "close" | "setBehaviour">): MxServer {
  return {
    ...fixed,
    transactions: record.transactions,
    verbs: record.verbs,
    get plaintextSeen() {
      return Buffer.concat(record.clear);
    },
    get allSeen() {
      return Buffer.concat(record.all);
    },
    get connections() {
      return record.connections;
    },
  };
}

class MxRecord {
  readonly transactions: MxTransaction[] = [];
  readonly verbs: { readonly verb: string; readonly tls: string | null }[] = [];
  readonly clear: Buffer[] = [];
  readonly all: Buffer[] = [];
  connections = 0;
  #seenBytes = 0;
  readonly #pairs = new Set<string>();

  saw(bytes: Buffer, protocol: string | null): void {
    this.#seenBytes += bytes.length;
    if (this.#seenBytes > SEEN_BYTES_MAX) throw new Error("the loopback server saw more than it may keep");
    this.all.push(bytes);
    if (protocol === null) this.clear.push(bytes);
  }

  isFirst(pair: string): boolean {
    const isNew = !this.#pairs.has(pair);
    this.#pairs.add(pair);
    return isNew;
  }
}

/** Old protocols need OpenSSL's security level lowered, or the server could not even offer them. */
function tlsOptionsOf(tls: MxTls): TLSSocketOptions {
  const isOld = tls.maxVersion === "TLSv1" || tls.maxVersion === "TLSv1.1";
  return {
    key: tls.key,
    cert: tls.cert,
    ...(tls.minVersion === undefined ? {} : { minVersion: tls.minVersion }),
    ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
    ciphers: tls.ciphers ?? (isOld ? "DEFAULT@SECLEVEL=0" : "DEFAULT"),
  };
}
