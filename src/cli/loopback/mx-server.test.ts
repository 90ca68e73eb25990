import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { MxServer } from "./mx-server.ts";
import { startMxServer } from "./mx-server.ts";
import type { MxBehaviour } from "./mx-behaviour.ts";

let server: MxServer | null = null;
afterEach(async () => {
  await server?.close();
});

/** Sends the pieces one by one and returns all that was answered. */
async function talk(behaviour: MxBehaviour, pieces: readonly string[]): Promise<string> {
  server = await startMxServer({ host: "127.0.0.2", port: 0, behaviour });
  const socket = connect({ port: server.port, host: server.host, noDelay: true });
  let heard = "";
  socket.setEncoding("latin1").on("data", (text: string) => (heard += text));
  const closed = once(socket, "close");
  await once(socket, "connect");
  for (const piece of pieces) {
    socket.write(piece, "latin1");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await closed;
  return heard;
}

const ENVELOPE = "EHLO c\r\nMAIL FROM:<a@b.test> SIZE=9\r\nRCPT TO:<c@d.test> NOTIFY=NEVER\r\nDATA\r\n";

describe("the loopback mail server", () => {
  test.each<[string, readonly string[], string]>([
    ["whole", ["x\r\n..y\r\n.\r\n"], "x\r\n.y\r\n"],
    ["cut in the final dot", ["x\r\n..y\r", "\n.", "\r\n"], "x\r\n.y\r\n"],
    ["of nothing", [".\r\n"], ""],
    ["of nothing, cut", [".", "\r\n"], ""],
    ["with dots that do not end it", ["x\r\n.y\r\n\r\n.\r\n"], "x\r\ny\r\n\r\n"],
  ])("takes a body %s", async (_name, pieces, bytes) => {
    const heard = await talk({}, [ENVELOPE, ...pieces, "QUIT\r\n"]);
    expect(heard.match(/^[0-9]{3} .*$/gm)?.map((line) => line.slice(0, 3))).toEqual([
      "220",
      "250",
      "250",
      "250",
      "354",
      "250",
      "221",
    ]);
    expect(server?.transactions).toMatchObject([
      { mailFrom: "a@b.test", rcptTo: ["c@d.test"], params: { mail: "SIZE=9", rcpt: ["NOTIFY=NEVER"] }, tls: null },
    ]);
    expect(server?.transactions[0]?.bytes.toString()).toBe(bytes);
    expect(server?.plaintextSeen.toString()).toContain("MAIL FROM");
  });

  test("refuses and greylists as told", async () => {
    const heard = await talk({ recipients: { gone: "550 5.1.1 no" }, greylist: true }, [
      "MAIL FROM:<a@b.test>\r\nRCPT TO:<gone@d.test>\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<c@d.test>\r\nQUIT\r\n",
    ]);
    expect(heard.match(/^[0-9]{3}/gm)).toEqual(["220", "250", "550", "450", "250", "221"]);
  });
});
