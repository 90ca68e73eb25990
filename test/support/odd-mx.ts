/**
 * A mail server that says whatever it is told up to its second answer to EHLO, in whatever pieces, and is honest from MAIL on. Keeps what it
 * was asked, in the clear and under TLS.
 */
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { TLSSocket } from "node:tls";
import type { MxTls } from "../../src/cli/loopback/mx-server.ts";

/** Pieces, each written in a turn of its own. */
export type Say = readonly Buffer[];

export type OddScript = {
  readonly greeting: Say;
  readonly ehlo: Say;
  /** The answer to STARTTLS, with whatever comes in the clear behind it. */
  readonly starttls: Say;
  /** Null where nobody answers the handshake. */
  readonly tls: MxTls | null;
  readonly ehlo2: Say;
};

export type OddMx = {
  readonly host: string;
  readonly port: number;
  /** MAIL commands, each with whether it came under TLS. */
  readonly mails: readonly { readonly isSecure: boolean }[];
  /** Whole messages, up to their final dot. */
  readonly taken: number;
  readonly connections: number;
  /** Forgets what was, and plays this from now on. */
  play(script: OddScript): void;
  close(): Promise<void>;
};

type Record = { mails: { readonly isSecure: boolean }[]; taken: number; connections: number };

export async function startOddMx(host = "127.0.0.1"): Promise<OddMx> {
  let script: OddScript = { greeting: [], ehlo: [], starttls: [], tls: null, ehlo2: [] };
  let record: Record = { mails: [], taken: 0, connections: 0 };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    record.connections += 1;
    void new OddDialog(socket, script, record).greet();
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    host,
    port: (server.address() as AddressInfo).port,
    get mails() {
      return record.mails;
    },
    get taken() {
      return record.taken;
    },
    get connections() {
      return record.connections;
    },
    play(next) {
      for (const socket of sockets) socket.destroy();
      script = next;
      record = { mails: [], taken: 0, connections: 0 };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

class OddDialog {
  #socket: Socket;
  readonly #script: OddScript;
  readonly #record: Record;
  #isSecure = false;
  #isBody = false;
  #input = "";

  constructor(socket: Socket, script: OddScript, record: Record) {
    this.#socket = socket;
    this.#script = script;
    this.#record = record;
    this.#listen();
  }

  async greet(): Promise<void> {
    await this.#say(this.#script.greeting);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      this.#input += chunk.toString("latin1");
      while (this.#next());
    });
  }

  #next(): boolean {
    const mark = this.#isBody ? "\r\n.\r\n" : "\r\n";
    const end = this.#input.indexOf(mark);
    if (end < 0) return false;
    const text = this.#input.slice(0, end);
    this.#input = this.#input.slice(end + mark.length);
    if (this.#isBody) this.#endBody();
    else this.#command(text.slice(0, 4).toUpperCase());
    return true;
  }

  #endBody(): void {
    this.#isBody = false;
    this.#record.taken += 1;
    this.#line("250 taken");
  }

  #command(verb: string): void {
    switch (verb) {
      case "EHLO":
      case "HELO":
        void this.#say(this.#isSecure ? this.#script.ehlo2 : this.#script.ehlo);
        break;
      case "STAR":
        void this.#starttls();
        break;
      case "MAIL":
        this.#record.mails.push({ isSecure: this.#isSecure });
        this.#line("250 ok");
        break;
      case "DATA":
        this.#isBody = true;
        this.#line("354 go");
        break;
      default:
        this.#line("250 ok");
    }
  }

  async #starttls(): Promise<void> {
    const { starttls, tls } = this.#script;
    const raw = this.#socket;
    if (tls === null) return this.#say(starttls);
    raw.removeAllListeners("data");
    raw.pause();
    await this.#say(starttls);
    if (raw.destroyed) return;
    const secure = new TLSSocket(raw, { ...tls, isServer: true });
    this.#socket = secure;
    this.#input = "";
    secure.once("secure", () => (this.#isSecure = true));
    secure.on("close", () => raw.destroy());
    this.#listen();
  }

  async #say(pieces: Say): Promise<void> {
    const socket = this.#socket;
    for (const piece of pieces) {
      if (!socket.writable) return;
      socket.write(piece);
      await turn();
    }
  }

  #line(text: string): void {
    if (this.#socket.writable) this.#socket.write(`${text}\r\n`);
  }
}
