/** The next server, as a process of its own: Postfix's smtp-sink where all is plain, our own where STARTTLS is wanted. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { greetingOf } from "./greeting.ts";
import type { Site } from "./site.ts";

const START_MS = 10_000;
/** Nothing more came for so long: what is missing will not come. */
const STALL_MS = 15_000;

export type Taken = { readonly messages: number; readonly atMs: number };

export class Sink {
  readonly port: number;
  readonly #child: ChildProcess;
  #messages = 0;
  #changedMs = performance.now();

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
    child.stdout?.on("data", (chunk: Buffer) => this.#count(chunk.toString("latin1")));
  }

  static async start(site: Site, { tls }: { readonly tls: boolean }): Promise<Sink> {
    const port = await freePort();
    const child = tls
      ? spawn(
          process.execPath,
          [join(import.meta.dirname, "sink-process.ts"), String(port), site.certPath, site.keyPath],
          {
            stdio: ["ignore", "pipe", "inherit"],
          },
        )
      : spawn("/usr/sbin/smtp-sink", ["-u", "postfix", "-c", `127.0.0.1:${port}`, "1000"], {
          stdio: ["ignore", "pipe", "inherit"],
        });
    const sink = new Sink(port, child);
    await greetingOf(port, START_MS, () => child.exitCode === null);
    return sink;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Resolves once it has taken as many in all, or no more come. `atMs` is when the last one was seen. */
  async upTo(messages: number): Promise<Taken> {
    while (this.#messages < messages && performance.now() - this.#changedMs < STALL_MS) await sleep(5);
    return { messages: this.#messages, atMs: this.#changedMs };
  }

  /** The wait for the next message begins now. */
  rearm(): void {
    this.#changedMs = performance.now();
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  /** smtp-sink writes `sess=…\tquit=…\tmesg=…`, ours a number; the last one counts. */
  #count(text: string): void {
    const numbers = [...text.matchAll(/(?:mesg=\s*|^)(\d+)(?=\s)/gm)];
    const last = numbers.at(-1)?.[1];
    if (last === undefined || Number(last) === this.#messages) return;
    this.#messages = Number(last);
    this.#changedMs = performance.now();
  }
}
