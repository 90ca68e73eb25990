import * as fc from "fast-check";
import { domainToASCII } from "node:url";
import { describe, expect, test } from "vitest";
import { mailboxKey, parseMailbox, toALabel } from "./mailbox.ts";
import { parseMailParameters, parseRcptParameters } from "./parameters.ts";
import { parsePath } from "./path.ts";
import { decodeXtext, encodeXtext } from "./xtext.ts";

const oneCharacterOf = (characters: string) => fc.constantFrom(...Array.from(characters));
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.string({ unit: oneCharacterOf('<>@,:."\\ [];=+-_aüß\u200b\0\r\n0v6IP'), maxLength: 40 }),
);
const atom = fc.string({ unit: oneCharacterOf("abcXYZ09!#$%&'*+/=?^_`{|}~-äß漢"), minLength: 1, maxLength: 8 });
const quoted = fc
  .string({ unit: oneCharacterOf('ab @.<>,:;()[]"\\é'), maxLength: 12 })
  .map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`);
const localPart = fc.oneof(
  fc.array(atom, { minLength: 1, maxLength: 3 }).map((atoms) => atoms.join(".")),
  quoted,
);
const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));

describe("paths", () => {
  test("never throw, whatever the text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect([parsePath(text), parsePath(`<${text}>`), parseMailbox(`a@${text}`), toALabel(text)]).toHaveLength(4);
      }),
      { numRuns: 2_000 },
    );
  });

  test("give back the mailbox that was written, with and without a route", () => {
    fc.assert(
      fc.property(localPart, domain, fc.boolean(), (local, host, hasRoute) => {
        fc.pre(Buffer.byteLength(local) <= 64);
        const address = `${local}@${host}`;
        const path = parsePath(`<${hasRoute ? "@relay.test,@b.test:" : ""}${address}> SIZE=1`);
        expect(path).toMatchObject({
          kind: "mailbox",
          rest: " SIZE=1",
          mailbox: { address, localPart: local, domain: host },
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test("of plain ASCII names have the very domain that IDNA would make of them", () => {
    const name = fc.string({ unit: oneCharacterOf("abXNn019-_.x"), minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(name, (text) => {
        const ascii = domainToASCII(text);
        expect([null, ascii]).toContain(toALabel(text));
      }),
      { numRuns: 5_000 },
    );
  });

  test("that parse again from their own text are the same", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          fc.tuple(localPart, domain).map(([local, host]) => `<${local}@${host}>`),
        ),
        (text) => {
          const first = parsePath(text);
          fc.pre(first.kind === "mailbox");
          expect(parsePath(`<${first.mailbox.address}>`)).toEqual({ ...first, rest: "" });
        },
      ),
    );
  });

  test.each([
    ["<>", "null"],
    ["<postmaster>", "postmaster"],
    ["<PostMaster>", "postmaster"],
    ["<a@b>", "mailbox"],
    [" <a@b>", "mailbox"],
    ['<"a>b"@c.test>', "mailbox"],
    ['<"a\\"b"@c.test>', "mailbox"],
    ['<""@c.test>', "mailbox"],
    ["<@r.test:a@b.test>", "mailbox"],
    [`<${"a".repeat(64)}@b.test>`, "mailbox"],
  ])("%s is a path of kind %s", (text, kind) => {
    expect(parsePath(text).kind).toBe(kind);
  });

  test.each([
    ["", "syntax"],
    ["a@b", "syntax"],
    ["<a@b", "syntax"],
    ["<a@b>x", "syntax"],
    ["<<a@b>>", "syntax"],
    ["<a>", "syntax"],
    ["<@b>", "syntax"],
    ["<a b@c>", "syntax"],
    ["<.a@b>", "syntax"],
    ["<a.@b>", "syntax"],
    ["<a..b@c>", "syntax"],
    ["<a@b@c>", "syntax"],
    ['<"a"b@c>', "syntax"],
    ['<"a@c>', "syntax"],
    ["<@r.test,a@b.test>", "syntax"],
    ["<a\u200b@b.test>", "syntax"],
    ["<a\u202e@b.test>", "syntax"],
    ["<a@>", "bad-domain"],
    ["<a@b.>", "bad-domain"],
    ["<a@b..c>", "bad-domain"],
    ["<a@-b.test>", "bad-domain"],
    ["<a@b%61.test>", "bad-domain"],
    ["<a@127.0.0.1>", "bad-domain"],
    ["<a@0x7f.1>", "bad-domain"],
    ["<a@①.②.③.④>", "bad-domain"],
    ["<a@[127.0.0.1>", "bad-domain"],
    ["<a@[x:y]>", "bad-domain"],
    ["<a@[IPv6:fe80::1%eth0]>", "bad-domain"],
    [`<${"a".repeat(65)}@b.test>`, "local-part-too-long"],
    [`<${"ü".repeat(33)}@b.test>`, "local-part-too-long"],
    [`<a@${"b.".repeat(130)}test>`, "domain-too-long"],
    [`<a@${"b.".repeat(125)}test>`, "bad-domain"],
    [`<${"a".repeat(20)}@${"b.".repeat(115)}testing>`, "path-too-long"],
  ])("%s is refused as %s", (text, problem) => {
    expect(parsePath(text)).toEqual({ kind: "bad", problem });
  });

  test.each([
    ["a@B\u00dcCHER.Test", "xn--bcher-kva.test", true, false],
    ["ü@Example.ORG", "example.org", true, true],
    ["a@example.org", "example.org", false, false],
    ["a@[192.0.2.1]", "[192.0.2.1]", false, false],
    ["a@[ipv6:2001:DB8::1]", "[IPv6:2001:db8::1]", false, false],
  ])("%s belongs to %s", (address, expected, needsSmtpUtf8, isUtf8) => {
    expect(parseMailbox(address)).toMatchObject({ needsSmtpUtf8, mailbox: { address, domain: expected, isUtf8 } });
  });

  test("mailboxes that differ only in needless quoting or the domain's case are the same recipient", () => {
    const key = (address: string): string => {
      const parsed = parseMailbox(address);
      return parsed.kind === "mailbox" ? mailboxKey(parsed.mailbox) : "bad";
    };
    expect(key('"a.b"@x.test')).toBe(key("a.b@X.TEST"));
    expect(key('"a\\b"@x.test')).toBe(key("ab@x.test"));
    expect(key("A@x.test")).not.toBe(key("a@x.test"));
  });
});

describe("xtext", () => {
  test("comes back as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        fc.pre(!/\p{Cc}/u.test(text));
        expect(decodeXtext(encodeXtext(text))).toBe(text);
      }),
    );
  });

  test.each(["+", "+4", "+4g", "+4a", "a b", "a=b", "ü", "+0D+0A", "+00", "+FF"])("%s is none", (text) => {
    expect(decodeXtext(text)).toBeNull();
  });
});

describe("parameters", () => {
  const mail = new Set(["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH", "REQUIRETLS"]);
  const rcpt = new Set(["NOTIFY", "ORCPT"]);

  test("never throw, whatever the text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const results = [
          parseMailParameters(text, mail),
          ...[...mail].map((keyword) => parseMailParameters(` ${keyword}=${text}`, mail)),
          ...[...rcpt].map((keyword) => parseRcptParameters(` ${keyword}=${text}`, rcpt)),
        ];
        for (const { kind } of results) expect(["parameters", "unknown", "malformed"]).toContain(kind);
      }),
    );
  });

  test("of MAIL are read together", () => {
    const text = " size=12 BODY=8bitMIME SMTPUTF8 RET=full ENVID=a+2Bb AUTH=<> REQUIRETLS";
    expect(parseMailParameters(text, mail)).toEqual({
      kind: "parameters",
      sizeBytes: 12,
      body: "8bitmime",
      smtpUtf8: true,
      requireTls: true,
      ret: "full",
      envid: "a+b",
    });
  });

  test.each([
    [" FOO", { kind: "unknown", keyword: "FOO" }],
    [" SIZE", { kind: "malformed", keyword: "SIZE" }],
    [" SIZE=", { kind: "malformed", keyword: "" }],
    [" SIZE=-1", { kind: "malformed", keyword: "SIZE" }],
    [" SIZE=1=1", { kind: "malformed", keyword: "" }],
    [" RET=full RET=full", { kind: "malformed", keyword: "RET" }],
    [" SMTPUTF8=1", { kind: "malformed", keyword: "SMTPUTF8" }],
    [" BODY=BINARYMIME", { kind: "malformed", keyword: "BODY" }],
    [" ENVID=+0A", { kind: "malformed", keyword: "ENVID" }],
    [` ENVID=${"x".repeat(101)}`, { kind: "malformed", keyword: "ENVID" }],
    [" =x", { kind: "malformed", keyword: "" }],
  ])("of MAIL like %j are refused", (text, problem) => {
    expect(parseMailParameters(text, mail)).toEqual(problem);
  });

  test.each([
    [" NOTIFY=NEVER", ["never"], null],
    [" notify=Success,DELAY", ["success", "delay"], null],
    [" ORCPT=RFC822;a+2Bb@c.test", null, { type: "rfc822", address: "a+b@c.test" }],
    [" ORCPT=utf-8;\\x{FC}@c.test", null, { type: "utf-8", address: "ü@c.test" }],
    [" ORCPT=utf-8;ü@c.test", null, { type: "utf-8", address: "ü@c.test" }],
    ["", null, null],
  ])("of RCPT like %j are read", (text, notify, orcpt) => {
    expect(parseRcptParameters(text, rcpt)).toEqual({ kind: "parameters", notify, orcpt });
  });

  test.each([
    " NOTIFY=NEVER,SUCCESS",
    " NOTIFY=SUCCESS,SUCCESS",
    " NOTIFY=SOMETIMES",
    " NOTIFY",
    " NOTIFY=SUCCESS,",
    " ORCPT=a@b.test",
    " ORCPT=rfc822;",
    " ORCPT=rfc822;+0A",
    " ORCPT=utf-8;\\x{D800}",
    " ORCPT=utf-8;\\q",
    ` ORCPT=rfc822;${"x".repeat(500)}`,
  ])("of RCPT like %j are refused", (text) => {
    expect(parseRcptParameters(text, rcpt)).toMatchObject({ kind: "malformed" });
  });
});
