/**
 * A private Postfix for tests: own configuration, queue, data and log in a temporary folder, own loopback ports, no chroot.
 * Promises: the system's own Postfix is neither read nor touched; what was started is stopped by its process id, also when
 * the test process ends early. Needs root, because Postfix changes to users of its own.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endChild, isRunning } from "./child-end.ts";
import { run } from "./peers.ts";

type Settings = Readonly<Record<string, string>>;

export type PostfixListener = {
  readonly address: string;
  readonly port: number;
  /** Laid over main.cf for this listener. */
  readonly settings?: Settings;
};

export type PostfixOptions = {
  /** Its `myhostname`. */
  readonly name: string;
  readonly listeners: readonly PostfixListener[];
  /** Lines of main.cf; `$config_directory` names the folder of `files`. */
  readonly settings: Settings;
  /** Lookup tables, keys and certificates beside main.cf. */
  readonly files?: Settings;
  /** Where its folder is made; default: the folder for temporary files. */
  readonly parent?: string;
};

/** One message as virtual(8) delivered it. */
export type PostfixDelivery = {
  readonly bytes: Buffer;
  /** Value of the X-Original-To that virtual(8) wrote on top. */
  readonly originalTo: string;
  /** Value of the Return-Path it wrote: the envelope sender. */
  readonly returnPath: string;
};

const MASTER = "/usr/lib/postfix/sbin/master";
const SENDMAIL = "/usr/sbin/sendmail";
const POSTQUEUE = "/usr/sbin/postqueue";
const START_MS = 10_000;
const STOP_MS = 5_000;
/** Debian's `nobody` and `nogroup`: owner of the mailbox. */
const NOBODY = 65_534;

const QUEUE_FOLDERS = [
  ["active", 0o700],
  ["bounce", 0o700],
  ["corrupt", 0o700],
  ["defer", 0o700],
  ["deferred", 0o700],
  ["flush", 0o700],
  ["hold", 0o700],
  ["incoming", 0o700],
  ["private", 0o700],
  ["saved", 0o700],
  ["trace", 0o700],
  ["maildrop", 0o730],
  ["public", 0o710],
] as const;

/** Name, type, wake-up time and process limit of each service; chroot off for all. */
const SERVICES = [
  "pickup unix n - n 60 1 pickup",
  "cleanup unix n - n - 0 cleanup",
  "qmgr unix n - n 300 1 qmgr",
  "tlsmgr unix - - n 1000? 1 tlsmgr",
  "rewrite unix - - n - - trivial-rewrite",
  "bounce unix - - n - 0 bounce",
  "defer unix - - n - 0 bounce",
  "trace unix - - n - 0 bounce",
  "flush unix n - n 1000? 0 flush",
  "proxymap unix - - n - - proxymap",
  "smtp unix - - n - - smtp",
  "error unix - - n - - error",
  "retry unix - - n - - error",
  "discard unix - - n - - discard",
  "virtual unix - n n - - virtual",
  "anvil unix - - n - 1 anvil",
  "scache unix - - n - 1 scache",
  "showq unix n - n - - showq",
  "postlog unix-dgram n - n - 1 postlogd",
] as const;

export class Postfix {
  readonly folder: string;
  readonly #master: ChildProcess;
  readonly #kill = (): void => this.#signal("SIGKILL");
  #stderr = "";

  private constructor(folder: string) {
    this.folder = folder;
    // A process group of its own: master hands its signals on to its children.
    this.#master = spawn(MASTER, ["-c", join(folder, "etc"), "-d"], {
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
    this.#master.stderr?.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    process.once("exit", this.#kill);
  }

  static async start(options: PostfixOptions): Promise<Postfix> {
    const folder = mkdtempSync(join(options.parent ?? tmpdir(), "postern-postfix-"));
    await writeFolder(folder, options);
    const postfix = new Postfix(folder);
    try {
      await Promise.all(options.listeners.map((listener) => postfix.#greets(listener)));
    } catch (error) {
      await postfix.stop();
      throw error;
    }
    return postfix;
  }

  /** Root of its process tree. */
  get pid(): number {
    if (this.#master.pid === undefined) throw new Error("Postfix could not be started");
    return this.#master.pid;
  }

  get log(): string {
    try {
      return readFileSync(join(this.folder, "mail.log"), "utf8");
    } catch {
      // Written by postlogd with the first line.
      return "";
    }
  }

  /** Everything delivered so far, in no order. */
  get deliveries(): readonly PostfixDelivery[] {
    const box = join(this.folder, "mail", "box", "new");
    let names: readonly string[];
    try {
      names = readdirSync(box);
    } catch {
      // virtual(8) makes it with the first delivery.
      return [];
    }
    return names.map((name) => deliveryOf(readFileSync(join(box, name))));
  }

  deliveriesTo(address: string): readonly PostfixDelivery[] {
    return this.deliveries.filter(({ originalTo }) => originalTo.toLowerCase() === address.toLowerCase());
  }

  /** Hands a message over with sendmail(1), as programs on its own machine do; lines end with LF. */
  async sendmail(args: readonly string[], message: string): Promise<void> {
    const ran = await run(SENDMAIL, ["-C", join(this.folder, "etc"), ...args], Buffer.from(message));
    if (ran.exitCode !== 0) throw new Error(`sendmail ended with ${ran.exitCode}: ${ran.stderr}`);
  }

  /** Entries of its queue as postqueue(1) -j prints them. */
  async queue(): Promise<readonly unknown[]> {
    const ran = await run(POSTQUEUE, ["-c", join(this.folder, "etc"), "-j"]);
    return ran.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line): unknown => JSON.parse(line));
  }

  async stop(): Promise<void> {
    await endChild(this.#master, { ask: () => this.#signal("SIGTERM"), kill: this.#kill, afterMs: STOP_MS });
    process.off("exit", this.#kill);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.#master;
    if (pid === undefined || !isRunning(this.#master)) return;
    process.kill(signal === "SIGKILL" ? -pid : pid, signal);
  }

  async #greets({ address, port }: PostfixListener): Promise<void> {
    const end = performance.now() + START_MS;
    while (!(await hasGreeting(address, port))) {
      if (!isRunning(this.#master) || performance.now() > end) {
        throw new Error(`Postfix did not start:\n${this.#stderr}${this.log}`);
      }
      await sleep(10);
    }
  }
}

async function writeFolder(folder: string, options: PostfixOptions): Promise<void> {
  const { uid, gid } = await accountOf("postfix");
  const postdrop = await groupOf("postdrop");
  // Postfix's own users must be able to walk through.
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "etc"));
  mkdirSync(join(folder, "queue", "pid"), { recursive: true });
  for (const [name, mode] of QUEUE_FOLDERS) {
    const path = join(folder, "queue", name);
    mkdirSync(path);
    chownSync(path, uid, mode === 0o700 ? gid : postdrop);
    chmodSync(path, mode);
  }
  for (const [name, owner] of [
    ["data", uid],
    ["mail", NOBODY],
  ] as const) {
    mkdirSync(join(folder, name), { mode: 0o700 });
    chownSync(join(folder, name), owner, owner === uid ? gid : NOBODY);
  }
  writeFileSync(
    join(folder, "etc", "main.cf"),
    linesOf({ ...baseSettings(folder), myhostname: options.name, ...options.settings }),
  );
  writeFileSync(join(folder, "etc", "master.cf"), masterCf(options.listeners));
  for (const [name, text] of Object.entries(options.files ?? {})) {
    writeFileSync(join(folder, "etc", name), text, { mode: name.endsWith(".key") ? 0o600 : 0o644 });
  }
  // Postfix waits while a file is younger than two seconds, lest it read one half written.
  for (const name of readdirSync(join(folder, "etc"))) utimesSync(join(folder, "etc", name), 0, 0);
}

function baseSettings(folder: string): Settings {
  return {
    compatibility_level: "3.6",
    queue_directory: join(folder, "queue"),
    data_directory: join(folder, "data"),
    maillog_file: join(folder, "mail.log"),
    maillog_file_prefixes: folder,
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    mydestination: "",
    local_recipient_maps: "",
    alias_maps: "",
    // Mail of others goes through as it came.
    local_header_rewrite_clients: "",
    message_size_limit: "52428800",
    mailbox_size_limit: "0",
    virtual_mailbox_limit: "0",
    virtual_mailbox_base: join(folder, "mail"),
    virtual_uid_maps: `static:${NOBODY}`,
    virtual_gid_maps: `static:${NOBODY}`,
    smtp_host_lookup: "native",
    // All tests come from one address.
    smtpd_client_connection_count_limit: "0",
    smtpd_peername_lookup: "no",
  };
}

function linesOf(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");
}

function masterCf(listeners: readonly PostfixListener[]): string {
  const smtpd = listeners.map(({ address, port, settings = {} }) => {
    const options = Object.entries(settings).map(([name, value]) => `\n  -o { ${name} = ${value} }`);
    return `${address}:${port} inet n - n - - smtpd${options.join("")}`;
  });
  return `${[...smtpd, ...SERVICES].join("\n")}\n`;
}

/** Just Postfix's own three fields on top; the rest is what came by SMTP. */
function deliveryOf(bytes: Buffer): PostfixDelivery {
  const head = bytes.subarray(0, 4096).toString("utf8");
  const returnPath = /^Return-Path: <(.*)>$/m.exec(head)?.[1];
  const originalTo = /^X-Original-To: (.*)$/m.exec(head)?.[1];
  if (returnPath === undefined || originalTo === undefined) throw new Error("not a delivery of virtual(8)");
  return { bytes, returnPath, originalTo };
}

function hasGreeting(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(START_MS, () => end(false));
    socket.once("error", () => end(false));
    socket.once("data", (chunk) => end(chunk.toString("latin1").startsWith("220 ")));
  });
}

async function accountOf(name: string): Promise<{ readonly uid: number; readonly gid: number }> {
  const [, , uid, gid] = (await run("/usr/bin/getent", ["passwd", name])).stdout.split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

async function groupOf(name: string): Promise<number> {
  return Number((await run("/usr/bin/getent", ["group", name])).stdout.split(":")[2]);
}
