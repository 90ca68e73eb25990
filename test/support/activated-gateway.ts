/**
 * The gateway behind sockets that somebody else listens on, as a socket unit does it: systemd-socket-activate opens them and keeps
 * them through a small shell, which runs one life of the service after the other on the same sockets.
 */
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";

/** One life for each line of standard input. LISTEN_PID names the process that the sockets are meant for. */
const LIVES = `while read -r _; do sh -c 'export LISTEN_PID=$$; echo "life $$"; exec "$@"' sh "$@" </dev/null; echo "over $?"; done`;
const PATIENCE_MS = 15_000;

export type Activation = {
  /** Such as `127.0.0.1:2525`. */
  readonly listen: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  readonly command: readonly string[];
};

export class ActivatedGateway {
  readonly #holder: ChildProcessWithoutNullStreams;
  #output = "";
  #wake: () => void = () => undefined;

  private constructor({ listen, variables, command }: Activation) {
    const passed = { PATH: process.env["PATH"] ?? "", ...variables };
    const args = [
      ...listen.map((place) => `--listen=${place}`),
      ...Object.entries(passed).map(([name, value]) => `--setenv=${name}=${value}`),
    ];
    this.#holder = spawn("/usr/bin/systemd-socket-activate", [...args, "/bin/sh", "-c", LIVES, "sh", ...command], {
      // A group of its own, so that nothing of it outlives the test.
      detached: true,
    });
    const read = (chunk: Buffer): void => {
      this.#output += chunk.toString("utf8");
      this.#wake();
    };
    this.#holder.stdout.on("data", read);
    this.#holder.stderr.on("data", read);
    this.#holder.stdin.on("error", () => undefined);
  }

  /** Resolves when the sockets listen; the service itself comes with the first connection, once a life was granted. */
  static async open(activation: Activation): Promise<ActivatedGateway> {
    const gateway = new ActivatedGateway(activation);
    await gateway.said(`as ${2 + activation.listen.length}.`);
    return gateway;
  }

  get output(): string {
    return this.#output;
  }

  /** Lets the service live once (more). */
  grantLife(): void {
    this.#holder.stdin.write("\n");
  }

  /** Ends the present life as the service manager does, and waits until it is over; gives its exit code. */
  async endLife(): Promise<number> {
    const pid = Number([...this.#output.matchAll(/^life (\d+)$/gm)].at(-1)?.[1]);
    const before = this.#overs.length;
    process.kill(pid, "SIGTERM");
    await this.#until(() => this.#overs.length > before);
    return Number(this.#overs.at(-1)?.[1]);
  }

  async said(text: string): Promise<void> {
    await this.#until(() => this.#output.includes(text));
  }

  async close(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.pid === undefined) return;
    const ended = once(this.#holder, "exit");
    process.kill(-this.#holder.pid, "SIGKILL");
    await ended;
  }

  get #overs(): readonly RegExpMatchArray[] {
    return [...this.#output.matchAll(/^over (\d+)$/gm)];
  }

  async #until(isTrue: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!isTrue()) {
      if (performance.now() > end) throw new Error(`it did not come: ${this.#output}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
