/** Postfix's posttls-finger with a configuration of its own: the package, installed without one, leaves no main.cf for it to read. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./peers.ts";

const WRITTEN = new Date("2020-01-01T00:00:00Z");
const LEVEL = /(Verified|Trusted|Untrusted|Anonymous) TLS connection established/;

/** What it says of the connection; undefined where there was no TLS. */
export async function posttlsFinger(args: readonly string[]): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "postern-finger-"));
  try {
    const path = join(folder, "main.cf");
    writeFileSync(path, "compatibility_level = 3.6\n");
    // Postfix waits over a second for one that was just written: it may not be whole.
    utimesSync(path, WRITTEN, WRITTEN);
    const { stdout, stderr } = await run("/usr/bin/env", [
      `MAIL_CONFIG=${folder}`,
      "/usr/sbin/posttls-finger",
      "-c",
      ...args,
    ]);
    return LEVEL.exec(stdout + stderr)?.[1];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
