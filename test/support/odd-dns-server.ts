/** A DNS server that answers with whatever octets it is told, by UDP in packets and by TCP in pieces, whatever was asked. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";

/** Octets to be sent, once the id of the query is known. */
export type OddAnswer = {
  readonly packets: (id: number) => readonly Buffer[];
  /** The stream of a TCP connection, in pieces of their own. */
  readonly stream: (id: number) => readonly Buffer[];
  /** What the server does with the connection then. */
  readonly ending: "close" | "wait" | "reset";
};

export type OddDnsServer = {
  readonly address: string;
  answerWith(answer: OddAnswer): void;
  close(): Promise<void>;
};

const SILENT: OddAnswer = { packets: () => [], stream: () => [], ending: "wait" };

export async function startOddDnsServer(): Promise<OddDnsServer> {
  let answer = SILENT;
  const sockets = new Set<Socket>();
  const tcp = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.once("data", (query: Buffer) => void pour(socket, answer, query.readUInt16BE(2)));
  });
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket("udp4");
  udp.on("message", (query, peer) => {
    for (const packet of answer.packets(query.readUInt16BE(0))) udp.send(packet, peer.port, peer.address);
  });
  await new Promise<void>((resolve, reject) => {
    udp.once("error", reject).bind(port, "127.0.0.1", resolve);
  });
  return {
    address: `127.0.0.1:${port}`,
    answerWith: (next) => (answer = next),
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([
        new Promise<void>((resolve) => tcp.close(() => resolve())),
        new Promise<void>((resolve) => udp.close(() => resolve())),
      ]);
    },
  };
}

async function pour(socket: Socket, { stream, ending }: OddAnswer, id: number): Promise<void> {
  for (const piece of stream(id)) {
    if (!socket.writable) return;
    socket.write(piece);
    await turn();
  }
  if (ending === "close") socket.end();
  if (ending === "reset") socket.resetAndDestroy();
}
