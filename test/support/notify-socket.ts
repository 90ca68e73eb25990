/**
 * The service manager's end of sd_notify(3): a Unix datagram socket that systemd-notify really writes to. Node cannot open one,
 * so a few lines of Perl (in every Debian) receive and print what comes.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One line a datagram. Descriptors that come along, as those of a barrier, are closed by the kernel: nobody asks for them. */
const RECEIVE = `
  use IO::Socket::UNIX;
  my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "no socket: $!";
  $| = 1;
  print "listening\\n";
  while (defined $socket->recv(my $word, 65536)) { $word =~ s/\\n/|/g; print "$word\\n"; }
`;
const PATIENCE_MS = 10_000;

export class NotifySocket {
  readonly path: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  #text = "";
  #wake: () => void = () => undefined;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "postern-notify-"));
    this.path = join(this.#folder, "notify");
    const child = spawn("/usr/bin/perl", ["-e", RECEIVE, this.path], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("utf8");
      this.#wake();
    });
    this.#child = child;
  }

  static async open(): Promise<NotifySocket> {
    const socket = new NotifySocket();
    await socket.#until(() => socket.#text.includes("listening\n"));
    return socket;
  }

  /** What was said so far: the assignments of each datagram, the barriers left out. */
  get words(): readonly (readonly string[])[] {
    const lines = this.#text.split("\n").slice(1, -1);
    return lines
      .map((line) => line.split("|").filter((word) => word !== ""))
      .filter(([first]) => first !== "BARRIER=1");
  }

  /** The first datagram with this assignment, once `from` others were heard. */
  async heard(assignment: string, from = 0): Promise<readonly string[]> {
    const find = (): readonly string[] | undefined =>
      this.words.slice(from).find((words) => words.includes(assignment));
    await this.#until(() => find() !== undefined);
    return find() ?? [];
  }

  async close(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
    rmSync(this.#folder, { recursive: true });
  }

  async #until(isTrue: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!isTrue()) {
      if (performance.now() > end) throw new Error("the word did not come");
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
