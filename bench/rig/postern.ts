/** Postern as an operator runs it: `serve` of the built code, its own configuration, keys, log file and data on the disk. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { greetingOf } from "./greeting.ts";
import { DKIM_SELECTOR, INTERNAL_FIELD, OWN_DOMAIN } from "./mails.ts";
import type { Peer, RunningPeer, Task } from "./peer.ts";
import { endTree } from "./processes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const CLI = join(ROOT, "dist/cli/cli.js");
const START_MS = 60_000;
const STOP_MS = 40_000;
/** Nobody listens there. */
const DEAD_PORT = 1;

export const postern: Peer = {
  name: "Postern",
  start: async (task) => startPostern({ folder: writePosternFolder(task, await freePort()) }),
};

export type PosternFolder = { readonly path: string; readonly port: number };

/** Keys and configuration; `data` inside is where it will keep its state. */
export function writePosternFolder(task: Task, port: number, changes: Record<string, unknown> = {}): PosternFolder {
  const { site, deliverTo } = task;
  const path = site.newFolder("postern");
  mkdirSync(join(path, "keys"), { mode: 0o700 });
  for (const name of ["spool", "addresses"]) {
    writeFileSync(join(path, "keys", `${name}.key`), randomBytes(32).toString("hex"), { mode: 0o600 });
  }
  const config = {
    version: 1,
    hostname: "gateway.clinic.test",
    data_dir: "data",
    own_domains: [OWN_DOMAIN],
    listen: {
      address: "127.0.0.1",
      port,
      tls: { certificate: `file:${site.certPath}`, key: `file:${site.keyPath}` },
      plaintext_networks: ["127.0.0.0/8"],
    },
    submitters: [{ name: "local", networks: ["127.0.0.0/8"], proof: { own_network: true } }],
    keys: { spool: "file:keys/spool.key", addresses: "file:keys/addresses.key" },
    dlp: { packs: [join(ROOT, "config/dlp/us-hipaa.yaml")] },
    delivery: {
      tls: { ca_file: site.caPath },
      smarthosts: [{ host: "127.0.0.1", port: deliverTo.kind === "sink" ? deliverTo.port : DEAD_PORT }],
      paused: deliverTo.kind === "held",
      allow_private_destinations: true,
    },
    ...(task.signsWithDkim
      ? {
          dkim: [{ domain: OWN_DOMAIN, selector: DKIM_SELECTOR, key: `file:${site.dkimKeyPath}` }],
          strip_headers: [INTERNAL_FIELD],
        }
      : {}),
    control: { socket: join(path, "control.sock") },
    ...changes,
  };
  // JSON is YAML 1.2.
  writeFileSync(join(path, "postern.yaml"), `${JSON.stringify(config, null, 2)}\n`);
  return { path, port };
}

export type StartOptions = {
  readonly folder: PosternFolder;
  /** Runs the service under another program, such as strace. */
  readonly under?: readonly string[];
  /** Options of node itself, such as --cpu-prof. */
  readonly nodeOptions?: readonly string[];
};

export async function startPostern(options: StartOptions): Promise<RunningPeer> {
  const { folder, under = [], nodeOptions = shippedOptions() } = options;
  const logPath = join(folder.path, "log.jsonl");
  const log = openSync(logPath, "a");
  const [program, ...args] = [
    ...under,
    process.execPath,
    ...nodeOptions,
    CLI,
    "serve",
    "--config",
    join(folder.path, "postern.yaml"),
  ];
  if (program === undefined) throw new Error("nothing to start");
  const child = spawn(program, args, { stdio: ["ignore", log, log], env: { PATH: process.env["PATH"] } });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} cannot be started`);
  let isAlive = true;
  child.once("exit", () => (isAlive = false));
  // A tracer that is told to end would let go of what it traces: the service itself is told.
  const stop = async (): Promise<void> => endTree(pid, STOP_MS, under.length === 0 ? 0 : 1);
  try {
    const greetedAfterMs = await greetingOf(folder.port, START_MS, () => isAlive);
    return { port: folder.port, pids: [pid], greetedAfterMs, stop };
  } catch (error) {
    await stop();
    throw new Error(`Postern did not start:\n${readFileSync(logPath, "utf8").slice(-2_000)}`, { cause: error });
  }
}

/**
 * As the shipped unit starts it. POSTERN_BENCH_NODE_OPTIONS="--cpu-prof --cpu-prof-dir=/var/tmp/prof" adds to that, to profile
 * the service while it is measured.
 */
function shippedOptions(): readonly string[] {
  const unit = readFileSync(join(ROOT, "systemd/postern.service"), "utf8");
  const shipped = /^ExecStart=\S+\/node ((?:--\S+ )*)\S+cli\.js serve/m.exec(unit)?.[1];
  if (shipped === undefined) throw new Error("systemd/postern.service starts something else");
  const own = process.env["POSTERN_BENCH_NODE_OPTIONS"] ?? "";
  return `${shipped} ${own}`.split(" ").filter((option) => option !== "");
}
