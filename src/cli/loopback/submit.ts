/**
 * Hands one message to a gateway as a relaying server does: EHLO, STARTTLS, MAIL, RCPT …, DATA. For the demo and the tests;
 * one message a connection, no pipelining, and a failed step is an answer, not an exception.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export type Hand = {
  readonly host: string;
  readonly port: number;
  /** PEM to trust; null: any certificate. */
  readonly ca: string | null;
  readonly serverName: string;
  readonly starttls?: boolean;
};

export type Handed = {
  readonly mailFrom: string;
  readonly rcptTo: readonly string[];
  /** With CRLF line ends; dots are stuffed here. */
  readonly bytes: Uint8Array;
  /** Such as ` BODY=8BITMIME`. */
  readonly mailParameters?: string;
  /** For every recipient, or one for each. */
  readonly rcptParameters?: string | readonly string[];
};

export type Answer = {
  /** The reply that ended it: to the dot, or to the step that was refused. */
  readonly code: number;
  readonly text: string;
  /** One for each recipient, in order. */
  readonly recipients: readonly number[];
};

const TIMEOUT_MS = 20_000;

export async function submit(hand: Hand, message: Handed): Promise<Answer> {
  let socket: Socket = connect({ host: hand.host, port: hand.port, noDelay: true });
  let lines = new Replies(socket);
  try {
    const greeting = await lines.next();
    if (greeting.code !== 220) return { ...greeting, recipients: [] };
    await lines.ask("EHLO sender.test");
    if (hand.starttls ?? true) {
      await lines.ask("STARTTLS");
      lines.detach();
      socket = await upgrade(socket, hand);
      lines = new Replies(socket);
      await lines.ask("EHLO sender.test");
    }
    return await transact(lines, message);
  } finally {
    socket.destroy();
  }
}

async function transact(lines: Replies, message: Handed): Promise<Answer> {
  const mail = await lines.ask(`MAIL FROM:<${message.mailFrom}>${message.mailParameters ?? ""}`);
  if (mail.code !== 250) return { ...mail, recipients: [] };
  const recipients: number[] = [];
  let last = mail;
  for (const [index, address] of message.rcptTo.entries()) {
    const { rcptParameters = "" } = message;
    const parameters = typeof rcptParameters === "string" ? rcptParameters : (rcptParameters[index] ?? "");
    last = await lines.ask(`RCPT TO:<${address}>${parameters}`);
    recipients.push(last.code);
  }
  if (!recipients.includes(250)) return { ...last, recipients };
  const data = await lines.ask("DATA");
  if (data.code !== 354) return { ...data, recipients };
  lines.write(stuffed(message.bytes));
  const dot = await lines.ask(".");
  return { ...dot, recipients };
}

function stuffed(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes)
    .toString("latin1")
    .replace(/(^|\r\n)\./g, "$1..");
  return Buffer.from(text.endsWith("\r\n") ? text : `${text}\r\n`, "latin1");
}

async function upgrade(socket: Socket, hand: Hand): Promise<Socket> {
  const secure = connectTls({
    socket,
    servername: hand.serverName,
    rejectUnauthorized: hand.ca !== null,
    ...(hand.ca === null ? {} : { ca: hand.ca }),
  });
  await new Promise<void>((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
  return secure;
}

type Reply = { readonly code: number; readonly text: string };

/** Whole replies, one after the other. */
class Replies {
  readonly #socket: Socket;
  readonly #onData = (chunk: Buffer): void => this.#take(chunk.toString("latin1"));
  #text = "";
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | null = null;
  #error: Error | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setTimeout(TIMEOUT_MS, () => this.#fail(new Error("the gateway did not answer in time")));
    socket.on("data", this.#onData);
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the gateway closed the connection")));
  }

  detach(): void {
    this.#socket.removeAllListeners();
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  ask(line: string): Promise<Reply> {
    const reply = this.next();
    this.#socket.write(`${line}\r\n`, "utf8");
    return reply;
  }

  next(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#error !== null) {
        reject(this.#error);
        return;
      }
      this.#waiting = { resolve, reject };
      this.#take("");
    });
  }

  #take(text: string): void {
    this.#text += text;
    const match = /^(?:\d{3}-[^\n]*\n)*(\d{3})(?: ([^\n]*))?\r?\n/.exec(this.#text);
    if (match === null || this.#waiting === null) return;
    this.#text = this.#text.slice(match[0].length);
    const { resolve } = this.#waiting;
    this.#waiting = null;
    resolve({ code: Number(match[1]), text: (match[2] ?? "").trim() });
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#waiting?.reject(this.#error);
    this.#waiting = null;
  }
}
