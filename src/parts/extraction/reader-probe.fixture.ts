/** Stands in the place of a reader, tries what a reader must not be able to do, and says what came of it. */
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { runInThisContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { fileURLToPath } from "node:url";
import { giveUpRights } from "./sandbox.ts";

giveUpRights();

const outcomes: Record<string, string> = { environment: JSON.stringify(process.env) };

function attempt(what: string, act: () => unknown): void {
  try {
    act();
    outcomes[what] = "done";
  } catch (error) {
    outcomes[what] = codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

async function attemptLater(what: string, act: (settle: (error: unknown) => void) => void): Promise<void> {
  const error = await new Promise<unknown>((resolve) => {
    // Some of it is thrown in a later turn.
    process.once("uncaughtException", resolve);
    try {
      act(resolve);
    } catch (thrown) {
      resolve(thrown);
    }
  });
  process.removeAllListeners("uncaughtException");
  outcomes[what] = error === null ? "done" : codeOf(error);
}

attempt("read a file", () => readFileSync("/etc/hostname"));
attempt("read its own code", () => readFileSync(fileURLToPath(import.meta.url)));
attempt("list a folder", () => readdirSync("/"));
attempt("read its own memory", () => readFileSync("/proc/self/maps"));
attempt("write a file", () => writeFileSync("/tmp/postern-reader-probe", "x"));
attempt("start a process", () => spawnSync("/bin/true"));
attempt("start a thread", () => new Worker("1", { eval: true }));
attempt("make code of text", () => runInThisContext("eval('1')"));
attempt("load native code", () => process.dlopen({ exports: {} }, "/nowhere.node"));
await attemptLater("connect", (settle) =>
  connect(9, "127.0.0.1")
    .once("connect", () => settle(null))
    .once("error", settle),
);
await attemptLater("connect to a socket", (settle) =>
  connect("/run/x")
    .once("connect", () => settle(null))
    .once("error", settle),
);
await attemptLater("listen", (settle) =>
  createServer()
    .once("error", settle)
    .listen(0, "127.0.0.1", () => settle(null)),
);
await attemptLater("send a datagram", (settle) =>
  createSocket("udp4")
    .once("error", settle)
    .send("x", 9, "127.0.0.1", (error) => settle(error)),
);
await attemptLater("resolve a name", (settle) => lookup("localhost", (error) => settle(error)));
process.stdout.write(JSON.stringify(outcomes), () => process.exit(0));
