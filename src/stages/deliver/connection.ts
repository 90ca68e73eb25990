/**
 * One TCP connection to a mail server, before and after STARTTLS: commands out, replies in, with limits and deadlines.
 * Promises: a reply received before the connection ended is still handed out; every wait ends (reply, loss or timeout);
 * whatever arrives in the clear around STARTTLS is never read as an answer given under TLS (RFC 3207 section 4.2).
 * Leaves to others: what to say, what replies mean, whether the peer is who it should be.
 */
import { connect as connectTcp, isIP } from "node:net";
import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import type { SecureContext } from "node:tls";
import { ReplyParser } from "../../parts/smtp/reply.ts";
import type { Reply } from "../../parts/smtp/reply.ts";

export type LossReason = "refused" | "timeout" | "closed" | "protocol" | "aborted" | "tls";

/** The connection is of no use any more. Carries no text of the peer. */
export class ConnectionLost extends Error {
  readonly reason: LossReason;
  constructor(reason: LossReason, options?: ErrorOptions) {
    super(`connection lost: ${reason}`, options);
    this.name = "ConnectionLost";
    this.reason = reason;
  }
}

export type DialRequest = {
  readonly address: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

export type TlsRequest = {
  /** SNI, unless it is an address. */
  readonly host: string;
  readonly context: SecureContext;
  readonly timeoutMs: number;
};

/** Most replies are far shorter; longer ones come in several reads. */
const READ_BYTES = 4_096;

type Waiter = { readonly wake: () => void; readonly fail: (error: ConnectionLost) => void };

export class Connection {
  #socket: Socket;
  #parser = new ReplyParser();
  #lost: ConnectionLost | null = null;
  #waiter: Waiter | null = null;
  #limit: NodeJS.Timeout | undefined = undefined;
  #disturbed: (() => void) | null = null;

  private constructor({ address, port }: DialRequest) {
    // One buffer for the life of the socket; what is read stays in it only until the parser has copied it.
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const callback = (bytes: number): boolean => {
      if (this.#socket === socket) this.#hear(buffer.subarray(0, bytes));
      return true;
    };
    const socket = connectTcp({ host: address, port, noDelay: true, onread: { buffer, callback } });
    this.#socket = socket;
    this.#listen();
  }

  /** Rejects with ConnectionLost: `refused`, `timeout` or `aborted`. */
  static async dial(request: DialRequest): Promise<Connection> {
    if (request.signal.aborted) throw new ConnectionLost("aborted");
    const connection = new Connection(request);
    const socket = connection.#socket;
    const release = connection.bind(request.signal);
    try {
      await connection.#within(request.timeoutMs, () => connection.#until((wake) => socket.once("connect", wake)));
      return connection;
    } catch (cause) {
      if (cause instanceof ConnectionLost && cause.reason !== "closed") throw cause;
      throw new ConnectionLost("refused", { cause });
    } finally {
      release();
    }
  }

  /** Ties the connection to a request: its abort drops the connection. Returns how to untie it. */
  bind(signal: AbortSignal): () => void {
    const abort = (): void => this.#lose("aborted");
    signal.addEventListener("abort", abort, { once: true });
    return () => signal.removeEventListener("abort", abort);
  }

  /** From now on the connection has this long in all, however patiently each step is waited for; null lifts the limit. */
  limit(totalMs: number | null): void {
    clearTimeout(this.#limit);
    this.#limit = totalMs === null ? undefined : setTimeout(() => this.#lose("timeout"), totalMs);
    this.#limit?.unref();
  }

  get isOpen(): boolean {
    return this.#lost === null;
  }

  /** Throws ConnectionLost with the reason, once the connection is of no use. */
  assertOpen(): void {
    if (this.#lost !== null) throw this.#lost;
  }

  /** Something arrived that nobody asked for yet. */
  get hasUnread(): boolean {
    return this.#parser.hasUnread;
  }

  /** Our end of it; null once it is gone. */
  get localAddress(): string | null {
    return this.#socket.localAddress ?? null;
  }

  /** What the peer showed in the handshake; null without TLS, and once the connection is gone. */
  get peerCertificate(): X509Certificate | null {
    return this.#socket instanceof TLSSocket ? (this.#socket.getPeerX509Certificate() ?? null) : null;
  }

  /** The next reply; the time is for all of it, however slowly it drips. Rejects with ConnectionLost once there can be none. */
  async reply(timeoutMs: number): Promise<Reply> {
    const atHand = this.#parser.take();
    if (atHand !== null) return atHand;
    return await this.#within(timeoutMs, async () => {
      for (;;) {
        const reply = this.#parser.take();
        if (reply !== null) return reply;
        if (this.#parser.defect !== null) this.#lose("protocol");
        await this.#until(() => undefined);
      }
    });
  }

  /** Resolves when more may be written, or at once when the peer said something meanwhile. */
  async write(bytes: string | Uint8Array, timeoutMs: number): Promise<void> {
    if (this.#lost !== null) throw this.#lost;
    if (this.#socket.write(bytes)) return;
    const socket = this.#socket;
    await this.#within(timeoutMs, () => this.#until((wake) => socket.once("drain", wake)));
  }

  /**
   * Runs the TLS handshake. It never fails for a certificate: judging the peer is assessPeer's, on the live socket. Rejects with
   * ConnectionLost: `tls` when the peer speaks no TLS we can, `protocol` when it had talked in the clear meanwhile.
   */
  async secure(request: TlsRequest): Promise<TLSSocket> {
    if (this.hasUnread || this.#socket.readableLength > 0) this.#lose("protocol");
    if (this.#lost !== null) throw this.#lost;
    const raw = this.#socket;
    raw.removeAllListeners("end").removeAllListeners("close");
    const secure = connectTls({
      socket: raw,
      ...(isIP(request.host) === 0 ? { servername: request.host } : {}),
      secureContext: request.context,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    this.#socket = secure;
    this.#parser = new ReplyParser();
    this.#listen();
    secure.on("data", (chunk: Buffer) => this.#hear(chunk));
    await this.#within(request.timeoutMs, () => this.#until((wake) => secure.once("secureConnect", wake)));
    return secure;
  }

  /** Calls once when an idle connection ends or speaks; null stops it. */
  watchIdle(disturbed: (() => void) | null): void {
    this.#disturbed = disturbed;
    if (disturbed !== null && (this.#lost !== null || this.hasUnread)) this.#disturb();
  }

  /** Says QUIT and does not wait for the answer. */
  quit(lingerMs: number): void {
    if (this.#lost !== null) return;
    this.#lost = new ConnectionLost("closed");
    const socket = this.#socket;
    socket.end("QUIT\r\n");
    setTimeout(() => socket.destroy(), lingerMs).unref();
  }

  /** Ends it at once: what was not sent yet never will be. */
  drop(): void {
    this.#lose("closed");
  }

  #listen(): void {
    this.#socket.on("end", () => this.#lose("closed"));
    this.#socket.on("close", () => this.#lose("closed"));
    this.#socket.on("error", (error: Error) => this.#lose(isTlsRefusal(error) ? "tls" : "closed", error));
  }

  #hear(chunk: Buffer): void {
    this.#parser.push(chunk);
    this.#waiter?.wake();
    this.#disturb();
  }

  async #within<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.#lose("timeout"), timeoutMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits until woken or lost; `arm` may register a further cause to wake. A late wake does no harm. */
  async #until(arm: (wake: () => void) => void): Promise<void> {
    if (this.#lost !== null) throw this.#lost;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiter = { wake: resolve, fail: reject };
        arm(resolve);
      });
    } finally {
      this.#waiter = null;
    }
  }

  #lose(reason: LossReason, cause?: Error): void {
    if (this.#lost !== null) return;
    const lost = new ConnectionLost(reason, cause === undefined ? undefined : { cause });
    this.#lost = lost;
    this.#socket.destroy();
    // A reply that came complete before the end is still an answer.
    if (this.#parser.hasUnread) this.#waiter?.wake();
    else this.#waiter?.fail(lost);
    this.#disturb();
  }

  #disturb(): void {
    const disturbed = this.#disturbed;
    this.#disturbed = null;
    disturbed?.();
  }
}

/** OpenSSL's own errors: the peer answered with an alert, another protocol or no common version. */
function isTlsRefusal(error: Error): boolean {
  const code = "code" in error ? String(error.code) : "";
  return code.startsWith("ERR_SSL_") || code === "EPROTO";
}
