/**
 * A private unbound for tests: a real validating resolver over zones it holds itself, on a loopback port of its own.
 * Promises: answers pass its validator, so that AD and SERVFAIL are real; nothing is asked of any other server; the system's
 * own unbound is neither read nor touched; what was started is stopped by its process id, also when the test process ends early.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { encodeQuery } from "../../src/parts/dns/codec.ts";
import { endChild, isRunning } from "./child-end.ts";
import { TRANSPORT_DATA } from "./transport-data.ts";

export type UnboundOptions = {
  /** Text of the zone file by name of the zone. */
  readonly zones: Readonly<Record<string, string>>;
  /** DS records; a zone without one is unsigned for the validator. */
  readonly anchors: string;
  /** A free one where it is left out. */
  readonly port?: number;
  /** Lines of its server clause, such as `msg-cache-size: 64m`. */
  readonly settings?: readonly string[];
};

const UNBOUND = "/usr/sbin/unbound";
const START_MS = 10_000;
const STOP_MS = 5_000;
const PROBE_MS = 50;
const PORT_TRIES_MAX = 5;

/**
 * `secure.test` (signed), `insecure.test` (unsigned) and `bogus.test` (signed, then changed), as they lie in
 * shared/data/transport. `more` zones are unsigned.
 */
export function signedZones(more: UnboundOptions["zones"] = {}): UnboundOptions {
  const folder = join(TRANSPORT_DATA, "zones");
  const zone = (name: string): string => readFileSync(join(folder, `${name}.zone`), "utf8");
  return {
    zones: {
      "secure.test": zone("secure.test"),
      "insecure.test": zone("insecure.test"),
      "bogus.test": zone("bogus.test"),
      ...more,
    },
    anchors: readFileSync(join(folder, "anchors.ds"), "utf8"),
  };
}

export class Unbound {
  readonly folder: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #kill = (): void => this.#signal("SIGKILL");
  #stderr = "";

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
    this.#child = spawn(UNBOUND, ["-d", "-p", "-c", join(folder, "unbound.conf")], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.#child.once("error", (error) => (this.#stderr += error.message));
    process.once("exit", this.#kill);
  }

  static async start(options: UnboundOptions): Promise<Unbound> {
    for (let tries = 1; ; tries += 1) {
      const folder = mkdtempSync(join(tmpdir(), "postern-unbound-"));
      const port = options.port ?? (await freePort());
      writeFolder(folder, port, options);
      const unbound = new Unbound(folder, port);
      try {
        await unbound.#answers();
        return unbound;
      } catch (error) {
        await unbound.stop();
        // Somebody may have taken the port in between.
        if (tries === PORT_TRIES_MAX || !unbound.#stderr.includes("can't bind")) throw error;
      }
    }
  }

  /** As `dns.servers` has it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await endChild(this.#child, { ask: () => this.#signal("SIGTERM"), kill: this.#kill, afterMs: STOP_MS });
    process.off("exit", this.#kill);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    if (isRunning(this.#child)) this.#child.kill(signal);
  }

  async #answers(): Promise<void> {
    const end = performance.now() + START_MS;
    while (!(await hasAnswer(this.port))) {
      if (!isRunning(this.#child) || performance.now() > end)
        throw new Error(`unbound did not start:\n${this.#stderr}`);
      await sleep(5);
    }
  }
}

function writeFolder(folder: string, port: number, { zones, anchors, settings = [] }: UnboundOptions): void {
  writeFileSync(join(folder, "anchors.ds"), anchors);
  for (const [name, text] of Object.entries(zones)) writeFileSync(join(folder, `${name}.zone`), text);
  const clauses = [serverClause(folder, port, { zones, anchors, settings }), ...Object.keys(zones).map(zoneClause)];
  writeFileSync(join(folder, "unbound.conf"), clauses.join("\n"));
}

/** The other loopback ranges and all the world: an answer not held here is SERVFAIL at once. */
function serverClause(folder: string, port: number, { zones, anchors, settings = [] }: UnboundOptions): string {
  const unsigned = Object.keys(zones).filter((name) => !anchors.includes(`${name}.`));
  return [
    "server:",
    `  interface: 127.0.0.1`,
    `  port: ${port}`,
    `  directory: "${folder}"`,
    `  pidfile: "${join(folder, "unbound.pid")}"`,
    '  chroot: ""',
    '  username: ""',
    '  logfile: ""',
    "  use-syslog: no",
    "  verbosity: 1",
    "  do-daemonize: no",
    "  num-threads: 1",
    "  do-ip6: no",
    "  ede: yes",
    '  module-config: "validator iterator"',
    `  trust-anchor-file: "${join(folder, "anchors.ds")}"`,
    ...unsigned.map((name) => `  domain-insecure: "${name}."`),
    "  do-not-query-localhost: no",
    "  do-not-query-address: 0.0.0.0/0",
    '  local-zone: "test." nodefault',
    ...settings.map((line) => `  ${line}`),
    "remote-control:",
    "  control-enable: no",
  ].join("\n");
}

/** With `for-downstream: no` the data pass the validator, as if they had come from elsewhere. */
function zoneClause(name: string): string {
  return [
    "auth-zone:",
    `  name: "${name}."`,
    `  zonefile: "${name}.zone"`,
    "  for-downstream: no",
    "  for-upstream: yes",
    "  fallback-enabled: no",
  ].join("\n");
}

/** Anything at all, SERVFAIL too: it listens. */
function hasAnswer(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const end = (answer: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end(false), PROBE_MS);
    socket.once("error", () => end(false));
    socket.once("message", () => end(true));
    socket.connect(port, "127.0.0.1", () => socket.send(encodeQuery({ id: 1, name: "test", type: "SOA" })));
  });
}
