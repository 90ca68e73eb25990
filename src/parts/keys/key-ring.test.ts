import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { KeyUnusableError, SealBrokenError } from "./key-errors.ts";
import { KeyRing } from "./key-ring.ts";

const raw = randomBytes(32);

function ringOf(bytes: Uint8Array): KeyRing {
  return new KeyRing({ spool: { name: "keys.spool", bytes } });
}

describe("a key is read", () => {
  test.each([
    ["raw", raw],
    ["hexadecimal", Buffer.from(raw.toString("hex"))],
    ["hexadecimal in upper case with a line break", Buffer.from(`${raw.toString("hex").toUpperCase()}\n`)],
    ["base64", Buffer.from(raw.toString("base64"))],
    ["base64 with a line break", Buffer.from(`${raw.toString("base64")}\r\n`)],
    ["base64url without padding", Buffer.from(raw.toString("base64url"))],
  ])("as %s, and is the same key each time", (_form, bytes) => {
    expect(ringOf(bytes).id("spool")).toBe(ringOf(raw).id("spool"));
  });

  test.each([
    ["nothing", Buffer.alloc(0), "is empty"],
    ["31 bytes", randomBytes(31), "has 31 bytes"],
    ["33 bytes", Buffer.concat([raw, Buffer.of(0xff)]), "has 33 bytes"],
    [
      "16 bytes in hexadecimal",
      Buffer.from("00112233445566778899aabbccddeeff"),
      "has 32 hexadecimal characters, which are only 16 bytes",
    ],
    ["base64 of 16 bytes", Buffer.from(randomBytes(16).toString("base64")), "has 24 bytes"],
    ["32 zero bytes", Buffer.alloc(32), "has 32 equal bytes"],
    ["64 zero digits", Buffer.from("0".repeat(64)), "has 32 equal bytes"],
  ])("but not from %s; the error names the key and what is wrong", (_form, bytes, what) => {
    expect(() => ringOf(bytes)).toThrow(KeyUnusableError);
    expect(() => ringOf(bytes)).toThrow(`PST-SPL-010 the key keys.spool ${what}`);
  });

  test("and the error holds nothing of it", () => {
    const text = "not-a-key-but-maybe-a-password-typed-here";
    expect(() => ringOf(Buffer.from(text))).toThrow(expect.not.stringContaining("password") as string);
  });
});

test("two roles with the same key are refused, in whatever form they are written", () => {
  const spool = { name: "keys.spool", bytes: raw };
  const addresses = { name: "keys.addresses", bytes: Buffer.from(raw.toString("hex")) };
  expect(() => new KeyRing({ spool, addresses })).toThrow(/PST-SPL-011.*keys\.spool and keys\.addresses/);
});

test("a role without a key says so when it is used", () => {
  expect(() => ringOf(raw).wrap("addresses", randomBytes(32), "x")).toThrow(/PST-SPL-012.*addresses/);
});

describe("a wrapped data key", () => {
  const ring = ringOf(raw);
  const dataKey = randomBytes(32);

  test("opens in its own place and looks different each time", () => {
    const [a, b] = [ring.wrap("spool", dataKey, "blob 1"), ring.wrap("spool", dataKey, "blob 1")];
    expect(a).not.toBe(b);
    expect(ring.unwrap("spool", a, "blob 1")).toEqual(dataKey);
    expect(ring.unwrap("spool", b, "blob 1")).toEqual(dataKey);
  });

  test("does not open elsewhere, altered in any byte, or cut short", () => {
    const wrapped = Buffer.from(ring.wrap("spool", dataKey, "blob 1"), "base64");
    expect(() => ring.unwrap("spool", wrapped.toString("base64"), "blob 2")).toThrow(SealBrokenError);
    for (let at = 0; at < wrapped.length; at += 1) {
      const altered = Buffer.from(wrapped);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect(() => ring.unwrap("spool", altered.toString("base64"), "blob 1"), `byte ${at}`).toThrow(SealBrokenError);
    }
    for (const length of [0, 1, 9, 20, wrapped.length - 1]) {
      const cut = wrapped.subarray(0, length).toString("base64");
      expect(() => ring.unwrap("spool", cut, "blob 1"), `${length} bytes`).toThrow(SealBrokenError);
    }
  });

  test("under another key names both keys by id", () => {
    const other = ringOf(randomBytes(32));
    const wrapped = other.wrap("spool", dataKey, "blob 1");
    expect(() => ring.unwrap("spool", wrapped, "blob 1")).toThrow(
      new RegExp(`${other.id("spool")}.*${ring.id("spool")}`),
    );
  });
});

test("keys derived for different purposes or from different roles are unrelated", () => {
  const ring = new KeyRing({
    spool: { name: "a", bytes: raw },
    addresses: { name: "b", bytes: randomBytes(32) },
  });
  const keys = [ring.derive("spool", "one"), ring.derive("spool", "two"), ring.derive("addresses", "one")];
  expect(new Set(keys.map((key) => key.toString("hex"))).size).toBe(3);
  expect(ring.derive("spool", "one")).toEqual(keys[0]);
});

describe("after a change of keys", () => {
  const old = { name: "keys.spool", bytes: randomBytes(32) };
  const present = { name: "keys.spool", bytes: randomBytes(32) };
  const ring = new KeyRing({ spool: old });
  const wrapped = ring.wrap("spool", Buffer.from("a data key"), "blob 1");

  test("what the key of before wrapped still opens, and only the present one wraps", () => {
    const both = new KeyRing({ spool: present, previous: { spool: [old] } });
    expect(both.unwrap("spool", wrapped, "blob 1").toString()).toBe("a data key");
    expect(both.wrap("spool", Buffer.from("x"), "blob 2").startsWith(both.mark("spool"))).toBe(true);
    expect(wrapped.startsWith(both.mark("spool"))).toBe(false);
    expect(both.ids("spool")).toEqual([new KeyRing({ spool: present }).id("spool"), ring.id("spool")]);
  });

  test("new keys without the one in use are refused, and the ring stays as it was", () => {
    expect(() => ring.replace({ spool: present })).toThrow(/^PST-SPL-014/);
    expect(ring.unwrap("spool", wrapped, "blob 1").toString()).toBe("a data key");
    ring.replace({ spool: present, previous: { spool: [old] } });
    expect(ring.unwrap("spool", wrapped, "blob 1").toString()).toBe("a data key");
  });

  test("a key that is listed twice, or in two roles, is refused", () => {
    expect(() => new KeyRing({ spool: present, previous: { spool: [present] } })).toThrow("PST-SPL-011");
    expect(() => new KeyRing({ spool: old, addresses: present, previous: { spool: [present] } })).toThrow(
      "PST-SPL-011",
    );
  });
});
