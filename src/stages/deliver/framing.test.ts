/** The bytes deliver writes: dot-stuffing, commands, and what it refuses to dial. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReplyParser } from "../../parts/smtp/reply.ts";
import { mailbox, makeRequest } from "../../../test/support/deliver-rig.ts";
import { isPublicAddress } from "../../parts/dns/address-guard.ts";
import { mailCommand, pathOf, rcptCommand } from "./commands.ts";
import { BareLineBreakError, DotStuffer } from "./dot-stuffer.ts";
import { NO_EXTENSIONS, readExtensions } from "./extensions.ts";

function stuff(chunks: readonly Uint8Array[]): string {
  const stuffer = new DotStuffer();
  return Buffer.concat([...chunks.map((chunk) => stuffer.push(chunk)), stuffer.end()]).toString("latin1");
}

function cut(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, "latin1");
  const places = cuts.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...places, bytes.length].map((place, index) => bytes.subarray(places[index - 1] ?? 0, place));
}

function refusedAsBare(chunks: readonly Uint8Array[]): boolean {
  try {
    return unstuff(stuff(chunks)).rest !== "";
  } catch (error) {
    return error instanceof BareLineBreakError;
  }
}

/** As a server undoes it: cut at the first final dot, one leading dot off each line. */
function unstuff(wire: string): { readonly body: string; readonly rest: string } {
  const end = wire.startsWith(".\r\n") ? 0 : wire.indexOf("\r\n.\r\n") + 2;
  const body = wire.slice(0, end).replaceAll(/(^|\r\n)\./g, "$1");
  return { body, rest: wire.slice(end + 3) };
}

describe("dot-stuffing", () => {
  test.each([
    ["", ".\r\n"],
    ["a\r\n", "a\r\n.\r\n"],
    ["a", "a\r\n.\r\n"],
    [".", "..\r\n.\r\n"],
    [".\r\n", "..\r\n.\r\n"],
    ["\r\n.\r\n", "\r\n..\r\n.\r\n"],
    ["a\r\n..\r\n.b\r\n", "a\r\n...\r\n..b\r\n.\r\n"],
    ["a.b\r\n", "a.b\r\n.\r\n"],
  ])("%j becomes %j", (text, expected) => {
    expect(stuff([Buffer.from(text)])).toBe(expected);
  });

  const lines = fc.array(fc.array(fc.constantFrom(".", "a", "..", " "), { maxLength: 4 }).map((l) => l.join("")));
  test("what a server undoes is the message again, however it was cut, and nothing follows the final dot", () => {
    fc.assert(
      fc.property(lines, fc.array(fc.nat()), (lines, cuts) => {
        const text = lines.map((line) => `${line}\r\n`).join("");
        expect(unstuff(stuff(cut(text, cuts)))).toEqual({ body: text, rest: "" });
      }),
    );
  });

  test("a bare CR or LF is refused however it was cut, and nothing else is", () => {
    const soup = fc
      .array(fc.constantFrom("\r\n", "\r", "\n", ".", "a"), { maxLength: 12 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(soup, fc.array(fc.nat()), (text, cuts) => {
        const isBare = /\r(?!\n)|(?<!\r)\n/.test(text);
        expect(refusedAsBare(cut(text, cuts))).toBe(isBare);
      }),
    );
  });
});

describe("commands", () => {
  const all = { ...NO_EXTENSIONS, size: true, dsn: true };
  const wanted = { sizeBytes: 10, eightBitMime: false, smtpUtf8: false, requireTls: false };

  test("the null sender and a domain as A-label", () => {
    const { envelope } = makeRequest({ hosts: [], envelope: { sender: null } });
    expect(mailCommand(envelope, wanted, all)).toBe("MAIL FROM:<> SIZE=10\r\n");
    const recipient = {
      mailbox: { ...mailbox("a@bücher.test"), domain: "xn--bcher-kva.test" },
      notify: null,
      orcpt: null,
    };
    expect(rcptCommand(recipient, all)).toBe("RCPT TO:<a@xn--bcher-kva.test>\r\n");
  });

  test.each(["a\r\nRSET@b.test", "a\u0000@b.test", "a>b@c.test", "a b@c.test", "a\u2028@b.test"])(
    "address %j cannot end a command",
    (address) => {
      expect(() => pathOf(mailbox(address))).toThrow(/address holds/);
    },
  );

  test("a quoted local part may hold what a plain one may not", () => {
    expect(pathOf(mailbox('"a b>"@c.test'))).toBe('"a b>"@c.test');
  });
});

describe("capabilities", () => {
  const read = (text: string) => {
    const parser = new ReplyParser();
    parser.push(Buffer.from(text));
    const reply = parser.take();
    if (reply === null) throw new Error("no reply");
    return readExtensions(reply);
  };
  test("are keywords of lines after the first, in any case", () => {
    expect(read("250-mx STARTTLS\r\n250-pipelining\r\n250-X-STARTTLS\r\n250-AUTH DSN\r\n250 SIZE 99\r\n")).toEqual({
      ...NO_EXTENSIONS,
      pipelining: true,
      size: true,
      sizeBytesMax: 99,
    });
  });
  test("are never the greeting line, whatever it says", () => {
    expect(read("250 STARTTLS\r\n")).toEqual(NO_EXTENSIONS);
    expect(read("250-PIPELINING\r\n250 DSN\r\n")).toEqual({ ...NO_EXTENSIONS, dsn: true });
  });
  test.each(["SIZE", "SIZE 0", "SIZE many", "SIZE 99999999999999999999"])("%s names no limit", (line) => {
    expect(read(`250-mx\r\n250 ${line}\r\n`)).toMatchObject({ size: true, sizeBytesMax: null });
  });
});

describe("the guard", () => {
  test.each(["8.8.8.8", "100.63.255.255", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"])(
    "lets %s through",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
  test.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "2001:db8::1",
    "mx.test",
    "",
    "8.8.8",
  ])("refuses %s", (address) => expect(isPublicAddress(address)).toBe(false));
});
