/**
 * Tells the service manager how the service is (sd_notify(3)): ready, reloading, stopping, alive, a line of status.
 * Node has no Unix datagram sockets, so each word is one run of systemd-notify; NotifyAccess=all lets it speak for us.
 * Promises: words arrive in the order they were said; a word that cannot be told is logged and harms nothing. What the
 * status says are numbers only.
 */
import { execFile } from "node:child_process";
import type { Log } from "../../core/log.ts";

/** systemd-notify itself waits up to 5 s until the manager has read the word. */
const TELL_TIMEOUT_MS = 8_000;

export interface Supervisor {
  /** How long the service may be silent, milliseconds; null: for ever. */
  readonly watchdogMs: number | null;
  ready(): Promise<void>;
  reloading(): Promise<void>;
  stopping(): Promise<void>;
  /** A word of life for the watchdog. */
  alive(status: string): Promise<void>;
}

export type NotifierOptions = {
  /** As in $NOTIFY_SOCKET. */
  readonly socket: string;
  readonly watchdogMs: number | null;
  readonly pid: number;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly monotonicUs: () => bigint;
  /** Where programs are looked for, as in $PATH. */
  readonly searchPath: string;
  readonly log: Log;
};

export class Notifier implements Supervisor {
  readonly watchdogMs: number | null;
  readonly #options: NotifierOptions;
  #last: Promise<void> = Promise.resolve();
  #isHeard = true;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.watchdogMs = options.watchdogMs;
  }

  ready(): Promise<void> {
    return this.#tell(() => ["READY=1", `MAINPID=${this.#options.pid}`, "STATUS=serving"]);
  }

  /** The time stamp is what Type=notify-reload asks for; managers that do not know it leave it. */
  reloading(): Promise<void> {
    return this.#tell(() => ["RELOADING=1", `MONOTONIC_USEC=${this.#options.monotonicUs()}`]);
  }

  stopping(): Promise<void> {
    return this.#tell(() => ["STOPPING=1", "STATUS=draining"]);
  }

  alive(status: string): Promise<void> {
    return this.#tell(() => [...(this.watchdogMs === null ? [] : ["WATCHDOG=1"]), `STATUS=${status}`]);
  }

  #tell(word: () => readonly string[]): Promise<void> {
    this.#last = this.#last.then(() => this.#run(word()));
    return this.#last;
  }

  async #run(words: readonly string[]): Promise<void> {
    const { socket, searchPath, log } = this.#options;
    const error = await new Promise<Error | null>((resolve) => {
      const env = { NOTIFY_SOCKET: socket, PATH: searchPath };
      const options = { env, timeout: TELL_TIMEOUT_MS, killSignal: "SIGKILL", maxBuffer: 65_536 } as const;
      try {
        execFile("systemd-notify", [...words], options, (failure) => resolve(failure));
      } catch (failure) {
        resolve(failure instanceof Error ? failure : new Error("spawn"));
      }
    });
    if (error === null && !this.#isHeard) log.info("service_manager_reached");
    // Once for a row of failures: the watchdog speaks several times a minute.
    if (error !== null && this.#isHeard)
      log.error("service_manager_unreachable", { code: "PST-SVC-001", why: whyOf(error) });
    this.#isHeard = error === null;
  }
}

/** ENOENT, an exit code, or the signal that ended it. */
function whyOf(error: Error): string {
  if ("code" in error && (typeof error.code === "string" || typeof error.code === "number")) return String(error.code);
  return "signal" in error && typeof error.signal === "string" ? error.signal : error.name;
}
