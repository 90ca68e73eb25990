import { afterEach, describe, expect, test } from "vitest";
import { issueServerCertificate } from "../../parts/keys/issue-certificate.ts";
import { authority, closeAll, Dialog, listen, TLS } from "./accept.suite.ts";

afterEach(closeAll);

describe("STARTTLS", () => {
  test("forgets what was said before, and offers what TLS allows", async () => {
    const { dial } = await listen();
    const dialog = await dial();
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>");
    await dialog.startTls();
    expect(await dialog.say("DATA")).toBe("503 5.5.1 MAIL comes first");
    expect(await dialog.say("MAIL FROM:<a@b.test>")).toBe("503 5.5.1 Say EHLO first");
    const extensions = await dialog.say("EHLO me.test");
    expect(extensions).not.toContain("STARTTLS");
    expect(extensions).toContain("250 REQUIRETLS");
    expect(await dialog.say("STARTTLS")).toBe("503 5.5.1 TLS is active already");
  });

  test.each([
    ["a command", "STARTTLS\r\nEHLO evil.test\r\n"],
    ["half a command", "STARTTLS\r\nMA"],
  ])("with %s pipelined behind it is refused", async (_, bytes) => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    dialog.send(bytes);
    expect(await dialog.reply()).toBe("554 5.5.1 Nothing may follow STARTTLS before the handshake");
    expect(await dialog.reply()).toBe("closed");
    expect(spool.opened).toBe(0);
  });

  test("followed by clear text that came later is a broken handshake, not a command", async () => {
    const { dial, log, listener } = await listen();
    const dialog = await dial();
    await dialog.say("STARTTLS");
    dialog.send("EHLO evil.test\r\nQUIT\r\n");
    await listener.close();
    expect(log).toContainEqual(expect.objectContaining({ event: "accept_tls_failed" }));
    expect(await dialog.reply()).not.toMatch(/^[2-5]\d\d[ -]/);
  });

  test("below TLS 1.2 fails", async () => {
    const { dial } = await listen();
    const dialog = await dial();
    await dialog.say("STARTTLS");
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await expect(dialog.handshake(old)).rejects.toThrow(/alert protocol version/);
  });

  test("with an argument is refused", async () => {
    const { dial } = await listen();
    expect(await (await dial()).say("STARTTLS now")).toMatch(/^501 5\.5\.4/);
  });

  test("that never becomes a handshake is given up", async () => {
    const { dial, listener } = await listen({ limits: { handshakeTimeoutMs: 20 } });
    const dialog = await dial();
    await dialog.say("STARTTLS");
    expect(await dialog.reply()).toBe("closed");
    await expect.poll(() => listener.connectionCount(), { interval: 2 }).toBe(0);
  });

  test("is over at once for a peer that hangs up instead", async () => {
    const { dial, listener } = await listen();
    const dialog = await dial();
    await dialog.say("STARTTLS");
    dialog.socket.end();
    await expect.poll(() => listener.connectionCount(), { interval: 2, timeout: 2_000 }).toBe(0);
  });

  test("is over at once for a peer that does not like the certificate", async () => {
    const { dial, listener } = await listen();
    const dialog = await dial();
    await expect(dialog.startTls({ servername: "other.test" })).rejects.toThrow(/altnames/);
    await expect.poll(() => listener.connectionCount(), { interval: 2, timeout: 2_000 }).toBe(0);
  });

  test("still answers a peer that closes its side behind the message", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.startTls();
    spool.onFinish = () => new Promise((resolve) => setTimeout(resolve, 5));
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA");
    dialog.send("A: b\r\n.\r\n");
    dialog.socket.end();
    expect(await dialog.reply()).toMatch(/^250/);
  });

  test("keeps REQUIRETLS where it is offered, and refuses it where not", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.startTls();
    await dialog.sayAll("EHLO me.test", "MAIL FROM:<a@b.test> REQUIRETLS", "RCPT TO:<c@d.test>", "DATA", "A: b\r\n.");
    expect(spool.submissions[0]?.envelope.requireTls).toBe(true);
    const without = await (await listen({ offerRequireTls: false })).dial();
    await without.startTls();
    expect(await without.say("EHLO me.test")).not.toContain("REQUIRETLS");
    expect(await without.say("MAIL FROM:<a@b.test> REQUIRETLS")).toMatch(/^555/);
  });

  test("carries a large message whole", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.startTls();
    const body = "0123456789abcdef\r\n".repeat(200_000);
    expect(await dialog.submit(`A: b\r\n\r\n${body}`)).toMatch(/^250/);
    expect(spool.message).toBe(`A: b\r\n\r\n${body}\r\n`);
  });
});

describe("TLS from the first byte", () => {
  test("greets inside TLS and offers no STARTTLS", async () => {
    const { port } = await listen({ implicitTls: true, plaintextNetworks: [] });
    const dialog = Dialog.to(port);
    await dialog.handshake();
    expect(await dialog.reply()).toMatch(/^220 gw\.test/);
    expect(await dialog.say("EHLO me.test")).not.toContain("STARTTLS");
    expect(await dialog.submit("A: b")).toMatch(/^250/);
  });
});

describe("reloading the certificate", () => {
  const validity = { notBefore: Date.parse("2026-01-01"), notAfter: Date.parse("2099-01-01") };

  test("holds for handshakes to come, and a broken one changes nothing", async () => {
    const { dial, listener } = await listen();
    const next = await issueServerCertificate({
      commonName: "next",
      dnsNames: ["next.test"],
      issuer: authority,
      ...validity,
    });
    const broken = { certificate: next.certPem, key: TLS.key, clientCa: null };
    expect(() => listener.reloadTls(broken)).toThrow(expect.objectContaining({ code: "PST-ACC-031" }));
    await (await dial()).startTls();
    listener.reloadTls({ certificate: next.certPem, key: next.keyPem, clientCa: null });
    // The client of these tests asks for gw.test, which the new certificate does not carry.
    await expect((await dial()).startTls()).rejects.toThrow(/altnames/);
  });
});
