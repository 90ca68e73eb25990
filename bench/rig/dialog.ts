/** One SMTP session as a client that measures: commands one by one, the body as blocks, and the time of the last reply. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { RECIPIENT, SENDER } from "./mails.ts";

const PATIENCE_MS = 180_000;

export class Dialog {
  #socket: Socket;
  #received = "";
  #onReply: ((reply: string) => void) | null = null;
  #failure: Error | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#attach();
  }

  static async open(port: number, options: { readonly tls?: boolean } = {}): Promise<Dialog> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const dialog = new Dialog(socket);
    await dialog.#reply();
    await dialog.command("EHLO source.clinic.test");
    if (options.tls === true) await dialog.#secure();
    return dialog;
  }

  async command(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`);
    return await this.#reply();
  }

  /** Envelope and body up to the final dot; what is left is `dot`. Dots at the begin of a line are the caller's concern. */
  async upToDot(blocks: Iterable<Uint8Array>, recipient = RECIPIENT): Promise<void> {
    await this.command(`MAIL FROM:<${SENDER}>`);
    await this.command(`RCPT TO:<${recipient}>`);
    await this.command("DATA");
    for (const block of blocks) if (!this.#socket.write(block)) await this.#drained();
    // The clock starts when the body has left this process.
    await new Promise((resolve) => this.#socket.write("", resolve));
  }

  /** Milliseconds from the final dot to its 250. */
  async dot(): Promise<number> {
    const begin = performance.now();
    await this.command(".");
    return performance.now() - begin;
  }

  close(): void {
    this.#socket.end("QUIT\r\n");
    this.#socket.resume();
  }

  async #drained(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    await once(this.#socket, "drain");
  }

  async #secure(): Promise<void> {
    await this.command("STARTTLS");
    this.#socket.removeAllListeners();
    const secured = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    await once(secured, "secureConnect");
    secured.setNoDelay(true);
    this.#socket = secured;
    this.#attach();
    await this.command("EHLO source.clinic.test");
  }

  #attach(): void {
    const fail = (error: Error): void => {
      this.#failure ??= error;
      this.#onReply?.("");
    };
    this.#socket.on("error", fail);
    this.#socket.on("close", () => fail(new Error("the server closed the connection")));
    this.#socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
      const end = /^\d{3} .*\r\n/m.exec(this.#received);
      if (end === null) return;
      const reply = this.#received;
      this.#received = "";
      this.#onReply?.(reply);
    });
  }

  async #reply(): Promise<string> {
    if (this.#failure !== null) throw this.#failure;
    const reply = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the server is silent")), PATIENCE_MS);
      this.#onReply = (text) => {
        clearTimeout(timer);
        resolve(text);
      };
    });
    this.#onReply = null;
    if (this.#failure !== null) throw this.#failure;
    if (!/^[23]/.test(reply)) throw new Error(`the server refused: ${reply.trim()}`);
    return reply;
  }
}
