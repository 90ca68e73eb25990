/** A greylisting policy server as Postfix asks one (SMTPD_POLICY_README): the first attempt for a recipient is put off. */
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export type Greylist = {
  /** For `check_policy_service`. */
  readonly service: string;
  /** Recipients asked about, in order. */
  readonly asked: readonly string[];
  readonly close: () => Promise<void>;
};

/** Only local parts that begin with `grey` are put off. */
export async function startGreylist(): Promise<Greylist> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const judge = (recipient: string): string => {
    const isFirst = !asked.includes(recipient);
    asked.push(recipient);
    return isFirst && recipient.startsWith("grey") ? "defer_if_permit 4.7.1 Greylisted, try again" : "dunno";
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    let text = "";
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk) => {
      text += chunk.toString("utf8");
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const recipient = /^recipient=(.*)$/m.exec(text.slice(0, end))?.[1] ?? "";
        text = text.slice(end + 2);
        socket.write(`action=${judge(recipient)}\n\n`);
      }
    });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    service: `inet:127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
