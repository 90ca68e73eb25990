/** The machine a table was made on, in a line. */
import { execFileSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

const FILE_SYSTEMS: Readonly<Record<number, string>> = { 0xef53: "ext4", 0x5846_5342: "xfs", 0x9123_683e: "btrfs" };

export function describeMachine(folder: string): string {
  const load = loadavg().map((value) => value.toFixed(1));
  return [
    `${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}`,
    `${Math.round(totalmem() / 2 ** 30)} GB`,
    FILE_SYSTEMS[statfsSync(folder).type] ?? "another file system",
    `Linux ${release()}`,
    `Node ${process.version}`,
    ...["postfix", "rspamd"].map((name) => `${name} ${versionOf(name)}`),
    `load before ${load.join(" ")}`,
  ].join(", ");
}

function versionOf(debianPackage: string): string {
  try {
    return execFileSync("/usr/bin/dpkg-query", ["-W", "-f", "${Version}", debianPackage], {
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch {
    return "not installed";
  }
}
