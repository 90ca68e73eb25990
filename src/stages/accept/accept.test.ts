import { afterEach, describe, expect, test } from "vitest";
import { closeAll, Dialog, listen, OWN, optionsWith } from "./accept.suite.ts";
import { startListener } from "./accept.ts";

afterEach(closeAll);

const MESSAGE = "From: a@sender.test\r\nTo: b@example.org\r\nSubject: hello\r\n\r\nhello";

describe("one message", () => {
  test("is queued once the spool and the queue have taken it, with envelope and submitter as given", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@Sender.Test> SIZE=200 BODY=8BITMIME RET=HDRS ENVID=x+2By");
    await dialog.sayAll("RCPT TO:<B@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;c@example.org", "DATA");
    expect(await dialog.say(`${MESSAGE}\r\n.`)).toBe("250 2.0.0 queued as 01ARZ3NDEKTSV4RRFFQ69G0001");
    expect(await dialog.say("QUIT")).toBe("221 2.0.0 Bye");
    expect(await dialog.reply()).toBe("closed");
    const [submission] = spool.submissions;
    expect(submission?.envelope).toEqual({
      sender: { address: "a@Sender.Test", localPart: "a", domain: "sender.test", isUtf8: false },
      body: "8bitmime",
      smtpUtf8: false,
      requireTls: false,
      ret: "hdrs",
      envid: "x+y",
    });
    expect(submission?.recipients).toEqual([
      {
        mailbox: { address: "B@example.org", localPart: "B", domain: "example.org", isUtf8: false },
        notify: ["failure", "delay"],
        orcpt: { type: "rfc822", address: "c@example.org" },
      },
    ]);
    expect(submission?.submitter).toEqual({
      submitter: "own",
      proof: "own-network",
      peerAddress: "127.0.0.1",
      helo: "me.test",
      tls: null,
    });
    expect(submission).toMatchObject({ origin: "relay", parent: null, receivedAt: Date.parse("2026-06-01") });
    expect(spool.message).toBe(`${MESSAGE}\r\n`);
    expect(spool.aborted).toEqual([]);
  });

  test("is not acknowledged before onSubmission resolved", async () => {
    const { dial, spool } = await listen();
    let letGo: () => void = () => {};
    const called = new Promise<void>((resolve) => {
      spool.onSubmission = () => {
        resolve();
        return new Promise((done) => {
          letGo = done;
        });
      };
    });
    const dialog = await dial();
    const reply = dialog.submit(MESSAGE);
    await called;
    const early = await Promise.race([reply, new Promise((resolve) => setTimeout(() => resolve("nothing yet"), 30))]);
    expect(early).toBe("nothing yet");
    letGo();
    expect(await reply).toMatch(/^250 2\.0\.0 queued/);
  });

  test("with a null sender is taken like any other", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<>", "RCPT TO:<b@example.org>", "DATA");
    expect(await dialog.say(`${MESSAGE}\r\n.`)).toMatch(/^250/);
    expect(spool.submissions[0]?.envelope.sender).toBeNull();
  });

  test("with 8-bit bytes and no BODY is taken as it is", async () => {
    const { dial, spool } = await listen();
    expect(await (await dial()).submit("Subject: x\r\n\r\ngrüße")).toMatch(/^250/);
    expect(spool.bodyOf(spool.submissions[0]).toString("utf8")).toBe("Subject: x\r\n\r\ngrüße\r\n");
  });

  test("follows another on the same connection", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    for (const text of ["one", "two", "three"]) expect(await dialog.submit(`A: b\r\n\r\n${text}`)).toMatch(/^250/);
    expect(spool.submissions).toHaveLength(3);
    expect(spool.message).toBe("A: b\r\n\r\nthree\r\n");
  });
});

describe("when the message cannot be stored", () => {
  test.each([
    ["a rejected write", "onWrite"],
    ["a rejected finish", "onFinish"],
    ["a rejected submission", "onSubmission"],
  ] as const)("%s is answered 451 and keeps nothing", async (_, step) => {
    const { dial, spool, log } = await listen();
    spool[step] = () => Promise.reject(Object.assign(new Error("SECRET TEXT"), { code: "PST-ACC-025" }));
    const dialog = await dial();
    expect(await dialog.submit(MESSAGE)).toBe("451 4.3.0 The message was not stored; try again");
    expect(spool.submissions).toEqual([]);
    expect(spool.aborted.length + spool.disowned.length).toBeGreaterThan(0);
    expect(log.filter(({ level }) => level === "error")).toMatchObject([{ fields: { cause: "PST-ACC-025" } }]);
    expect(JSON.stringify(log)).not.toContain("SECRET");
    spool[step] = async () => {};
    expect(await dialog.submit(MESSAGE)).toMatch(/^250/);
  });

  test("an intake that does not open is answered 451 instead of 354", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>");
    Object.defineProperty(spool, "opened", {
      get: () => {
        throw new Error("full");
      },
    });
    expect(await dialog.say("DATA")).toMatch(/^451 4\.3\.0/);
    expect(await dialog.say("NOOP")).toMatch(/^250/);
  });

  test("a queue slower than handlerTimeoutMs is answered 451, and a late success is logged as a possible duplicate", async () => {
    const { dial, spool, log, listener } = await listen({ limits: { handlerTimeoutMs: 20 } });
    let letGo: () => void = () => {};
    spool.onSubmission = () =>
      new Promise((resolve) => {
        letGo = resolve;
      });
    expect(await (await dial()).submit(MESSAGE)).toBe("451 4.3.0 Storing took too long; try again");
    letGo();
    await listener.close();
    expect(log).toContainEqual(expect.objectContaining({ event: "accept_queued_late" }));
    expect(spool.submissions).toHaveLength(1);
    // The row exists: the body it names must, too.
    expect([spool.disowned, spool.aborted]).toEqual([[], []]);
  });

  test("a body that becomes durable only after the deadline is disowned and never queued", async () => {
    const { dial, spool, listener } = await listen({ limits: { handlerTimeoutMs: 20 } });
    let letGo: () => void = () => {};
    spool.onFinish = () =>
      new Promise((resolve) => {
        letGo = resolve;
      });
    expect(await (await dial()).submit(MESSAGE)).toMatch(/^451/);
    letGo();
    await listener.close();
    expect(spool.submissions).toEqual([]);
    expect(spool.disowned).toEqual(["blob-1"]);
  });

  test.each(["DATA", "BDAT 1000 LAST"])("a client that leaves inside %s leaves nothing behind", async (command) => {
    const { dial, spool, listener, log } = await listen();
    const dialog = await dial();
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>");
    dialog.send(`${command}\r\n`);
    if (command === "DATA") await dialog.reply();
    const written = new Promise<void>((resolve) => {
      spool.onWrite = async () => resolve();
    });
    dialog.send("Subject: half\r\n\r\nhal");
    await written;
    dialog.destroy();
    await listener.close();
    expect(spool.submissions).toEqual([]);
    expect(spool.aborted).toHaveLength(1);
    expect(log).toContainEqual(expect.objectContaining({ fields: { peer: "127.0.0.1", code: "PST-ACC-024" } }));
  });
});

describe("start and end", () => {
  const deps = {} as Parameters<typeof startListener>[1];

  test.each([
    ["no certificate", { tls: { certificate: "", key: "", clientCa: null } }, "PST-ACC-031"],
    ["a broken certificate", { tls: { certificate: "x", key: "y", clientCa: null } }, "PST-ACC-031"],
    ["an own network in a shared cloud", { submitters: [{ ...OWN, networks: ["40.107.1.0/24"] }] }, "PST-ACC-032"],
    ["an own network around a shared cloud", { submitters: [{ ...OWN, networks: ["0.0.0.0/0"] }] }, "PST-ACC-032"],
    ["a submitter without networks", { submitters: [{ ...OWN, networks: [] }] }, "PST-ACC-033"],
    ["a network that is none", { submitters: [{ ...OWN, networks: ["10.0.0.0/40"] }] }, "PST-ACC-033"],
  ] as const)("with %s the listener does not start", async (_, overrides, code) => {
    await expect(startListener(optionsWith(overrides), deps)).rejects.toMatchObject({ code });
  });

  test("close says 421 to who is idle, lets a message under way finish, and takes no one new", async () => {
    const { dial, spool, listener, port } = await listen();
    const idle = await dial();
    const busy = await dial();
    await busy.sayAll("EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA");
    const closed = listener.close();
    expect(await idle.reply()).toBe("421 4.3.2 Shutting down; try again later");
    expect(await busy.say(`${MESSAGE}\r\n.`)).toMatch(/^250/);
    expect(await busy.reply()).toMatch(/^421 4\.3\.2/);
    await closed;
    expect(spool.submissions).toHaveLength(1);
    expect(await Dialog.to(port).reply()).toBe("closed");
  });

  test("close ends even where a peer never finishes its message", async () => {
    const { dial, spool, listener } = await listen({ limits: { closeTimeoutMs: 30 } });
    const dialog = await dial();
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA");
    dialog.send("half");
    await listener.close();
    expect(spool.submissions).toEqual([]);
  });
});

describe("memory", () => {
  test("stays flat while 150 MB arrive, because the spool's pace is the peer's pace", async () => {
    const { dial, spool } = await listen();
    spool.keeps = false;
    let bytes = 0;
    let peakBytes = 0;
    const baseBytes = process.memoryUsage().rss;
    spool.onWrite = async (chunk) => {
      bytes += chunk.length;
      if ((bytes & 0xff_ffff) < chunk.length) peakBytes = Math.max(peakBytes, process.memoryUsage().rss - baseBytes);
    };
    const dialog = await dial();
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA");
    dialog.send("Subject: large\r\n\r\n");
    const block = Buffer.from(`${"x".repeat(76)}\r\n`.repeat(840));
    for (let sent = 0; sent < 150_000_000; sent += block.length) {
      if (!dialog.socket.write(block)) await new Promise((resolve) => dialog.socket.once("drain", resolve));
    }
    dialog.send(".\r\n");
    expect(await dialog.reply()).toMatch(/^250/);
    expect(bytes).toBeGreaterThanOrEqual(150_000_000);
    expect(peakBytes).toBeLessThan(80 * 1024 * 1024);
  });

  test("is not filled by a peer that is faster than the spool", async () => {
    const { dial, spool } = await listen();
    let letGo: () => void = () => {};
    let taken = 0;
    spool.onWrite = (chunk) => {
      taken += chunk.length;
      return taken > chunk.length
        ? Promise.resolve()
        : new Promise((resolve) => {
            letGo = resolve;
          });
    };
    const dialog = await dial();
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA");
    const text = "Subject: x\r\n\r\n" + "0123456789abcdef\r\n".repeat(1_500_000);
    dialog.send(`${text}.\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(taken).toBeLessThanOrEqual(64 * 1024);
    expect(dialog.socket.writableLength).toBeGreaterThan(10_000_000);
    letGo();
    expect(await dialog.reply()).toMatch(/^250/);
    expect(taken).toBe(text.length);
  });
});
