/** openssl s_client as a raw SMTP client under TLS: says exactly the bytes it is told, and reads replies. */
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { run } from "./peers.ts";
import type { Ran } from "./peers.ts";

type Server = { readonly host: string; readonly port: number };

const OPENSSL = "/usr/bin/openssl";
const REPLY_MS = 5_000;

/** A handshake and nothing else; the transcript says how it went. */
export function handshake({ host, port }: Server, args: readonly string[]): Promise<Ran> {
  const base = ["s_client", "-starttls", "smtp", "-connect", `${host}:${port}`];
  return run(OPENSSL, [...base, ...args], Buffer.from("QUIT\r\n"));
}

/** A dialog after STARTTLS. The EHLO that s_client says in the clear is its own; under TLS everything is the test's. */
export class OpensslDialog {
  readonly #child: ChildProcessWithoutNullStreams;
  #text = "";
  #wake: () => void = () => undefined;

  constructor({ host, port }: Server, caFile: string) {
    const trust = ["-CAfile", caFile, "-verify_return_error", "-verify_hostname", "gateway.clinic.test"];
    const args = ["s_client", "-starttls", "smtp", "-quiet", "-connect", `${host}:${port}`, ...trust];
    this.#child = spawn(OPENSSL, args, { stdio: "pipe" });
    this.#child.stdin.on("error", () => undefined);
    this.#child.stderr.resume();
    this.#child.on("exit", () => this.#wake());
    this.#child.stdout.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      this.#wake();
    });
  }

  write(bytes: string | Uint8Array): void {
    this.#child.stdin.write(bytes);
  }

  async ask(bytes: string | Uint8Array): Promise<string> {
    this.write(bytes);
    return this.reply();
  }

  /** The last line of the next reply; empty once the server has hung up. */
  async reply(): Promise<string> {
    const end = performance.now() + REPLY_MS;
    for (;;) {
      const match = /^(?:\d{3}-[^\n]*\n)*(\d{3}(?: [^\n]*)?)\n/.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match[0].length);
        return match[1]?.trim() ?? "";
      }
      if (this.#child.exitCode !== null) return "";
      if (performance.now() > end) throw new Error("no reply came");
      await this.#more();
    }
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, REPLY_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
