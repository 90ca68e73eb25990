/** swaks, the SMTP test client, run against a listener; what it said is read from its transcript. */
import { run } from "./peers.ts";

export type Swaks = {
  /** swaks' own: 0 when the server took the message. */
  readonly exitCode: number;
  readonly transcript: string;
  /** Last line of each reply of the server, in order. */
  readonly replies: readonly string[];
};

/** One dialog; `args` are options of swaks beyond the server. */
export async function swaks(
  server: { readonly host: string; readonly port: number },
  args: readonly string[],
): Promise<Swaks> {
  const base = ["--server", server.host, "--port", String(server.port), "--helo", "swaks.test", "--timeout", "10"];
  const { exitCode, stdout, stderr } = await run("/usr/bin/swaks", [...base, ...args]);
  const transcript = stdout + stderr;
  // `<-`, `<~` under TLS and `<*` for a refusal; `-` after the code is a line before the last.
  const replies = [...transcript.matchAll(/^<[-~*]{1,2} +(\d{3}(?: .*)?)$/gm)].map(([, reply = ""]) => reply.trim());
  return { exitCode, transcript, replies };
}
