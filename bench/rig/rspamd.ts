/**
 * Postfix with rspamd as its milter, doing the work Postern does: rules over the decoded text of every part, and a DKIM signature.
 * Everything else rspamd could do is off. The rules are the patterns and word lists of the rule pack Postern ships.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { run } from "../../test/support/peers.ts";
import { DKIM_SELECTOR, OWN_DOMAIN } from "./mails.ts";
import type { Peer, RunningPeer, Task } from "./peer.ts";
import { startPostfix } from "./postfix.ts";
import { endTree } from "./processes.ts";

const PACK = resolve(import.meta.dirname, "../../config/dlp/us-hipaa.yaml");
const PROGRAM = "/usr/bin/rspamd";
const START_MS = 60_000;
const WORKERS = 2;

export const postfixRspamd: Peer = {
  name: "Postfix + rspamd",
  async start(task) {
    const begin = performance.now();
    const rspamd = await startRspamd(task);
    const postfix = await startPostfix(task, {
      smtpd_milters: `inet:127.0.0.1:${rspamd.port}`,
      milter_default_action: "tempfail",
      milter_protocol: "6",
    });
    return {
      port: postfix.port,
      pids: [...postfix.pids, rspamd.pid],
      greetedAfterMs: performance.now() - begin,
      async stop() {
        await postfix.stop();
        await rspamd.stop();
      },
    };
  },
};

type Rspamd = Pick<RunningPeer, "port" | "stop"> & { readonly pid: number };

async function startRspamd({ site }: Task): Promise<Rspamd> {
  const port = await freePort();
  const folder = site.newFolder("rspamd");
  const [, , uid = "0", gid = "0"] = (await run("/usr/bin/getent", ["passwd", "_rspamd"])).stdout.split(":");
  for (const path of [folder, join(folder, "db"), join(site.folder, "hyperscan")]) {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    chownSync(path, Number(uid), Number(gid));
  }
  const key = join(folder, "dkim.pem");
  copyFileSync(site.dkimKeyPath, key);
  chownSync(key, Number(uid), Number(gid));
  chmodSync(key, 0o600);
  writeFileSync(join(folder, "empty.lua"), "config = {}\n");
  writeFileSync(join(folder, "rspamd.conf"), configOf({ folder, site: site.folder, port, key }));
  const out = openSync(join(folder, "output"), "w");
  const args = ["-f", "-u", "_rspamd", "-g", "_rspamd", "-c", join(folder, "rspamd.conf")];
  const child = spawn(PROGRAM, args, { stdio: ["ignore", out, out] });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${PROGRAM} cannot be started; install the Debian package rspamd`);
  const stop = async (): Promise<void> => endTree(pid, 5_000);
  try {
    await listens(port);
    await compiled(join(site.folder, "hyperscan"));
  } catch (error) {
    await stop();
    throw new Error(`rspamd did not start:\n${readFileSync(join(folder, "output"), "utf8").slice(-2_000)}`, {
      cause: error,
    });
  }
  return { port, pid, stop };
}

function configOf(at: { readonly folder: string; readonly site: string; readonly port: number; readonly key: string }) {
  const { folder, site, port, key } = at;
  return `options {
  pidfile = "${folder}/pid"; filters = "dkim,regexp"; cache_file = "${folder}/db/symbols.cache"; tempdir = "${folder}";
  control_socket = "${folder}/control.sock mode=0600"; hs_cache_dir = "${site}/hyperscan"; history_rows = 1;
  explicit_modules = ["settings"]; dns { nameserver = ["127.0.0.1"]; timeout = 1s; } local_addrs = ["127.0.0.0/8"];
}
logging { type = "file"; filename = "${folder}/log"; level = "notice"; }
worker "rspamd_proxy" {
  bind_socket = "127.0.0.1:${port}"; milter = yes; timeout = 60s; count = ${WORKERS};
  upstream "local" { default = yes; self_scan = yes; }
}
lua = "${folder}/empty.lua";
modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }
actions { reject = 10000; add_header = 9999; }
dkim_signing {
  enabled = true; sign_local = true; use_domain = "header"; allow_hdrfrom_mismatch = true; check_pubkey = false;
  use_redis = false; domain { ${OWN_DOMAIN} { path = "${key}"; selector = "${DKIM_SELECTOR}"; } }
}
regexp {
${rulesOf(PACK).join("\n")}
}
`;
}

type Pack = { readonly detectors: readonly Readonly<Record<string, unknown>>[] };

/** One rule for each detector: its pattern, or its words and labels joined. {mime}: decoded text parts, tags taken off. */
function rulesOf(pack: string): readonly string[] {
  const { detectors } = parse(readFileSync(pack, "utf8")) as Pack;
  const sources = detectors.flatMap((detector) => {
    const words = ["terms", "labels", "given_names", "keywords"].flatMap((name) => (detector[name] ?? []) as string[]);
    const patterns = ["pattern", "value"].flatMap((name) =>
      typeof detector[name] === "string" ? [detector[name]] : [],
    );
    return [...patterns, ...(words.length === 0 ? [] : [`\\b(?:${words.map(escaped).join("|")})\\b`])];
  });
  return sources.map(
    (source, index) =>
      `  PHI_${index} { re = '/${source.replaceAll("/", "\\/").replaceAll("'", "\\x27")}/i{mime}'; score = 0.01; one_shot = true; group = "phi"; }`,
  );
}

function escaped(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

async function listens(port: number): Promise<void> {
  const end = performance.now() + START_MS;
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve_) => {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.once("connect", () => resolve_(true)).once("error", () => resolve_(false));
      socket.once("connect", () => socket.destroy());
    });
    if (isOpen) return;
    if (performance.now() > end) throw new Error("rspamd does not listen");
    await sleep(50);
  }
}

/** Its helper compiles the rules for Hyperscan beside the work, once for all starts of a run; before that they are slower. */
async function compiled(hyperscan: string): Promise<void> {
  const end = performance.now() + START_MS;
  while (!readdirSync(hyperscan).some((name) => name.endsWith(".hs"))) {
    if (performance.now() > end) throw new Error("rspamd did not compile its rules");
    await sleep(100);
  }
}
