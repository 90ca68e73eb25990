/** Waits for the greeting of a server that starts. */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 4;

/** Milliseconds until it greeted; rejects when it has not by then, or when `isAlive` says there is nobody to wait for. */
export async function greetingOf(port: number, limitMs: number, isAlive: () => boolean): Promise<number> {
  const begin = performance.now();
  for (;;) {
    if (await greets(port, limitMs)) return performance.now() - begin;
    if (!isAlive()) throw new Error(`the server for port ${port} ended before it greeted`);
    if (performance.now() - begin > limitMs) throw new Error(`no greeting on port ${port} within ${limitMs} ms`);
    await sleep(POLL_MS);
  }
}

function greets(port: number, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(limitMs, () => end(false));
    socket.once("error", () => end(false));
    socket.once("data", (chunk) => {
      if (!chunk.toString("latin1").startsWith("220")) return end(false);
      socket.end("QUIT\r\n");
      socket.resume();
      resolve(true);
    });
  });
}
