/**
 * One dialog of a loopback MX server (RFC 5321, server side, as much as the demo and the tests need).
 * Promises: records what it sees before it answers, and follows its behaviour to the letter, wrong answers included.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { TLSSocketOptions } from "node:tls";
import type { MxBehaviour, MxFault, MxPhase, MxTransaction } from "./mx-behaviour.ts";
import { MX_EXTENSIONS } from "./mx-behaviour.ts";

/** What a session reads from and reports to. */
export type MxWorld = {
  readonly name: string;
  readonly tls: TLSSocketOptions | null;
  readonly behaviour: () => MxBehaviour;
  readonly isGreylisted: (pair: string) => boolean;
  readonly saw: (bytes: Buffer, protocol: string | null) => void;
  readonly heard: (verb: string, protocol: string | null) => void;
  readonly took: (transaction: MxTransaction) => void;
};

const END_OF_DATA = Buffer.from("\r\n.\r\n");

export class MxSession {
  readonly #world: MxWorld;
  #socket: Socket;
  readonly #raw: Socket;
  #protocol: string | null = null;
  #input: Buffer = Buffer.alloc(0);
  #isBody = false;
  #bodyChunks: Buffer[] = [];
  #bodyBytes = 0;
  /** The last bytes of the body so far: the final dot may be cut anywhere. */
  #bodyTail: Buffer = Buffer.alloc(0);
  #isDeaf = false;
  #mail: { readonly path: string; readonly params: string } | null = null;
  #rcpts: { readonly path: string; readonly params: string }[] = [];

  constructor(socket: Socket, world: MxWorld) {
    this.#world = world;
    this.#socket = socket;
    this.#raw = socket;
    this.#listen();
    const banner = world.behaviour().banner ?? `220 ${world.name} ESMTP`;
    this.#answer("connect", banner);
  }

  #listen(): void {
    this.#socket.setNoDelay(true);
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("data", (chunk: Buffer) => {
      this.#world.saw(chunk, this.#protocol);
      this.#input = Buffer.concat([this.#input, chunk]);
      if (this.#isBody) this.#bodyFault();
      while (!this.#isDeaf && this.#next());
    });
  }

  /** Works off one command or the body; false when more bytes are needed. */
  #next(): boolean {
    if (this.#isBody) return this.#body();
    const end = this.#input.indexOf("\r\n");
    if (end < 0) return false;
    const line = this.#input.subarray(0, end).toString("utf8");
    this.#input = this.#input.subarray(end + 2);
    this.#command(line);
    return true;
  }

  #command(line: string): void {
    const verb = line.split(" ", 1)[0]?.toUpperCase() ?? "";
    this.#world.heard(verb, this.#protocol);
    switch (verb) {
      case "EHLO":
        return this.#answer(this.#protocol === null ? "ehlo" : "ehlo2", this.#capabilities());
      case "HELO":
        return this.#answer("helo", `250 ${this.#world.name}`);
      case "STARTTLS":
        return this.#starttls();
      case "MAIL":
        this.#mail = splitPath(line);
        this.#rcpts = [];
        return this.#answer("mail", "250 2.1.0 ok");
      case "RCPT":
        return this.#rcpt(splitPath(line));
      case "DATA":
        return this.#data();
      case "RSET":
        this.#rcpts = [];
        return this.#answer("rset", "250 2.0.0 reset");
      case "QUIT":
        this.#answer("quit", "221 2.0.0 bye");
        this.#socket.end();
        return undefined;
      default:
        this.#say("500 5.5.1 unknown command");
    }
  }

  #capabilities(): string {
    const { extensions = MX_EXTENSIONS, tlsExtensions = extensions, starttls = "offer" } = this.#world.behaviour();
    const offered = [...(this.#protocol === null ? extensions : tlsExtensions)];
    if (this.#world.tls !== null && this.#protocol === null && starttls === "offer") offered.push("STARTTLS");
    const lines = [this.#world.name, ...offered];
    return lines.map((text, index) => `250${index === lines.length - 1 ? " " : "-"}${text}`).join("\r\n");
  }

  #starttls(): void {
    const { injectAfterStarttls, faults } = this.#world.behaviour();
    if (this.#world.tls === null) return this.#say("502 5.5.1 no TLS here");
    const injected = injectAfterStarttls === undefined ? "" : `\r\n${injectAfterStarttls}`;
    this.#answer("starttls", `220 2.0.0 go ahead${injected}`);
    if (faults?.starttls !== undefined) return undefined;
    const raw = this.#raw;
    raw.removeAllListeners("data");
    const { handshake } = faults ?? {};
    if (handshake !== undefined) {
      raw.once("data", () => this.#misbehave(handshake, ""));
      raw.on("data", (chunk: Buffer) => this.#world.saw(chunk, null));
      return undefined;
    }
    const secure = new TLSSocket(raw, { ...this.#world.tls, isServer: true });
    secure.once("secure", () => (this.#protocol = secure.getProtocol()));
    secure.on("close", () => raw.destroy());
    this.#input = Buffer.alloc(0);
    this.#socket = secure;
    this.#listen();
  }

  #rcpt(recipient: { readonly path: string; readonly params: string }): void {
    const { greylist = false, refuseAll, recipients = {} } = this.#world.behaviour();
    const localPart = recipient.path.slice(0, recipient.path.lastIndexOf("@"));
    const pair = `${this.#mail?.path ?? ""} ${recipient.path}`;
    const isGrey = greylist && this.#world.isGreylisted(pair);
    const reply = refuseAll ?? recipients[localPart] ?? (isGrey ? "450 4.7.1 try again later" : "250 2.1.5 ok");
    if (reply.startsWith("2")) this.#rcpts.push(recipient);
    this.#answer("rcpt", reply);
  }

  #data(): void {
    const isRefused = this.#rcpts.length === 0;
    this.#answer("data", isRefused ? "554 5.5.1 no valid recipients" : "354 go on");
    const fault = this.#world.behaviour().faults?.data;
    const saysGo = fault === undefined || fault.kind === "extra" || fault.kind === "silent";
    this.#isBody = saysGo && !isRefused;
    this.#bodyChunks = [];
    this.#bodyBytes = 0;
    // The line end of DATA itself, so that a message without a line is seen to end.
    this.#bodyTail = Buffer.from("\r\n");
  }

  /** Faults of the phase `body` strike with the first bytes of the body. */
  #bodyFault(): void {
    const fault = this.#world.behaviour().faults?.body;
    if (fault !== undefined) this.#answer("body", "250 too early");
  }

  #body(): boolean {
    const searched = Buffer.concat([this.#bodyTail, this.#input]);
    const found = searched.indexOf(END_OF_DATA);
    this.#bodyChunks.push(this.#input);
    const end = this.#bodyBytes - this.#bodyTail.length + found + 2;
    this.#bodyBytes += this.#input.length;
    this.#bodyTail = searched.subarray(-4);
    this.#input = Buffer.alloc(0);
    if (found < 0) return false;
    const whole = Buffer.concat(this.#bodyChunks);
    const stuffed = whole.subarray(0, end).toString("latin1");
    this.#input = whole.subarray(end + 3);
    this.#isBody = false;
    const fault = this.#world.behaviour().faults?.dot;
    const isMute = fault?.kind === "drop-before" || fault?.kind === "stall" || fault?.kind === "silent";
    const reply = fault?.kind === "reply" ? fault.text : "250 2.0.0 taken";
    this.#world.took({
      mailFrom: this.#mail?.path ?? "",
      rcptTo: this.#rcpts.map(({ path }) => path),
      params: { mail: this.#mail?.params ?? "", rcpt: this.#rcpts.map(({ params }) => params) },
      bytes: Buffer.from(stuffed.replaceAll(/^\./gm, ""), "latin1"),
      tls: this.#protocol,
      at: Date.now(),
      reply: isMute ? null : reply,
    });
    this.#answer("dot", "250 2.0.0 taken");
    return true;
  }

  /** Gives the answer of a phase, or what its fault makes of it. */
  #answer(phase: MxPhase, text: string): void {
    const fault = this.#world.behaviour().faults?.[phase];
    if (fault === undefined) this.#say(text);
    else this.#misbehave(fault, text);
  }

  #misbehave(fault: MxFault, text: string): void {
    switch (fault.kind) {
      case "reply":
        return this.#say(fault.text);
      case "drop-before":
        this.#isDeaf = true;
        this.#socket.destroy();
        return undefined;
      case "drop-after":
        this.#isDeaf = true;
        this.#socket.end(`${text}\r\n`);
        return undefined;
      case "stall":
        this.#isDeaf = true;
        this.#socket.pause();
        return undefined;
      case "silent":
        return undefined;
      case "extra":
        return this.#say(`${text}\r\n${fault.text}`);
      case "beneath":
        this.#raw.write(`${fault.text}\r\n`);
        return undefined;
      case "giant":
        for (let line = 1; line < fault.lines; line++) this.#say(`250-${"x".repeat(fault.lineBytes)}`);
        return this.#say(`250 ${"x".repeat(fault.lineBytes)}`);
      case "endless":
        this.#isDeaf = true;
        return this.#endless();
    }
  }

  #endless(): void {
    if (this.#socket.destroyed) return;
    const isRoom = this.#socket.write("250-and on\r\n".repeat(16));
    if (isRoom) setImmediate(() => this.#endless());
    else this.#socket.once("drain", () => this.#endless());
  }

  #say(text: string): void {
    if (this.#socket.writable) this.#socket.write(`${text}\r\n`);
  }
}

/** `MAIL FROM:<path> params` in its two halves. */
function splitPath(line: string): { readonly path: string; readonly params: string } {
  const match = /^[^<]*<(.*?)>(?: (.*))?$/.exec(line);
  return { path: match?.[1] ?? "", params: match?.[2] ?? "" };
}
