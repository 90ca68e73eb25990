/**
 * What a peer sent, pulled: a command line or a piece of a message at a time.
 * Promises: reads no further than asked, so a slow spool slows the peer and memory stays flat; a line ends at CRLF only;
 * each wait has a deadline. What a line means is the caller's.
 */
import type { Duplex } from "node:stream";

/** Why nothing came: the peer ended or broke the connection, the time was up, or interrupt() was called. */
export type Silence = { readonly kind: "closed" | "timeout" | "interrupted" };

export type LineRead =
  | { readonly kind: "line"; readonly line: Buffer }
  /** A CR or LF outside a CRLF, or a NUL: no command, and what follows cannot be trusted to be one. */
  | { readonly kind: "bare-newline" }
  | { readonly kind: "too-long" }
  | Silence;

export type PieceRead = { readonly kind: "piece"; readonly piece: Buffer } | Silence;

type Wake = "data" | Silence["kind"];

const LF = 0x0a;
const CR = 0x0d;
const EMPTY = Buffer.alloc(0);
/** Read ahead of who reads: enough for the next piece of a message. */
const PENDING_BYTES_MAX = 64 * 1024;

export class Input {
  #stream: Duplex;
  #pending: Buffer = EMPTY;
  #isHeldUp = false;
  #wake: ((why: Wake) => void) | null = null;
  #isClosed = false;
  #isInterrupted = false;
  /** Runs before a wait: the moment to send collected replies (RFC 2920 section 3.2). */
  readonly #beforeWait: () => void;
  readonly #onData = (chunk: Buffer): void => {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (this.#pending.length >= PENDING_BYTES_MAX) this.#holdUp();
    this.#wake?.("data");
  };
  readonly #onClosed = (): void => {
    this.#isClosed = true;
    this.#wake?.("closed");
  };

  constructor(stream: Duplex, beforeWait: () => void) {
    this.#stream = stream;
    this.#beforeWait = beforeWait;
    this.#attach();
  }

  /** Bytes that already arrived and were not asked for. */
  get hasBuffered(): boolean {
    return this.#pending.length > 0 || this.#stream.readableLength > 0;
  }

  /** Leaves the stream alone, for a TLS handshake on it. What was buffered is gone. */
  detach(): void {
    this.#stream.off("data", this.#onData).off("end", this.#onClosed).off("close", this.#onClosed);
    this.#stream.pause();
    this.#pending = EMPTY;
  }

  replace(stream: Duplex): void {
    this.#stream = stream;
    this.#attach();
  }

  /** Ends a wait for a command line, now or when one begins. Waits for message bytes go on. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#wake?.("interrupted");
  }

  async readLine(bytesMax: number, timeoutMs: number): Promise<LineRead> {
    const deadline = new Deadline(timeoutMs, () => this.#wake?.("timeout"));
    try {
      for (;;) {
        const end = this.#pending.indexOf(LF);
        if (end >= 0 ? end + 1 > bytesMax : this.#pending.length > bytesMax) return { kind: "too-long" };
        if (end >= 0) return this.#takeLine(end);
        if (this.#isInterrupted) return { kind: "interrupted" };
        const before = this.#pending.length;
        const why = await this.#wait(deadline);
        if (why !== "data" && this.#pending.length === before) return { kind: why };
      }
    } finally {
      deadline.clear();
    }
  }

  /** At most bytesMax bytes, as soon as there are any. */
  async readPiece(bytesMax: number, timeoutMs: number): Promise<PieceRead> {
    const deadline = new Deadline(timeoutMs, () => this.#wake?.("timeout"));
    try {
      while (this.#pending.length === 0) {
        const why = await this.#wait(deadline);
        if (why === "interrupted" || why === "data") continue;
        if (this.#pending.length === 0) return { kind: why };
      }
    } finally {
      deadline.clear();
    }
    const piece = this.#pending.subarray(0, bytesMax);
    this.#pending = this.#pending.subarray(piece.length);
    return { kind: "piece", piece };
  }

  /** Gives back what was read too much. */
  unread(bytes: Buffer): void {
    if (bytes.length > 0) this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([bytes, this.#pending]);
  }

  #takeLine(end: number): LineRead {
    if (end === 0 || this.#pending[end - 1] !== CR) return { kind: "bare-newline" };
    const line = this.#pending.subarray(0, end - 1);
    this.#pending = this.#pending.subarray(end + 1);
    return line.includes(CR) || line.includes(0) ? { kind: "bare-newline" } : { kind: "line", line };
  }

  #holdUp(): void {
    this.#isHeldUp = true;
    this.#stream.pause();
  }

  #goOn(): void {
    if (!this.#isHeldUp) return;
    this.#isHeldUp = false;
    this.#stream.resume();
  }

  async #wait(deadline: Deadline): Promise<Wake> {
    if (this.#isClosed) return "closed";
    this.#beforeWait();
    this.#goOn();
    deadline.start();
    const why = await new Promise<Wake>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
    return why;
  }

  #attach(): void {
    this.#isHeldUp = false;
    this.#stream.on("data", this.#onData).on("end", this.#onClosed).on("close", this.#onClosed);
    this.#stream.resume();
    // A destroyed or ended stream tells nobody again.
    this.#isClosed = this.#stream.destroyed || this.#stream.readableEnded;
  }
}

/** A timer that exists only once there is something to wait for. */
class Deadline {
  readonly #timeoutMs: number;
  readonly #onTime: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(timeoutMs: number, onTime: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#onTime = onTime;
  }

  start(): void {
    this.#timer ??= setTimeout(this.#onTime, this.#timeoutMs);
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
