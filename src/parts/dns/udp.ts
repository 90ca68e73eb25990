/**
 * One question over UDP. Promises: the socket is connected, so that the kernel drops other senders; whatever does not carry
 * our id and our question is ignored while the clock runs; the socket is closed in every case. Retries are left to exchange.ts.
 */
import { createSocket } from "node:dgram";
import { errnoOf, readReply } from "./reply.ts";
import type { Attempt, Reply } from "./reply.ts";

export function askByUdp(attempt: Attempt): Promise<Reply> {
  if (attempt.signal.aborted) return Promise.resolve({ kind: "aborted" });
  const { server, query, signal } = attempt;
  return new Promise((resolve) => {
    const socket = createSocket(server.family === 6 ? "udp6" : "udp4");
    let isSettled = false;
    const settle = (reply: Reply): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.close();
      resolve(reply);
    };
    const onAbort = (): void => settle({ kind: "aborted" });
    const onError = (error: unknown): void => settle({ kind: "network", detail: errnoOf(error) });
    const timer = setTimeout(() => settle({ kind: "timeout" }), attempt.timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", onError);
    socket.on("message", (bytes) => {
      const reply = readReply(bytes, attempt);
      if (reply.kind !== "ignored") settle(reply);
    });
    socket.on("connect", () => {
      if (isSettled) return;
      socket.send(query, (error) => {
        if (error !== null) onError(error);
      });
    });
    socket.connect(server.port, server.host);
  });
}
