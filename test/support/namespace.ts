/**
 * Runs a script of the tests in a network and a mount namespace of its own: nothing but loopback, and a resolv.conf that names a resolver the
 * script starts there on port 53. For programs that ask the system's resolver.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./peers.ts";

const UNSHARE = "/usr/bin/unshare";
const NAMESPACES = ["--mount", "--net", "--propagation", "private"];

/** Empty where this machine lets us make namespaces; otherwise words for the title of what is skipped. A container may forbid it. */
export function namespaceNote(): string {
  const { status } = spawnSync(UNSHARE, [...NAMESPACES, "true"], { timeout: 10_000 });
  if (status === 0) return "";
  console.warn("tests are skipped (this machine forbids namespaces: unshare --mount --net)");
  return " (needs leave to make namespaces)";
}

/** What the script printed, a JSON value a line. Throws what it said where it did not end well. */
export async function inNamespace(script: string, args: readonly string[]): Promise<readonly unknown[]> {
  const folder = mkdtempSync(join(tmpdir(), "postern-namespace-"));
  try {
    const resolvConf = join(folder, "resolv.conf");
    writeFileSync(resolvConf, "nameserver 127.0.0.1\noptions trust-ad timeout:5 attempts:1\n");
    const prepare = 'ip link set lo up && mount --bind "$0" /etc/resolv.conf && exec "$@"';
    const command = ["/bin/sh", "-c", prepare, resolvConf, process.execPath, script, ...args];
    const { exitCode, stdout, stderr } = await run(UNSHARE, [...NAMESPACES, ...command]);
    if (exitCode !== 0) throw new Error(`${script} ended with ${exitCode}:\n${stderr}${stdout}`);
    return stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line): unknown => JSON.parse(line));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
