import { describe, expect, test } from "vitest";
import {
  isArmouredMessage,
  isEncryptedCms,
  isRpmsg,
  isWholeEncryptedCms,
  reasonOfUnknown,
} from "./protected-content.ts";

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

describe("isWholeEncryptedCms", () => {
  const oid = "06092a864886f70d010703";
  test.each([
    ["one object", `3012${oid}a0053003020100`, true],
    ["one object with lengths in several bytes", `30820014${oid}a08200053003020100`, true],
    ["one object of indefinite length", `3080${oid}a080308002010000000000000000`, true],
    ["an object with text behind it", `3012${oid}a0053003020100${Buffer.from("Dear Anna").toString("hex")}`, false],
    ["an object shorter than it says", `3013${oid}a0053003020100`, false],
    ["an open end without end marks", `3080${oid}a0803080020100${Buffer.from("Dear Anna").toString("hex")}`, false],
    ["a name with text behind it", `3080${oid}${Buffer.from("Dear Anna").toString("hex")}0000000000`, false],
    ["signed-data", "301206092a864886f70d010702a0053003020100", false],
  ])("tells %s", (_, hex, expected) => {
    expect(isWholeEncryptedCms(Buffer.from(hex, "hex"))).toBe(expected);
  });
});

const session = Buffer.from("c103030102d20401aabbcc", "hex").toString("base64");
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
    ["a session key without data", armour("", Buffer.from("c103030102", "hex").toString("base64")), false],
    ["words after the first packet", armour("", session, "PatientAnnaSample", "diabetes"), false],
    [
      "literal data behind a session key",
      armour("", Buffer.from("c103030102cb026200", "hex").toString("base64")),
      false,
    ],
    ["old packet forms", armour("", Buffer.from("8403030102a401aa", "hex").toString("base64")), true],
    ["data in partial lengths", armour("", Buffer.from("c103030102d2e1010203aabb", "hex").toString("base64")), false],
    [
      "data in whole partial lengths",
      armour("", Buffer.from("c103030102d2e1010202aabb", "hex").toString("base64")),
      true,
    ],
    ["a signed message", "-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nhello", false],
    ["an unfinished one", `-----BEGIN PGP MESSAGE-----\r\n\r\n${session}`, false],
  ])("judges %s", (_, text, expected) => {
    expect(isArmouredMessage(text)).toBe(expected);
  });
});

test.each<[string, Buffer, string]>([
  ["a file by OpenPGP", Buffer.from(session, "base64"), "encrypted"],
  ["an armoured one", Buffer.from(armour("", session)), "encrypted"],
  ["literal data of OpenPGP", Buffer.from(literal, "base64"), "unsupported_type"],
  ["a file by OpenSSL", Buffer.from("Salted__12345678abcdefgh"), "encrypted"],
  ["anything else", Buffer.from("\x01\x02\x03"), "unsupported_type"],
  ["nothing", Buffer.alloc(0), "unsupported_type"],
])("%s is %s", (_, bytes, reason) => {
  expect(reasonOfUnknown(bytes)).toBe(reason);
});

test("a rights-protected message is known by its first bytes", () => {
  expect(isRpmsg(Buffer.from("76e80460c411e386aa", "hex"))).toBe(true);
  expect(isRpmsg(Buffer.from("clear text"))).toBe(false);
  expect(isRpmsg(Buffer.concat([Buffer.from("76e80460c411e386", "hex"), Buffer.from("clear text")]))).toBe(false);
});
