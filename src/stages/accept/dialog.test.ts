import { afterEach, describe, expect, test } from "vitest";
import { closeAll, Dialog, listen } from "./accept.suite.ts";

afterEach(closeAll);

const HELLO = "EHLO me.test";
const MAIL = "MAIL FROM:<a@b.test>";
const RCPT = "RCPT TO:<c@d.test>";

/** What was said before, the command, and the reply it gets. */
const DIALOGS: readonly (readonly [readonly string[], string, string])[] = [
  // Order (RFC 5321 section 4.1.4)
  [[], MAIL, "503 5.5.1 Say EHLO first"],
  [[], RCPT, "503 5.5.1 MAIL comes first"],
  [[], "DATA", "503 5.5.1 MAIL comes first"],
  [[HELLO], RCPT, "503 5.5.1 MAIL comes first"],
  [[HELLO, MAIL], MAIL, "503 5.5.1 A transaction is open already"],
  [[HELLO, MAIL], "DATA", "554 5.5.1 No valid recipients"],
  [[HELLO, MAIL, RCPT], "RSET", "250 2.0.0 OK"],
  [[HELLO, MAIL, RCPT, "RSET"], "DATA", "503 5.5.1 MAIL comes first"],
  [[HELLO, MAIL, RCPT, HELLO], "DATA", "503 5.5.1 MAIL comes first"],
  [[HELLO, "RSET"], MAIL, "250 2.1.0 Sender OK"],
  [["HELO me.test"], MAIL, "250 2.1.0 Sender OK"],
  [["HELO me.test"], `${MAIL} SIZE=1`, "555 5.5.4 Parameter not recognised or not offered"],
  // Small commands
  [[], "HELO me.test", "250 gw.test"],
  [[], "EHLO [IPv6:2001:db8::1]", "250-gw.test"],
  [[], "EHLO", "501 5.5.4 Give your domain name or address literal"],
  [[], "EHLO two words", "501 5.5.4 Give your domain name or address literal"],
  [[], "NOOP whatever", "250 2.0.0 OK"],
  [[], "noop", "250 2.0.0 OK"],
  [[], "NOOP   ", "250 2.0.0 OK"],
  [[], "VRFY someone", "252 2.5.0 Not verified; send the message and see"],
  [[], "HELP", "214 2.0.0 RFC 5321"],
  [[], "QUIT", "221 2.0.0 Bye"],
  [[], "EXPN list", "500 5.5.1 Command not recognised"],
  [[], "", "500 5.5.1 Command not recognised"],
  [[HELLO], "RSET now", "501 5.5.4 Command takes no argument"],
  [[HELLO, MAIL, RCPT], "DATA now", "501 5.5.4 Command takes no argument"],
  [[HELLO], "AUTH PLAIN", "502 5.5.1 Command not offered here"],
  [[], "GET / HTTP/1.1", "554 5.5.1 This is an SMTP server"],
  [[], `NOOP ${"x".repeat(510)}`, "500 5.5.2 Command line too long"],
  [[], "NOOP \u0001", "500 5.5.2 Command is not valid UTF-8"],
  // MAIL
  [[HELLO], "MAIL", "501 5.5.4 Syntax error in arguments"],
  [[HELLO], "MAIL FROM", "501 5.5.4 Syntax error in arguments"],
  [[HELLO], "MAIL TO:<a@b.test>", "501 5.5.4 Syntax error in arguments"],
  [[HELLO], "MAIL FROM:a@b.test", "501 5.1.7 Malformed sender address"],
  [[HELLO], "MAIL FROM:<a@b.test", "501 5.1.7 Malformed sender address"],
  [[HELLO], "MAIL FROM:<a@>", "501 5.1.7 Malformed sender address"],
  [[HELLO], "MAIL FROM:<postmaster>", "501 5.1.7 Malformed sender address"],
  [[HELLO], "mail from:<a@b.test>", "250 2.1.0 Sender OK"],
  [[HELLO], "MAIL FROM: <a@b.test>", "250 2.1.0 Sender OK"],
  [[HELLO], "MAIL FROM:<>", "250 2.1.0 Sender OK"],
  [[HELLO], 'MAIL FROM:<"a b"@b.test>', "250 2.1.0 Sender OK"],
  [[HELLO], "MAIL FROM:<@x.test,@y.test:a@b.test>", "250 2.1.0 Sender OK"],
  [[HELLO], `MAIL FROM:<${"a".repeat(65)}@b.test>`, "501 5.1.7 Sender address too long"],
  [[HELLO], "MAIL FROM:<ü@b.test>", "553 5.6.7 The address needs SMTPUTF8"],
  [[HELLO], "MAIL FROM:<a@bücher.test>", "553 5.6.7 The address needs SMTPUTF8"],
  [[HELLO], "MAIL FROM:<ü@b.test> SMTPUTF8", "250 2.1.0 Sender OK"],
  [[HELLO], `${MAIL} FOO=BAR`, "555 5.5.4 Parameter not recognised or not offered"],
  [[HELLO], `${MAIL} REQUIRETLS`, "555 5.5.4 Parameter not recognised or not offered"],
  [[HELLO], `${MAIL} AUTH=<>`, "555 5.5.4 Parameter not recognised or not offered"],
  [[HELLO], `${MAIL} NOTIFY=NEVER`, "555 5.5.4 Parameter not recognised or not offered"],
  [[HELLO], `${MAIL} BODY=BINARYMIME`, "501 5.5.4 Parameter malformed or repeated"],
  [[HELLO], `${MAIL} SIZE=1 SIZE=1`, "501 5.5.4 Parameter malformed or repeated"],
  [[HELLO], `${MAIL} SIZE=x`, "501 5.5.4 Parameter malformed or repeated"],
  [[HELLO], `${MAIL} SIZE=157286400`, "250 2.1.0 Sender OK"],
  [[HELLO], `${MAIL} SIZE=157286401`, "552 5.3.4 Message too large"],
  // RCPT
  [[HELLO, MAIL], "RCPT", "501 5.5.4 Syntax error in arguments"],
  [[HELLO, MAIL], "RCPT TO:<>", "501 5.1.3 Malformed recipient address"],
  [[HELLO, MAIL], "RCPT TO:<a@b@c.test>", "501 5.1.3 Malformed recipient address"],
  [[HELLO, MAIL], 'RCPT TO:<"a@b"@c.test>', "250 2.1.5 Recipient OK"],
  [[HELLO, MAIL], "RCPT TO:<PostMaster>", "250 2.1.5 Recipient OK"],
  [[HELLO, MAIL], "RCPT TO:<a@[192.0.2.1]>", "250 2.1.5 Recipient OK"],
  [[HELLO, MAIL], "RCPT TO:<a@[300.0.2.1]>", "501 5.1.3 Malformed recipient address"],
  [[HELLO, MAIL], "RCPT TO:<a@1.2.3.4>", "501 5.1.3 Malformed recipient address"],
  [[HELLO, MAIL], "RCPT TO:<ü@d.test>", "553 5.6.7 The address needs SMTPUTF8"],
  [[HELLO, `${MAIL} SMTPUTF8`], "RCPT TO:<ü@d.test>", "250 2.1.5 Recipient OK"],
  [[HELLO, MAIL], `${RCPT} NOTIFY=NEVER,DELAY`, "501 5.5.4 Parameter malformed or repeated"],
  [[HELLO, MAIL], `${RCPT} NOTIFY=NEVER ORCPT=rfc822;c+2Bx@d.test`, "250 2.1.5 Recipient OK"],
  [[HELLO, MAIL], `${RCPT} BODY=7BIT`, "555 5.5.4 Parameter not recognised or not offered"],
  // DATA and BDAT
  [[HELLO, MAIL, RCPT], "DATA", "354 End data with <CR><LF>.<CR><LF>"],
  [[HELLO, MAIL, RCPT], "BDAT", "501 5.5.4 BDAT needs a size and at most LAST"],
  [[HELLO, MAIL, RCPT], "BDAT x LAST", "501 5.5.4 BDAT needs a size and at most LAST"],
  [[HELLO, MAIL, RCPT], "BDAT 0 FIRST", "501 5.5.4 BDAT needs a size and at most LAST"],
  [[HELLO], "BDAT 0 LAST", "503 5.5.1 No transaction for this data"],
  [[HELLO, MAIL], "BDAT 0 LAST", "554 5.5.1 No valid recipients"],
  [[HELLO, MAIL, RCPT, "BDAT 0"], "DATA", "503 5.5.1 The message has begun with BDAT"],
  [[HELLO, MAIL, RCPT, "BDAT 0"], RCPT, "503 5.5.1 The message has begun with BDAT"],
  [[HELLO, MAIL, RCPT, "BDAT 0"], MAIL, "503 5.5.1 A transaction is open already"],
  [[HELLO, MAIL, RCPT, "BDAT 0"], "NOOP", "250 2.0.0 OK"],
];

describe("dialogs", () => {
  test.each(DIALOGS)("after %j, %s is answered %s", async (before, command, expected) => {
    const { dial } = await listen();
    const dialog = await dial();
    await dialog.sayAll(...before);
    expect((await dialog.say(command)).split("\n")[0]).toBe(expected);
  });

  test("EHLO lists the extensions that are in force without TLS", async () => {
    const { dial } = await listen();
    expect(await (await dial()).say(HELLO)).toBe(
      [
        "250-gw.test",
        "250-PIPELINING",
        "250-SIZE 157286400",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-DSN",
        "250-ENHANCEDSTATUSCODES",
        "250-CHUNKING",
        "250 STARTTLS",
      ].join("\n"),
    );
  });

  test("every reply but those to greeting and hello carries an enhanced status of its class", async () => {
    for (const [, , reply] of DIALOGS) {
      if (/^(?:250.gw|354)/.test(reply)) continue;
      expect(reply).toMatch(/^([245])\d\d \1\.\d\.\d{1,2} /);
    }
  });

  test("a bare postmaster is the configured one, and a recipient named twice is kept once as first given", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll(HELLO, MAIL, "RCPT TO:<postmaster>", `${RCPT} NOTIFY=NEVER`);
    await dialog.sayAll('RCPT TO:<"c"@D.TEST> NOTIFY=SUCCESS', "RCPT TO:<C@d.test>", "DATA", "A: b\r\n.");
    expect(spool.submissions[0]?.recipients.map(({ mailbox, notify }) => [mailbox.address, notify])).toEqual([
      ["postmaster@gw.test", null],
      ["c@d.test", ["never"]],
      ["C@d.test", null],
    ]);
  });
});

describe("lines of the dialog", () => {
  test.each([
    ["LF alone", "NOOP\n"],
    ["CR alone inside", "NO\rOP\r\n"],
    ["NUL inside", "NO\0OP\r\n"],
    ["LF before a command that CRLF ends", "NOOP x\nQUIT\r\n"],
  ])("%s ends the session instead of being guessed at", async (_, bytes) => {
    const { dial } = await listen();
    const dialog = await dial();
    dialog.send(bytes);
    expect(await dialog.reply()).toBe("500 5.5.2 Commands end with CR LF and hold no other control characters");
    expect(await dialog.reply()).toBe("closed");
  });

  test("a command is understood however its bytes are cut", async () => {
    const { dial } = await listen();
    const dialog = await dial();
    for (const character of "EHLO me.test\r\nNOOP\r\n") {
      dialog.send(character);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await dialog.reply()).toMatch(/^250-gw/);
    expect(await dialog.reply()).toBe("250 2.0.0 OK");
  });

  test("an endless line ends the session", async () => {
    const { dial } = await listen();
    const dialog = await dial();
    dialog.send("x".repeat(20_000));
    expect(await dialog.reply()).toBe("500 5.5.2 Command line too long");
    expect(await dialog.reply()).toBe("closed");
  });

  test("a command without its line end is not executed when the peer closes", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll(HELLO, MAIL, RCPT);
    dialog.socket.end("BDAT 0 LAST");
    expect(await dialog.reply()).toBe("closed");
    expect(spool.submissions).toEqual([]);
  });
});

describe("pipelining", () => {
  test("a whole envelope in one packet gets its replies in order", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    dialog.send(`${HELLO}\r\n${MAIL}\r\nRCPT TO:<bad>\r\n${RCPT}\r\nDATA\r\n`);
    const replies = [];
    for (let n = 0; n < 5; n++) replies.push((await dialog.reply()).slice(0, 3));
    expect(replies).toEqual(["250", "250", "501", "250", "354"]);
    dialog.send(`A: b\r\n\r\nx\r\n.\r\n${MAIL}\r\n${RCPT}\r\nQUIT\r\n`);
    for (let n = 0; n < 4; n++) replies.push((await dialog.reply()).slice(0, 3));
    expect(replies.slice(5)).toEqual(["250", "250", "250", "221"]);
    expect(spool.submissions).toHaveLength(1);
  });

  test("data that did not wait for 354 ends the session and gives no orders (RFC 2920 section 3.1)", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll(HELLO, MAIL, RCPT);
    dialog.send(`DATA\r\nA: b\r\n\r\n.\r\n${MAIL}\r\n`);
    expect(await dialog.reply()).toBe("554 5.5.1 Wait for 354 before sending data");
    expect(await dialog.reply()).toBe("closed");
    expect(spool.submissions).toEqual([]);
  });

  test("a peer that closes its side behind QUIT still reads every reply", async () => {
    const { port } = await listen();
    const dialog = Dialog.to(port);
    dialog.socket.end(`${HELLO}\r\nNOOP\r\nQUIT\r\n`);
    expect(await dialog.reply()).toMatch(/^220/);
    expect(await dialog.reply()).toMatch(/^250-gw/);
    expect(await dialog.reply()).toMatch(/^250 2/);
    expect(await dialog.reply()).toMatch(/^221/);
  });
});
