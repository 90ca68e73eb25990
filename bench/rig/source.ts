/** The load: Postfix's smtp-source where all is plain, our own where STARTTLS is wanted; either keeps its sessions open. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { RECIPIENT, SENDER } from "./mails.ts";
import type { Site } from "./site.ts";

export type Load = {
  readonly port: number;
  readonly sessions: number;
  readonly messages: number;
  readonly tls: boolean;
  readonly mail: Buffer;
};

/** Sessions stay open; the mail comes from a file, whose path follows. */
const FLAGS = ["-d", "-f", SENDER, "-t", RECIPIENT, "-F"] as const;

let files = 0;

/** Seconds until the last 250; rejects where a mail was refused. */
export async function sendLoad(site: Site, load: Load): Promise<number> {
  files += 1;
  const path = join(site.folder, `mail-${files}.eml`);
  // smtp-source wants the line ends of Unix, and makes those of SMTP.
  writeFileSync(path, load.tls ? load.mail : load.mail.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
  const begin = performance.now();
  const { port, sessions, messages, tls } = load;
  const child = tls
    ? spawn(process.execPath, [
        join(import.meta.dirname, "source-process.ts"),
        JSON.stringify({ port, sessions, messages, tls, mail: path }),
      ])
    : spawn("/usr/sbin/smtp-source", [...FLAGS, path, `-s${sessions}`, `-m${messages}`, `127.0.0.1:${port}`]);
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`the load ended with ${code}: ${said.slice(0, 500)}`);
  return tls ? (JSON.parse(said) as { seconds: number }).seconds : (performance.now() - begin) / 1_000;
}
