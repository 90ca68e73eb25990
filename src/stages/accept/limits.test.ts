import { afterEach, describe, expect, test } from "vitest";
import { closeAll, Dialog, listen, OWN } from "./accept.suite.ts";

afterEach(closeAll);

const OPEN = ["EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>"] as const;

describe("limits of a message", () => {
  const text = (body: string, headers = ""): string => `Subject: x\r\n${headers}\r\n${body}`;

  test.each([
    [
      "larger than messageBytesMax",
      text("x\r\n".repeat(400)),
      { messageBytesMax: 1_000 },
      "552 5.3.4 Message too large",
    ],
    [
      "with a long header section",
      text("x", "A: b\r\n".repeat(200)),
      { headerBytesMax: 1_000 },
      "552 5.3.4 Header section too long",
    ],
    [
      "with a long line",
      text("x".repeat(1_001)),
      { lineBytesMax: 1_000 },
      "554 5.6.0 A line of the message is too long",
    ],
    ["with too many hops", text("x", "Received: x\r\n".repeat(4)), { hopsMax: 3 }, "554 5.4.6 Too many hops"],
    [
      "that was here before",
      text("x", "x-postern-LOOP:  gw-one\r\n"),
      {},
      "554 5.4.6 The message has been here before",
    ],
    ["with a NUL", text("a\0b"), {}, "550 5.6.0 The message holds a NUL byte"],
  ])(
    "a message %s is refused after its end, nothing of it is kept, and the session goes on",
    async (_, message, limits, expected) => {
      const { dial, spool } = await listen({ limits });
      const dialog = await dial();
      expect(await dialog.submit(message)).toBe(expected);
      expect(spool.submissions).toEqual([]);
      expect(spool.aborted).toHaveLength(1);
      expect(await dialog.say("NOOP")).toBe("250 2.0.0 OK");
    },
  );

  test.each([
    ["just messageBytesMax", text("x".repeat(1_000 - 16)), { messageBytesMax: 1_000 }],
    ["a line of just lineBytesMax", text("x".repeat(1_000)), { lineBytesMax: 1_000 }],
    ["a long first body line behind a short header section", text("y".repeat(2_000)), { headerBytesMax: 100 }],
    ["just hopsMax hops", text("x", "Received: x\r\n".repeat(3)), { hopsMax: 3 }],
    ["another gateway's marker", text("x", "X-Postern-Loop: gw-two\r\n"), {}],
    ["Received in its body only", text("Received: x\r\n".repeat(9)), { hopsMax: 3 }],
  ])("a message with %s is taken", async (_, message, limits) => {
    const { dial } = await listen({ limits });
    expect(await (await dial()).submit(message)).toMatch(/^250/);
  });

  test("a refused message that never ends is cut off", async () => {
    const { dial } = await listen({ limits: { messageBytesMax: 10_000 } });
    const dialog = await dial();
    await dialog.sayAll(...OPEN, "DATA");
    dialog.send("x\r\n".repeat(300_000));
    expect(await dialog.reply()).toBe("552 5.3.4 Message too large");
    expect(await dialog.reply()).toBe("closed");
  });

  test("a thousand recipients are taken, and the next one is deferred", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll(...OPEN);
    for (let n = 1; n < 1_000; n++) dialog.send(`RCPT TO:<c${n}@d.test>\r\n`);
    for (let n = 1; n < 1_000; n++) expect(await dialog.reply()).toBe("250 2.1.5 Recipient OK");
    expect(await dialog.say("RCPT TO:<more@d.test>")).toMatch(/^452 4\.5\.3/);
    expect(await dialog.sayAll("DATA", "A: b\r\n.")).toMatch(/^250/);
    expect(spool.submissions[0]?.recipients).toHaveLength(1_000);
  });
});

describe("limits of a session", () => {
  test("connections beyond connectionsMax are turned away, and a place becomes free again", async () => {
    const { dial, port, listener } = await listen({ limits: { connectionsMax: 1 } });
    const first = await dial();
    expect(await Dialog.to(port).reply()).toBe("421 4.7.0 Too many connections; try again later");
    await first.say("QUIT");
    await expect.poll(() => listener.connectionCount(), { interval: 2 }).toBe(0);
    expect(await Dialog.to(port).reply()).toMatch(/^220/);
  });

  test("connections beyond connectionsPerPeerMax are turned away, and a place becomes free again", async () => {
    const { dial, port, listener } = await listen({ limits: { connectionsPerPeerMax: 1 } });
    const first = await dial();
    expect(await Dialog.to(port).reply()).toBe("421 4.7.0 Too many connections from your address; try again later");
    first.destroy();
    await expect.poll(() => listener.connectionCount(), { interval: 2 }).toBe(0);
    expect(await Dialog.to(port).reply()).toMatch(/^220/);
  });

  test("strangers cannot take the places of submitters", async () => {
    const limits = { strangerConnectionsMax: 1, greetingPauseMs: 0 };
    const { port, listener } = await listen({ limits, submitters: [{ ...OWN, networks: ["192.0.2.0/24"] }] });
    const first = Dialog.to(port);
    expect(await first.reply()).toMatch(/^220/);
    expect(await Dialog.to(port).reply()).toBe("421 4.7.0 Too many connections; try again later");
    first.destroy();
    await expect.poll(() => listener.connectionCount(), { interval: 2 }).toBe(0);
    expect(await Dialog.to(port).reply()).toMatch(/^220/);
    const own = await listen({ limits });
    await Promise.all([own.dial(), own.dial()]);
    expect(own.listener.connectionCount()).toBe(2);
  });

  test("too many commands, and too many bad ones, end the session", async () => {
    const { dial } = await listen({ limits: { commandsMax: 3, badCommandsMax: 1 } });
    const patient = await dial();
    expect(await patient.sayAll("NOOP", "NOOP", "NOOP")).toMatch(/^250/);
    expect(await patient.say("NOOP")).toBe("421 4.7.0 Too many commands");
    expect(await patient.reply()).toBe("closed");
    const scanner = await dial();
    expect(await scanner.say("XYZZY")).toMatch(/^500/);
    expect(await scanner.say("XYZZY")).toBe("421 4.7.0 Too many bad commands");
    expect(await scanner.reply()).toBe("closed");
  });

  test.each([
    ["says nothing", "", { commandTimeoutMs: 20 }],
    ["stops inside DATA", `${OPEN.join("\r\n")}\r\nDATA\r\n`, { dataBlockTimeoutMs: 20 }],
    ["stops inside BDAT", `${OPEN.join("\r\n")}\r\nBDAT 10 LAST\r\nabc`, { dataBlockTimeoutMs: 20 }],
  ])("a peer that %s is told 421 and let go", async (_, bytes, limits) => {
    const { dial, spool } = await listen({ limits });
    const dialog = await dial();
    dialog.send(bytes);
    let reply = await dialog.reply();
    while (/^[23]/.test(reply)) reply = await dialog.reply();
    expect(reply).toBe("421 4.4.2 Timed out");
    expect(await dialog.reply()).toBe("closed");
    expect(spool.submissions).toEqual([]);
  });

  test("a command that trickles in does not prolong its time", async () => {
    const { dial } = await listen({ limits: { commandTimeoutMs: 30 } });
    const dialog = await dial();
    const drip = setInterval(() => dialog.send("x"), 5);
    expect(await dialog.reply()).toBe("421 4.4.2 Timed out");
    clearInterval(drip);
  });

  test("a message that trickles in ends at dataTimeoutMs", async () => {
    const { dial, spool } = await listen({ limits: { dataTimeoutMs: 30 } });
    const dialog = await dial();
    await dialog.sayAll(...OPEN, "DATA");
    const drip = setInterval(() => dialog.send("x"), 5);
    expect(await dialog.reply()).toBe("421 4.4.2 Timed out");
    clearInterval(drip);
    await expect.poll(() => spool.aborted.length, { interval: 2 }).toBe(1);
  });
});

describe("the greeting", () => {
  const elsewhere = [{ name: "far", networks: ["192.0.2.0/24"], proof: { kind: "own-network" } }] as const;

  test("comes at once for a peer in a submitter's network", async () => {
    const { dial } = await listen({ limits: { greetingPauseMs: 600_000 } });
    expect(await (await dial()).say("NOOP")).toMatch(/^250/);
  });

  test("is refused to a stranger who talks first", async () => {
    const { port } = await listen({ submitters: elsewhere, limits: { greetingPauseMs: 600_000 } });
    const dialog = Dialog.to(port);
    dialog.send("EHLO me.test\r\n");
    expect(await dialog.reply()).toBe("554 5.5.1 Wait for the greeting");
    expect(await dialog.reply()).toBe("closed");
  });

  test("is given to a stranger who waits, and relaying is not", async () => {
    const { dial } = await listen({ submitters: elsewhere, limits: { greetingPauseMs: 5 } });
    const dialog = await dial();
    expect(await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@b.test>")).toBe("550 5.7.1 Relaying denied");
  });
});
