/**
 * One connection as bytes: lines in, replies out, TLS in between.
 * Promises: replies leave in order and together where the peer pipelines (RFC 2920); a peer that does not read is not
 * written to without end. Knows no command.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { Input } from "./input.ts";
import type { TlsDoor, TlsPeer } from "./tls-door.ts";
import { tlsPeerOf } from "./tls-door.ts";

/** Replies a peer left unread before we stop answering it. */
const UNREAD_BYTES_MAX = 256 * 1024;
/** How long a closed connection waits for the peer to close its side. */
const LINGER_MS = 5_000;

export class Wire {
  readonly input: Input;
  readonly remoteAddress: string;
  #socket: Socket | TLSSocket;
  #tls: TlsPeer | null = null;
  #outgoing = "";

  constructor(socket: Socket, remoteAddress: string) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    socket.on("error", ignoreSocketError);
    this.input = new Input(socket, () => this.flush());
  }

  get tls(): TlsPeer | null {
    return this.#tls;
  }

  get tlsSocket(): TLSSocket | null {
    return this.#tls === null ? null : (this.#socket as TLSSocket);
  }

  get isGone(): boolean {
    return this.#socket.destroyed || !this.#socket.writable;
  }

  /** One line, or several in the order of RFC 5321 section 4.2.1; sent at the next wait or flush. */
  reply(...lines: readonly string[]): void {
    lines.forEach((line, at) => {
      const isLast = at === lines.length - 1;
      this.#outgoing += isLast ? `${line}\r\n` : `${line.slice(0, 3)}-${line.slice(4)}\r\n`;
    });
  }

  flush(): void {
    if (this.#outgoing === "") return;
    const text = this.#outgoing;
    this.#outgoing = "";
    if (this.isGone) return;
    this.#socket.write(text, "utf8");
    if (this.#socket.writableLength > UNREAD_BYTES_MAX) this.#socket.destroy();
  }

  /** Sends what is collected (the 220 of STARTTLS, if any) and becomes TLS. Nothing read before survives it. */
  async upgrade(door: TlsDoor): Promise<void> {
    this.input.detach();
    this.flush();
    const secured = await door.upgrade(this.#socket);
    secured.on("error", ignoreSocketError);
    this.#socket = secured;
    this.#tls = tlsPeerOf(secured);
    this.input.replace(secured);
  }

  /** Sends what is collected and closes, giving the peer a moment to read it. */
  end(): void {
    this.flush();
    const socket = this.#socket;
    if (socket.destroyed) return;
    this.input.detach();
    socket.end();
    // What still comes is thrown away, so that the close is not a reset that eats the reply.
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** The reader sees the close that follows every error; the error itself adds nothing a peer could not make up. */
function ignoreSocketError(): void {}
