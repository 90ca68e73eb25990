/**
 * A server that takes everything and keeps nothing: `node sink-process.ts PORT CERT KEY`. Offers STARTTLS. Writes the number of
 * messages it took, one line each time it changed, at most a hundred times a second.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";

const [port = "", certPath = "", keyPath = ""] = process.argv.slice(2);
const secureContext = createSecureContext({ cert: readFileSync(certPath), key: readFileSync(keyPath) });
const END = Buffer.from("\r\n.\r\n");
let messages = 0;
let told = 0;

class Receiving {
  readonly #socket: Socket;
  readonly #isSecure: boolean;
  #pending = Buffer.alloc(0);
  #isData = false;

  constructor(socket: Socket, isSecure: boolean) {
    this.#socket = socket;
    this.#isSecure = isSecure;
  }

  begin(): void {
    this.#socket.setNoDelay(true);
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  #take(chunk: Buffer): void {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      if (this.#isData) {
        const end = rest.indexOf(END);
        if (end === -1) {
          this.#pending = Buffer.from(rest.subarray(Math.max(0, rest.length - 4)));
          return;
        }
        rest = rest.subarray(end + END.length);
        this.#isData = false;
        messages += 1;
        this.#socket.write("250 2.0.0 taken\r\n");
        continue;
      }
      const end = rest.indexOf("\r\n");
      if (end === -1) break;
      const verb = rest.toString("latin1", 0, 4).toUpperCase();
      rest = rest.subarray(end + 2);
      if (verb === "DATA") {
        // A message of no lines ends right behind 354: the line break before its dot is this one.
        this.#isData = true;
        this.#socket.write("354 go on\r\n");
        rest = Buffer.concat([Buffer.from("\r\n"), rest]);
      } else if (verb === "STAR" && !this.#isSecure) {
        this.#secure();
        return;
      } else this.#answer(verb);
    }
    this.#pending = Buffer.from(rest);
  }

  #answer(verb: string): void {
    if (verb === "QUIT") this.#socket.end("221 2.0.0 bye\r\n");
    else if (verb !== "EHLO") this.#socket.write("250 2.0.0 ok\r\n");
    else {
      const starttls = this.#isSecure ? "" : "250-STARTTLS\r\n";
      this.#socket.write(`250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n${starttls}250 ENHANCEDSTATUSCODES\r\n`);
    }
  }

  #secure(): void {
    this.#socket.write("220 2.0.0 go on\r\n");
    this.#socket.removeAllListeners("data");
    const secured = new TLSSocket(this.#socket, { isServer: true, secureContext });
    new Receiving(secured, true).begin();
  }
}

const server = createServer((socket) => {
  socket.write("220 sink\r\n");
  new Receiving(socket, false).begin();
});
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 1_024 });
setInterval(() => {
  if (messages !== told) process.stdout.write(`${messages}\n`);
  told = messages;
}, 10);
