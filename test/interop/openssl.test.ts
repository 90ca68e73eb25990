import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peers } from "../support/peers.ts";
import { handshake, OpensslDialog } from "../support/peers-openssl.ts";
import { RelayPath } from "../support/peers-path.ts";
import { addedFields, onTheWire } from "../support/peers-trace.ts";
import { mail, World } from "../support/world.ts";

const openssl = peers("openssl");
const opensslAndPostfix = peers("openssl", "postfix");

describe.skipIf(openssl.areMissing)(`the listener seen by openssl s_client${openssl.note}`, () => {
  let world: World;
  let caFile: string;
  beforeAll(async () => {
    world = await World.start({
      zone: { "verified.test": { MX: [[10, "mx.verified.test"]] } },
      servers: [{ name: "mx.verified.test", address: "127.0.22.2", certificate: "valid" }],
    });
    caFile = join(world.folder, "ca.pem");
  });
  afterAll(() => world.close());

  test.each([
    { flag: "-tls1_2", protocol: "TLSv1.2" },
    { flag: "-tls1_3", protocol: "TLSv1.3" },
  ])("$protocol is taken, and the operator's certificate is shown for its name", async ({ flag, protocol }) => {
    const trust = ["-CAfile", caFile, "-verify_return_error", "-verify_hostname", "gateway.clinic.test"];
    const { exitCode, stdout } = await handshake(world.postern.address(), [flag, ...trust]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/subject=CN = gateway\.clinic\.test\nissuer=CN = Loopback CA/);
    expect(stdout).toContain("Verified peername: gateway.clinic.test");
    expect(stdout).toContain("Verify return code: 0 (ok)");
    expect(stdout).toContain(`New, ${protocol}, Cipher is `);
  });

  test.each(["-tls1", "-tls1_1"])(
    "%s is refused by the server's alert, though the client would take it",
    async (flag) => {
      const old = [flag, "-cipher", "ALL:@SECLEVEL=0"];
      const { exitCode, stdout, stderr } = await handshake(world.postern.address(), old);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("alert protocol version");
      expect(stdout).toContain("no peer certificate available");
    },
  );

  test.each([
    { kind: "without encryption", suites: "eNULL" },
    { kind: "without authentication", suites: "aNULL" },
  ])("cipher suites $kind are refused by the server's alert", async ({ suites }) => {
    const weak = ["-tls1_2", "-cipher", `${suites}:@SECLEVEL=0`];
    const { exitCode, stderr } = await handshake(world.postern.address(), weak);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("alert handshake failure");
  });

  const hello = "EHLO client.test\r\n";
  const from = "MAIL FROM:<nurse@clinic.test>\r\n";
  const to = "RCPT TO:<a@verified.test>\r\n";
  describe("commands out of order or malformed", () => {
    test.each([
      { name: "MAIL before EHLO", commands: [from], last: "503 5.5.1" },
      { name: "RCPT before MAIL", commands: [hello, to], last: "503 5.5.1" },
      { name: "DATA before MAIL", commands: [hello, "DATA\r\n"], last: "503 5.5.1" },
      { name: "DATA before RCPT", commands: [hello, from, "DATA\r\n"], last: "554 5.5.1" },
      { name: "MAIL inside a transaction", commands: [hello, from, from], last: "503 5.5.1" },
      { name: "STARTTLS under TLS", commands: [hello, "STARTTLS\r\n"], last: "503 5.5.1" },
      { name: "XCLIENT", commands: [hello, "XCLIENT ADDR=192.0.2.1\r\n"], last: "500 5.5.1" },
      { name: "XFORWARD", commands: [hello, "XFORWARD ADDR=192.0.2.1\r\n"], last: "500 5.5.1" },
      { name: "ETRN", commands: [hello, "ETRN verified.test\r\n"], last: "500 5.5.1" },
      { name: "AUTH where nobody has a password", commands: [hello, "AUTH PLAIN\r\n"], last: "502 5.5.1" },
      { name: "EXPN", commands: [hello, "EXPN staff\r\n"], last: "500 5.5.1" },
      { name: "a sender without brackets", commands: [hello, "MAIL FROM:nurse@clinic.test\r\n"], last: "501 5.1.7" },
      { name: "a parameter nobody knows", commands: [hello, from.replace("\r\n", " X=1\r\n")], last: "555 5.5.4" },
      {
        name: "a message larger than SIZE",
        commands: [hello, from.replace("\r\n", " SIZE=999999999\r\n")],
        last: "552 5.3.4",
      },
      {
        name: "an address beyond ASCII without SMTPUTF8",
        commands: [hello, from, "RCPT TO:<jörg@verified.test>\r\n"],
        last: "553 5.6.7",
      },
      { name: "a bare line feed", commands: [hello, "NOOP\nNOOP\r\n"], last: "500 5.5.2" },
      { name: "an empty line", commands: [hello, "\r\n"], last: "500 5.5.1" },
    ])("$name: $last", async ({ commands, last }) => {
      const dialog = new OpensslDialog(world.postern.address(), caFile);
      try {
        let reply = "";
        for (const command of commands) reply = await dialog.ask(command);
        expect(reply.startsWith(`${last} `)).toBe(true);
      } finally {
        await dialog.close();
      }
    });
  });

  test("a message with a bare line feed in DATA is refused, and a smuggled one behind it is never seen", async () => {
    const dialog = new OpensslDialog(world.postern.address(), caFile);
    try {
      for (const command of [hello, from, to]) expect(await dialog.ask(command)).toMatch(/^250 /);
      expect(await dialog.ask("DATA\r\n")).toMatch(/^354 /);
      const smuggled = `${from}RCPT TO:<smuggled@verified.test>\r\nDATA\r\nSubject: inner\r\n\r\ninner`;
      expect(await dialog.ask(`Subject: outer\r\n\r\nouter\n.\r\n${smuggled}\r\n.\r\n`)).toMatch(/^550 5\.5\.2 /);
      expect(await dialog.ask("QUIT\r\n")).toMatch(/^221 /);
      expect(world.server("mx.verified.test").transactions).toHaveLength(0);
    } finally {
      await dialog.close();
    }
  });
});

describe.skipIf(opensslAndPostfix.areMissing)(
  `BDAT from openssl s_client, delivered to Postfix${opensslAndPostfix.note}`,
  () => {
    let path: RelayPath;
    beforeAll(async () => {
      path = await RelayPath.start();
    });
    afterAll(() => path.close());

    const head = "From: nurse@clinic.test\r\nTo: x@verified.test\r\nSubject: Chunks\r\n\r\n";
    test.each([
      { name: "one chunk", chunks: [`${head}whole\r\n`], arrives: `${head}whole\r\n` },
      {
        name: "three chunks and an empty last one",
        chunks: [head, "one\r", "\ntwo\r\n", ""],
        arrives: `${head}one\r\ntwo\r\n`,
      },
      {
        name: "dots, which BDAT does not stuff",
        chunks: [`${head}.\r\n..\r\n.\r\n`],
        arrives: `${head}.\r\n..\r\n.\r\n`,
      },
      { name: "no line end at the end", chunks: [`${head}cut`], arrives: `${head}cut\r\n` },
      {
        name: "bare line feeds",
        chunks: [`${head}one\ntwo\n.\nthree\r\n`],
        arrives: `${head}one\r\ntwo\r\n.\r\nthree\r\n`,
      },
      { name: "bare carriage returns", chunks: [`${head}one\rtwo\r`], arrives: `${head}one\r\ntwo\r\n` },
    ])("$name", async ({ name, chunks, arrives }) => {
      const to = `${name.replaceAll(/[^a-z]/g, ".").replaceAll(/\.+/g, ".")}@verified.test`;
      const dialog = new OpensslDialog(path.world.postern.address(), join(path.world.folder, "ca.pem"));
      try {
        await dialog.ask("EHLO client.test\r\n");
        // All in one flight, as PIPELINING allows with BDAT (RFC 3030 section 4.2).
        const bdats = chunks.map(
          (chunk, index) => `BDAT ${chunk.length}${index === chunks.length - 1 ? " LAST" : ""}\r\n${chunk}`,
        );
        dialog.write(`MAIL FROM:<nurse@clinic.test>\r\nRCPT TO:<${to}>\r\n${bdats.join("")}QUIT\r\n`);
        const replies: string[] = [];
        for (let left = chunks.length + 3; left > 0; left -= 1) replies.push((await dialog.reply()).slice(0, 3));
        expect(replies).toEqual([...Array.from({ length: chunks.length + 2 }, () => "250"), "221"]);
      } finally {
        await dialog.close();
      }
      const [delivery] = await path.arrived(to);
      addedFields(onTheWire(delivery), mail([arrives.replace(/\r\n$/, "")]));
      expect(path.behind.log.includes("bare <LF>")).toBe(false);
    });
  },
);
