import { describe, expect, test } from "vitest";
import { isArmouredMessage, isEncryptedCms, isRpmsg } from "./protected-content.ts";

const ENVELOPED = Buffer.from("3082010006092a864886f70d010703a0", "hex");
const SIGNED = Buffer.from("3082010006092a864886f70d010702a0", "hex");

describe("isEncryptedCms", () => {
  test.each([
    ["enveloped-data", ENVELOPED, true],
    ["enveloped-data of indefinite length", Buffer.from("308006092a864886f70d010703a080aa", "hex"), true],
    ["authEnvelopedData", Buffer.from("30820100060b2a864886f70d0109100117a082", "hex"), true],
    ["signed-data", SIGNED, false],
    ["clear text", Buffer.from("Dear Anna, here are your results."), false],
    ["nothing", Buffer.alloc(0), false],
  ])("tells %s", (_, bytes, expected) => {
    expect(isEncryptedCms(bytes)).toBe(expected);
  });
});

const session = Buffer.from([0xc1, 0xc0, 0x4c, 0x03, 0x01, 0x02]).toString("base64");
const literal = Buffer.from([0xcb, 0x0b, 0x62, 0x00, 0x01, 0x02]).toString("base64");
const armour = (...body: readonly string[]): string =>
  ["-----BEGIN PGP MESSAGE-----", ...body, "-----END PGP MESSAGE-----"].join("\r\n");

describe("isArmouredMessage", () => {
  test.each([
    ["an encrypted message", armour("Version: X 1", "", session, "=abcd"), true],
    ["one without armour headers", armour("", session), true],
    ["text before it", `hello\r\n${armour("", session)}`, false],
    ["text after it", `${armour("", session)}\r\nhello`, false],
    ["text inside it", armour("", session, "hello there, not base64"), false],
    ["text as an armour header", armour("Dear: Anna", "", session), false],
    ["literal data, which is not encrypted", armour("", literal), false],
    ["a signed message", "-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nhello", false],
    ["an unfinished one", `-----BEGIN PGP MESSAGE-----\r\n\r\n${session}`, false],
  ])("judges %s", (_, text, expected) => {
    expect(isArmouredMessage(text)).toBe(expected);
  });
});

test("a rights-protected message is known by its first bytes", () => {
  expect(isRpmsg(Buffer.from("76e80460c411e386aa", "hex"))).toBe(true);
  expect(isRpmsg(Buffer.from("clear text"))).toBe(false);
});
