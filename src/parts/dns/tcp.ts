/**
 * One question over TCP (RFC 7766), for answers that did not fit UDP. Promises: one connection, one message, read to its
 * declared length and no further; the clock covers connecting and reading together; the socket is destroyed in every case.
 */
import { connect } from "node:net";
import { errnoOf, readReply } from "./reply.ts";
import type { Attempt, Reply } from "./reply.ts";

const PREFIX_BYTES = 2;

export function askByTcp(attempt: Attempt): Promise<Reply> {
  if (attempt.signal.aborted) return Promise.resolve({ kind: "aborted" });
  const { server, query, signal } = attempt;
  return new Promise((resolve) => {
    const socket = connect({ host: server.host, port: server.port, noDelay: true });
    let received: Buffer = Buffer.alloc(0);
    let isSettled = false;
    const settle = (reply: Reply): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      resolve(reply);
    };
    const onAbort = (): void => settle({ kind: "aborted" });
    const timer = setTimeout(() => settle({ kind: "timeout" }), attempt.timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", (error) => settle({ kind: "network", detail: errnoOf(error) }));
    socket.on("close", () => settle({ kind: "malformed" }));
    socket.on("connect", () => socket.write(Buffer.concat([lengthPrefix(query.length), query])));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const message = firstMessage(received);
      if (message !== null) settle(wholeReply(message, attempt));
    });
  });
}

function lengthPrefix(length: number): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt16BE(length);
  return prefix;
}

function firstMessage(received: Buffer): Buffer | null {
  if (received.length < PREFIX_BYTES) return null;
  const end = PREFIX_BYTES + received.readUInt16BE(0);
  return received.length < end ? null : received.subarray(PREFIX_BYTES, end);
}

/** On a connection of our own there is nobody else's message to wait past: one that is not ours is a defect. */
function wholeReply(bytes: Buffer, attempt: Attempt): Reply {
  const reply = readReply(bytes, attempt);
  return reply.kind === "ignored" ? { kind: "malformed" } : reply;
}
